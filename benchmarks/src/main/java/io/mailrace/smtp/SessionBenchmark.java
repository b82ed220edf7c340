// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Event;
import io.mailrace.core.SigningFacts;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Draft;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.RouteTerms;
import io.mailrace.queue.Submission;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A whole dialogue of one message on an open session, without sockets and without a disk: commands,
 * header with its checks and Received field, content, the reply after the commit.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SessionBenchmark {
    private static final SigningFacts NO_KEYS = new SigningFacts() {
        @Override
        public boolean signsAny() {
            return false;
        }

        @Override
        public boolean signs(String fromDomain) {
            return false;
        }

        @Override
        public boolean covers(String field) {
            return true;
        }
    };

    /** Octets of the body. */
    @Param({"2048", "10240", "102400"})
    private int bytes;

    private final World world = new World();
    private @Nullable SmtpSession session;
    private byte[] commands = new byte[0];
    private byte[] content = new byte[0];

    @Setup
    public void setUp() {
        var source = ConfigSource.ofText("listeners { relay { bind = \"127.0.0.1:0\", tls = off,"
                + " relay-from = [\"127.0.0.0/8\"] } }");
        var config = SmtpServerConfig.from(source.root(), "mta.test");
        ListenerConfig listener = config.listeners().get("relay");
        if (listener == null) {
            throw new IllegalStateException("no listener");
        }
        var terms = new SessionTerms("mta.test", "relay", listener,
                new ListenerShare(listener.pressure()),
                new MessagePolicy(config.submission(), "mta.test", NO_KEYS, Set.of("default"),
                        rule -> {}, tenant -> false),
                new MailDate(), new LongAdder(), new LongAdder());
        var made = new SmtpSession(terms, ClientOrigin.of(InetAddress.getLoopbackAddress(),
                listener), world, TimeSource.system());
        session = made;
        made.opened("", Optional.empty());
        feed(made, "EHLO client.test\r\n".getBytes(StandardCharsets.US_ASCII));
        commands = "MAIL FROM:<app@shop.test>\r\nRCPT TO:<someone@example.com>\r\nDATA\r\n"
                .getBytes(StandardCharsets.US_ASCII);
        String line = "a".repeat(70) + "\r\n";
        String header = String.join("\r\n", "From: App <app@shop.test>",
                "To: <someone@example.com>", "Subject: Hello",
                "Date: Sat, 21 Nov 2026 09:00:00 +0000", "Message-ID: <1@shop.test>",
                "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "", "");
        content = (header + line.repeat(bytes / line.length()) + ".\r\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** Bytes come as sockets bring them: the group, then the content in pieces of 64 KB. */
    @Benchmark
    public long message() {
        SmtpSession open = session;
        if (open == null) {
            throw new IllegalStateException("not set up");
        }
        long before = world.accepted;
        feed(open, commands);
        feed(open, content);
        if (world.accepted != before + 1) {
            throw new IllegalStateException("not accepted: " + world.last);
        }
        return world.accepted;
    }

    private void feed(SmtpSession open, byte[] bytes) {
        for (int at = 0; at < bytes.length;) {
            int to = Math.min(bytes.length, at + (64 << 10));
            at += open.receive(bytes, at, to);
            world.commit();
        }
    }

    /** Answers everything at once and keeps nothing. */
    private static final class World implements Outside {
        private final IntakeBudget budget = new IntakeBudget(1L << 30);
        private @Nullable CommitListener waiting;
        private long accepted;
        private @Nullable SmtpReply last;

        private void commit() {
            CommitListener told = waiting;
            if (told != null) {
                waiting = null;
                accepted++;
                told.committed();
            }
        }

        @Override
        public void reply(SmtpReply reply) {
            last = reply;
        }

        @Override
        public void close() {}

        @Override
        public void cutOff() {}

        @Override
        public void startTls() {}

        @Override
        public void verify(SaslDialogue.Credentials login) {}

        @Override
        public ScramSecret scramSecret(String user) {
            throw new IllegalStateException("nobody logs in");
        }

        @Override
        public boolean offersScram() {
            return false;
        }

        @Override
        public Optional<Identity> userNamed(String name) {
            return Optional.empty();
        }

        @Override
        public boolean become(ClientOrigin client) {
            return true;
        }

        @Override
        public IncomingContent newContent() {
            return new Content();
        }

        @Override
        public Optional<SmtpReply> admit(Ask ask) {
            return Optional.empty();
        }

        @Override
        public IntakeBudget.Grant newRoom(String owner) {
            return budget.open(owner);
        }

        @Override
        public void rejected(Event.Intake from, String stage, SmtpReply reply) {}

        @Override
        public void listensAgain() {}

        private final class Content implements IncomingContent {
            private static final byte[] STORE = new byte[1 << 20];
            private long size;

            @Override
            public SpoolId id() {
                return new SpoolId(1);
            }

            @Override
            public Set<String> routedFields() {
                return Set.of();
            }

            @Override
            public RouteTerms terms(Draft draft) {
                return RouteTerms.NONE;
            }

            @Override
            public void append(byte[] bytes, int offset, int length) {
                System.arraycopy(bytes, offset, STORE, 0, Math.min(length, STORE.length));
                size += length;
            }

            @Override
            public long sizeBytes() {
                return size;
            }

            @Override
            public boolean writable() {
                return true;
            }

            @Override
            public void accept(Submission submission, CommitListener listener) {
                waiting = listener;
            }

            @Override
            public void discard() {}
        }
    }
}
