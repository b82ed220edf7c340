// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Event;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Metrics;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.core.testing.Patience;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.EventJournal;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.QueueConfig;
import io.mailrace.queue.RocksSpool;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.Submission;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A spool, a DNS server and delivery with short limits, all on loopback. */
final class DeliveryFixture implements AutoCloseable {
    static final long PATIENCE_SECONDS = 30;
    private static final String CONFIG = """
            retry { default { intervals = [80ms], max-age = 1h } }
            delivery {
              allow-destinations = ["127.0.0.0/8"], park-first = 50ms, park-max = 200ms
              timeouts { connect = 20s, greeting = 20s, ehlo = 20s, tls = 20s, mail = 20s
                rcpt = 20s, data = 20s, content = 20s, end-of-data = 20s, quit = 20s }
            }
            dns { timeout = 5s, min-ttl = 100ms }
            """;
    /** For tests with peers that do not answer; a machine that stands still looks the same. */
    static final String SHORT_TIMES = """
            delivery.timeouts { greeting = 500ms, ehlo = 500ms, mail = 500ms, rcpt = 500ms
              data = 500ms, content = 500ms, end-of-data = 500ms, quit = 500ms }
            """;

    /** Signs nothing. */
    static class NoSigner implements MessageSigner {
        @Override
        public boolean signs(ContentFacts facts) {
            return false;
        }

        @Override
        public Signature sign(Content content, ContentFacts facts) {
            return Signature.NONE;
        }

        @Override
        public void close() {}
    }

    final Metrics metrics = new Metrics();
    final TestDns dns;
    final RocksSpool spool;
    final Delivery delivery;
    private final EventLoopGroup loops;
    private boolean closed;

    DeliveryFixture(Path directory, TestDns dns, MessageSigner signer, String more) {
        this(directory, dns, signer, TimeSource.system(), more);
    }

    DeliveryFixture(Path directory, TestDns dns, MessageSigner signer, TimeSource time,
            String more) {
        this.dns = dns;
        ConfigSource source = ConfigSource.ofText("spool { path = \"" + directory
                + "\", write-buffer = 4m, min-free = 0 }\n" + CONFIG + "dns { servers = [\""
                + dns.address() + "\"] }\n" + more);
        QueueConfig queue = QueueConfig.from(source.root(), "mta.example.com");
        DeliveryConfig config = DeliveryConfig.from(source.root(), "mta.example.com");
        loops = new MultiThreadIoEventLoopGroup(2, Epoll.isAvailable()
                ? EpollIoHandler.newFactory()
                : NioIoHandler.newFactory());
        spool = RocksSpool.open(queue, time, metrics);
        delivery = Delivery.start(config, spool, signer, loops, time, metrics,
                List.of("example.com"));
    }

    static byte[] message(String body) {
        return ("From: app@example.com\r\nSubject: test\r\n\r\n" + body + "\r\n")
                .getBytes(StandardCharsets.ISO_8859_1);
    }

    SpoolId submit(String body, String... recipients) {
        return submit(message(body), recipients);
    }

    SpoolId submitFrom(String sender, String body, String... recipients) {
        return submit(sender, message(body), recipients);
    }

    SpoolId submit(byte[] content, String... recipients) {
        return submit("app@example.com", content, recipients);
    }

    /** With REQUIRETLS. */
    SpoolId submitOverTls(String body, String recipient) {
        return submit("default", "app@example.com", MailOptions.NONE.withRequireTls(true),
                message(body), recipient);
    }

    /** Octets that came as BINARYMIME. */
    SpoolId submitBinary(String body, String recipient) {
        byte[] content = message(body);
        return submit("default", "app@example.com",
                MailOptions.NONE.with(MailOptions.Body.BINARY_MIME),
                TestMail.facts(content, true, false, true), content, recipient);
    }

    /** With a tag, as header X-Mailrace-Tag sets it. */
    SpoolId submitTagged(String tag, String body, String recipient) {
        byte[] content = message(body);
        ContentFacts facts = TestMail.facts(content, false, false);
        return submit("default", "app@example.com", MailOptions.NONE, new ContentFacts(
                facts.sizeBytes(), false, false, false, false, facts.fromDomain(),
                facts.messageId(), tag), content, recipient);
    }

    SpoolId submitMail(String sender, byte[] content, String recipient) {
        return submit("default", sender, content, recipient);
    }

    SpoolId submitAs(String tenant, String sender, String body, String... recipients) {
        return submit(tenant, sender, message(body), recipients);
    }

    private SpoolId submit(String sender, byte[] content, String... recipients) {
        return submit("default", sender, content, recipients);
    }

    private SpoolId submit(String tenant, String sender, byte[] content, String... recipients) {
        return submit(tenant, sender, MailOptions.NONE, content, recipients);
    }

    private SpoolId submit(String tenant, String sender, MailOptions options, byte[] content,
            String... recipients) {
        return submit(tenant, sender, options, TestMail.facts(content, false, false), content,
                recipients);
    }

    /** Into a spool that nobody delivers from. */
    static SpoolId submitTo(RocksSpool spool, String recipient) {
        byte[] content = message("x");
        return submit(spool, "default", "app@example.com", MailOptions.NONE,
                TestMail.facts(content, false, false), content, recipient);
    }

    private SpoolId submit(String tenant, String sender, MailOptions options, ContentFacts facts,
            byte[] content, String... recipients) {
        return submit(spool, tenant, sender, options, facts, content, recipients);
    }

    private static SpoolId submit(RocksSpool spool, String tenant, String sender,
            MailOptions options, ContentFacts facts,
            byte[] content, String... recipients) {
        IncomingContent incoming = spool.newContent(Runnable::run, () -> {});
        for (int at = 0; at < content.length; at += 60_000) {
            int from = at;
            await(incoming::writable);
            incoming.append(content, from, Math.min(60_000, content.length - from));
        }
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        List<Recipient> to = Arrays.stream(recipients).map(one -> new Recipient(
                TestMail.address(one))).toList();
        incoming.accept(new Submission(TestMail.address(sender), to,
                options, facts, tenant,
                new Event.Intake("relay", "127.0.0.1", "", "test", "")), new CommitListener() {
                    @Override
                    public void committed() {
                        done.complete(true);
                    }

                    @Override
                    public void failed(SpoolException why) {
                        done.completeExceptionally(why);
                    }
                });
        done.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
        return incoming.id();
    }

    /** Every attempt of a message so far, as {@code address kind code} texts. */
    List<Event.Attempted> attempts(SpoolId id) {
        List<Event.Attempted> found = new ArrayList<>();
        for (EventJournal.Recorded one : spool.journal().ofMessage(id, 1000).events()) {
            if (one.event() instanceof Event.Attempted attempted) {
                found.add(attempted);
            }
        }
        return found;
    }

    List<RecipientOutcome> outcomes(SpoolId id) {
        return attempts(id).stream().flatMap(one -> one.outcomes().stream()).toList();
    }

    void awaitEmpty() {
        await(() -> spool.queues().waiting() == 0);
    }

    /** For scripts of peers: waits for the latch, but not for ever. */
    static void pass(CountDownLatch latch) {
        try {
            if (!latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError("waited in vain");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    static void await(BooleanSupplier condition) {
        Patience.await(Duration.ofSeconds(PATIENCE_SECONDS), condition);
    }

    void stop(Duration limit) {
        if (!closed) {
            closed = true;
            delivery.close(limit);
            spool.close();
            loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly(5,
                    TimeUnit.SECONDS);
        }
    }

    @Override
    public void close() {
        stop(Duration.ofSeconds(5));
    }
}
