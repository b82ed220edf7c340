// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Content;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueConfig;
import io.mailrace.queue.QueueStatus;
import io.mailrace.queue.RocksSpool;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From a socket to the real spool on disk and back after a restart. */
class EndToEndSpoolTest {
    @TempDir
    private Path directory;

    private RocksSpool open() {
        ConfigSource source = ConfigSource.ofText("spool { path = \"" + directory
                + "\", write-buffer = 4m, min-free = 0 }");
        return RocksSpool.open(QueueConfig.from(source.root(), "mta.test"), TimeSource.system(),
                new Metrics());
    }

    private static byte[] body(int seed, int lines) {
        StringBuilder text = new StringBuilder("Subject: " + seed + "\r\nDate: d\r\nMessage-ID: <"
                + seed + "@test>\r\nFrom: a@example.com\r\n\r\n");
        for (int i = 0; i < lines; i++) {
            text.append(i % 7 == 0 ? "." : "").append("line ").append(seed).append(' ').append(i)
                    .append(" \u00fc").append("z".repeat(i % 60)).append("\r\n");
        }
        return text.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] stuffed(byte[] content) {
        String text = TestClient.text(content);
        return Fixture.latin1(text.replace("\r\n.", "\r\n..") + ".\r\n");
    }

    @Test
    void messages_acceptedOverSockets_areOnDiskByteForByte() throws Exception {
        int sessions = 20;
        try (RocksSpool spool = open();
                TestServer server = TestServer.start(
                        Fixture.config("submission.max-size = 20m"), spool);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int s = 0; s < sessions; s++) {
                int seed = s;
                all.add(clients.submit(() -> {
                    // Some larger than a few chunks, by DATA and by BDAT.
                    byte[] content = body(seed, seed % 5 == 0 ? 20_000 : 50);
                    try (TestClient client = server.greeted("relay")) {
                        client.ask("EHLO c");
                        client.ask("MAIL FROM:<a@example.com>");
                        client.ask("RCPT TO:<r" + seed + "@example.net>");
                        if (seed % 2 == 0) {
                            client.ask("DATA");
                            client.send(stuffed(content));
                        } else {
                            client.say("BDAT " + content.length + " LAST");
                            client.send(content);
                        }
                        assertThat(client.reply()).startsWith("250 2.0.0 queued as ");
                    }
                    return null;
                }));
            }
            for (Future<?> one : all) {
                one.get(60, TimeUnit.SECONDS);
            }
        }
        try (RocksSpool spool = open()) {
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> spool.queues().waiting() == sessions);
            List<Envelope> found = takeAll(spool, sessions);
            for (Envelope envelope : found) {
                String to = envelope.recipients().getFirst().address().localPart();
                int seed = Integer.parseInt(to.substring(1));
                String text = TestClient.text(read(spool.content(envelope)));
                String sent = TestClient.text(body(seed, seed % 5 == 0 ? 20_000 : 50));
                assertThat(text).startsWith("Received: from c ([127.0.0.1])").endsWith(sent);
                assertThat(text.indexOf(sent)).isLessThan(300);
                assertThat(envelope.facts().leadingDot()).isTrue();
                assertThat(envelope.facts().fromDomain()).isEqualTo("example.com");
            }
        }
    }

    private static List<Envelope> takeAll(RocksSpool spool, int count) {
        List<Envelope> found = new ArrayList<>();
        spool.queues().listen(queue -> {});
        await().atMost(Duration.ofSeconds(20)).until(() -> {
            for (QueueStatus status : spool.queues().statuses()) {
                MailQueue queue = spool.queues().find(status.key()).orElseThrow();
                found.addAll(queue.take(100));
            }
            return found.size() == count;
        });
        return found;
    }

    private static byte[] read(Content content) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int i = 0; i < content.chunkCount(); i++) {
            all.writeBytes(content.chunk(i));
        }
        return all.toByteArray();
    }
}
