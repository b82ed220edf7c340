// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.bounced;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Content;
import io.mailrace.core.Event;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process that accepts and settles numbered messages, again and again on one spool, and
 * accounts for every id it was told of. A killed process loses no write, so this proves that
 * batches are whole and acknowledgements honest; power loss is the sync's business.
 */
class CrashTest {
    private static final int ROUNDS = 4;
    private static final int OTHER_DOMAINS = 3;

    @TempDir
    Path directory;

    /** The content of message number n: its size and bytes follow from n. */
    private static byte[] content(int number) {
        Random random = new Random(number);
        int size = number % 50 == 7
                ? 2 * Content.CHUNK_BYTES + random.nextInt(Content.CHUNK_BYTES)
                : 200 + random.nextInt(5000);
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        byte[] head = ("Subject: " + number + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(head, 0, bytes, 0, head.length);
        return bytes;
    }

    /** The child: prints a line for each acknowledgement it gets, until it is killed. */
    public static final class Child {
        private Child() {}

        private static final PrintStream OUT = new PrintStream(
                new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

        public static void main(String[] args) {
            int first = Integer.parseInt(args[1]);
            SpoolFixture fixture = new SpoolFixture(Path.of(args[0]), new FakeTimeSource(),
                    sink -> sink);
            fixture.spool.queues().listen(queue -> fixture.spool.readers().execute(() -> {
                List<Envelope> taken;
                do {
                    taken = queue.take(5);
                    taken.forEach(envelope -> settle(fixture, envelope));
                } while (taken.size() == 5);
            }));
            AtomicInteger running = new AtomicInteger();
            for (int number = first;; number++) {
                await(() -> running.get() < 20);
                running.incrementAndGet();
                submit(fixture, number, running);
            }
        }

        private static void submit(SpoolFixture fixture, int number, AtomicInteger running) {
            byte[] content = content(number);
            List<Recipient> recipients = new ArrayList<>();
            recipients.add(new Recipient(SpoolFixture.address("u" + number + "@keep.test")));
            for (int i = 0; i < number % OTHER_DOMAINS; i++) {
                recipients.add(new Recipient(SpoolFixture.address("u@go" + i + ".test")));
            }
            IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
            incoming.append(content, 0, content.length);
            incoming.accept(SpoolFixture.submission(content, "app@example.com",
                    recipients.toArray(Recipient[]::new)), new CommitListener() {
                        @Override
                        public void committed() {
                            running.decrementAndGet();
                            print("accepted " + incoming.id() + " " + number);
                        }

                        @Override
                        public void failed(SpoolException why) {
                            print("failed " + why);
                        }
                    });
        }

        /** Mail to keep.test is deferred or bounced by number and so stays to be counted. */
        private static void settle(SpoolFixture fixture, Envelope envelope) {
            String domain = envelope.queue().destination();
            SpoolFixture.Outcome outcome = switch (domain) {
                case "keep.test" -> envelope.id().value() % 4 == 0
                        ? fixture.settle(envelope, false, bounced())
                        : fixture.settle(envelope, false, deferred());
                case "example.com" -> null;
                default -> fixture.settle(envelope, false, delivered());
            };
            if (outcome != null && domain.startsWith("go")) {
                outcome.then(() -> print("settled " + envelope.id() + " " + envelope.ordinal()));
            }
        }

        private static void print(String line) {
            OUT.println(line);
        }
    }

    @Test
    void killedAtRandomMoments_nothingAcknowledgedIsLostOrHalf() throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        Map<SpoolId, Integer> accepted = new TreeMap<>();
        Set<String> settled = new HashSet<>();
        for (int round = 0; round < ROUNDS; round++) {
            int lines = runAndKill(1 + round * 1_000_000, 200 + random.nextInt(1500), accepted,
                    settled);
            assertThat(lines).as("seed " + seed).isPositive();
            check(seed, accepted, settled);
        }
    }

    /** Runs a child until it has printed so many lines and a little longer, then kills it. */
    private int runAndKill(int first, int lines, Map<SpoolId, Integer> accepted,
            Set<String> settled) throws IOException, InterruptedException {
        Process child = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                Child.class.getName(), directory.toString(), String.valueOf(first))
                .redirectErrorStream(true).start();
        int seen = 0;
        try (BufferedReader out = new BufferedReader(
                new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                String[] words = line.split(" ");
                if (words[0].equals("accepted")) {
                    accepted.put(SpoolId.parse(words[1]).orElseThrow(),
                            Integer.valueOf(words[2]));
                } else if (words[0].equals("settled")) {
                    settled.add(words[1] + " " + words[2]);
                }
                if (++seen == lines) {
                    // Not through Process: that would close the pipe with lines still in it.
                    child.toHandle().destroyForcibly();
                }
            }
        } finally {
            child.destroyForcibly().waitFor();
        }
        return seen;
    }

    private void check(long seed, Map<SpoolId, Integer> accepted, Set<String> settled) {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            assertThat(fixture.metrics.snapshot().get("spool_lost_batches_total")).isZero();
            Set<SpoolId> kept = new TreeSet<>();
            List<String> wrong = new ArrayList<>();
            long rows = 0;
            for (QueueStatus status : fixture.spool.queues().statuses()) {
                MailQueue queue = fixture.spool.queues().find(status.key()).orElseThrow();
                // Everything due, deferred mail included.
                List<Envelope> all = new ArrayList<>();
                await(() -> {
                    fixture.time.advance(Duration.ofSeconds(10));
                    all.addAll(queue.take(500));
                    return all.size() >= queue.status().waiting();
                });
                rows += all.size();
                for (Envelope envelope : all) {
                    look(fixture, envelope, accepted, settled, kept, wrong);
                }
                assertThat(queue.take(1)).isEmpty();
            }
            assertThat(rows).isEqualTo(fixture.spool.queues().waiting());
            accepted.keySet().stream().filter(id -> !kept.contains(id))
                    .filter(id -> !bouncedWithDsn(fixture, id))
                    .forEach(id -> wrong.add("lost " + id));
            assertThat(wrong).as("seed " + seed).isEmpty();
        }
    }

    private static void look(SpoolFixture fixture, Envelope envelope,
            Map<SpoolId, Integer> accepted, Set<String> settled, Set<SpoolId> kept,
            List<String> wrong) {
        byte[] bytes = fixture.read(envelope);
        if (envelope.queue().destination().equals("keep.test")) {
            kept.add(envelope.id());
        }
        if (settled.contains(envelope.id() + " " + envelope.ordinal())) {
            wrong.add("settled but there " + envelope.id());
        }
        Integer number = accepted.get(envelope.id());
        if (number != null && !Arrays.equals(bytes, content(number))) {
            wrong.add("altered " + envelope.id());
        }
    }

    /** A bounced message is gone, but only together with its one notification. */
    private static boolean bouncedWithDsn(SpoolFixture fixture, SpoolId id) {
        List<Event> events = fixture.events(id);
        return events.stream().filter(Event.DsnSent.class::isInstance).count() == 1;
    }
}
