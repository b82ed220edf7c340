// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.jspecify.annotations.Nullable;

/**
 * Every stage of the dialogue with every kind of misbehaviour of the peer, in the clear and under
 * TLS, with and without PIPELINING: what becomes of the mail, that it arrives when the peer is well
 * again, and that mail to others goes on meanwhile. All cells run at once against one delivery; the
 * table is written to {@code target/fault-matrix.txt}.
 */
class FaultMatrixTest {
    private static final String SLOW_LIMITS = """
            delivery { messages-per-connection = 1
              timeouts { connect = 10s, greeting = 4s, ehlo = 4s, tls = 8s, mail = 4s, rcpt = 4s
                data = 4s, content = 4s, end-of-data = 4s, quit = 4s } }
            """;

    /** How the peer is reached. */
    private enum Mode {
        PLAIN, PIPELINING, TLS
    }

    /** What the first attempt must come to. */
    private enum Outcome {
        DELIVERED, DEFERRED, MAYBE_DELIVERED, BOUNCED
    }

    /** One cell; the peer misbehaves on its first connection only. */
    private record Cell(int number, Mode mode, String stage, String fault, Outcome expected) {
        String domain() {
            return "cell" + number + ".test";
        }

        String address() {
            return "127.1." + number / 200 + "." + (number % 200 + 1);
        }

        String name() {
            return String.format(Locale.ROOT, "%-10s %-9s %-16s %s", mode, stage, fault,
                    expected);
        }
    }

    /** Stages in the order of the way; STARTTLS and its handshake stand for themselves. */
    private static final List<String> STAGES = List.of("GREETING", "EHLO", "MAIL", "RCPT", "DATA",
            "DOT", "QUIT");

    @TempDir
    Path directory;

    private static List<Cell> cells() {
        List<Cell> cells = new ArrayList<>();
        List<String> faults = new ArrayList<>(Stream.of(TestPeer.Fault.values())
                .map(TestPeer.Fault::token).toList());
        faults.addAll(List.of("450 4.3.0 later", "550 5.7.1 never", "421 4.3.2 bye",
                TestPeer.DROP, TestPeer.STALL));
        for (Mode mode : Mode.values()) {
            for (String stage : STAGES) {
                if (mode == Mode.TLS && stage.equals("GREETING")) {
                    continue; // it is said before TLS
                }
                for (String fault : faults) {
                    cells.add(new Cell(cells.size(), mode, stage, fault,
                            expected(stage, fault)));
                }
            }
        }
        // opportunistic: what fails in TLS goes in the clear, unless somebody may be injecting
        for (String[] one : new String[][]{{"454 4.7.0 not now", "DELIVERED"},
                {"502 5.5.1 unknown", "DELIVERED"}, {"421 4.3.2 bye", "DEFERRED"},
                {TestPeer.DROP, "DELIVERED"}, {TestPeer.Fault.TWO_REPLIES.token(), "DEFERRED"},
                {TestPeer.Fault.WORDS.token(), "DEFERRED"}}) {
            cells.add(new Cell(cells.size(), Mode.TLS, "STARTTLS", one[0],
                    Outcome.valueOf(one[1])));
        }
        return cells;
    }

    /** By the RFCs and the module's promises, not by what the code does. */
    private static Outcome expected(String stage, String fault) {
        boolean harmless = Stream.of(TestPeer.Fault.SPLIT, TestPeer.Fault.LINES,
                TestPeer.Fault.NO_TEXT, TestPeer.Fault.LINE_FEED_ONLY)
                .anyMatch(one -> one.token().equals(fault));
        // RFC 5321 4.1.1.10: the mail is settled before QUIT
        if (harmless || stage.equals("QUIT")) {
            return Outcome.DELIVERED;
        }
        if (fault.startsWith("450") || fault.startsWith("421")) {
            return Outcome.DEFERRED;
        }
        if (fault.startsWith("550")) {
            return switch (stage) {
                // the host refuses us, not the mail
                case "GREETING" -> Outcome.DEFERRED;
                // RFC 5321 3.2: then HELO
                case "EHLO" -> Outcome.DELIVERED;
                default -> Outcome.BOUNCED;
            };
        }
        boolean saidEnough = fault.equals(TestPeer.Fault.REPLY_AND_421.token())
                || fault.equals(TestPeer.Fault.REPLY_AND_CLOSE.token());
        if (stage.equals("DOT")) {
            // RFC 5321 4.2.5: after the 250 it is theirs; RFC 1047: without it nobody knows
            return saidEnough ? Outcome.DELIVERED : Outcome.MAYBE_DELIVERED;
        }
        // it said "go on", so the message went out whole before the line was found lost
        return stage.equals("DATA") && fault.equals(TestPeer.Fault.REPLY_AND_CLOSE.token())
                ? Outcome.MAYBE_DELIVERED
                : Outcome.DEFERRED;
    }

    private static TestPeer.Script script(Cell cell) {
        return new TestPeer.Script() {
            private volatile boolean encrypted;

            @Override
            public @Nullable String reply(String verb, String line, InetAddress at,
                    int connection) {
                boolean here = verb.equals(cell.stage()) && connection == 1;
                if (cell.mode() == Mode.TLS && !cell.stage().equals("STARTTLS")) {
                    here &= encrypted;
                }
                if (verb.equals("STARTTLS")) {
                    encrypted = true;
                }
                // after an EHLO that failed, HELO is another command
                return here && !line.startsWith("HELO") ? cell.fault() : null;
            }
        };
    }

    private static SSLContext server() throws Exception {
        X509Bundle bundle = new CertificateBuilder().subject("CN=peer.test")
                .setIsCertificateAuthority(true).buildSelfSigned();
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(bundle.toKeyManagerFactory().getKeyManagers(), null, null);
        return context;
    }

    @TestFactory
    Stream<DynamicTest> everyStage_everyFault() throws Exception {
        List<Cell> cells = cells();
        List<TestPeer> peers = new ArrayList<>();
        List<SpoolId> ids = new ArrayList<>();
        List<SpoolId> healthy = new ArrayList<>();
        List<DynamicTest> tests = new ArrayList<>();
        SSLContext tls = server();
        try (TestDns dns = new TestDns();
                TestPeer well = TestPeer.on("127.2.0.1", 0, List.of("PIPELINING"),
                        (verb, line, at, connection) -> null)) {
            for (Cell cell : cells) {
                peers.add(peer(cell, well.port(), tls));
                dns.mx(cell.domain(), 10, "mx." + cell.domain()).a("mx." + cell.domain(),
                        cell.address());
            }
            for (int i = 0; i < 20; i++) {
                dns.mx("well" + i + ".test", 10, "mx.well.test");
            }
            dns.a("mx.well.test", "127.2.0.1");
            try (DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                    new DeliveryFixture.NoSigner(),
                    "delivery { port = " + well.port() + " }\n" + SLOW_LIMITS)) {
                for (Cell cell : cells) {
                    ids.add(fixture.submit("x", "r@" + cell.domain()));
                    healthy.add(fixture.submit("x", "r@well" + cell.number() % 20 + ".test"));
                }
                fixture.awaitEmpty();
                StringBuilder table = new StringBuilder();
                for (Cell cell : cells) {
                    List<Event.Attempted> attempts = fixture.attempts(ids.get(cell.number()));
                    int arrived = peers.get(cell.number()).received.size();
                    table.append(cell.name()).append("  attempts ").append(attempts.size())
                            .append(", arrived ").append(arrived).append('\n');
                    tests.add(DynamicTest.dynamicTest(cell.name(),
                            () -> check(cell, attempts, arrived)));
                }
                Files.writeString(Path.of("target/fault-matrix.txt"), table);
                List<Integer> othersAttempts = healthy.stream()
                        .map(id -> fixture.attempts(id).size()).distinct().toList();
                int others = well.received.size();
                tests.add(DynamicTest.dynamicTest("mail to others: each once, at the first try",
                        () -> {
                            assertThat(othersAttempts).containsExactly(1);
                            assertThat(others).isEqualTo(cells.size());
                        }));
                tests.add(DynamicTest.dynamicTest("there are at least 120 cells",
                        () -> assertThat(cells).hasSizeGreaterThanOrEqualTo(120)));
            }
        } finally {
            for (TestPeer peer : peers) {
                peer.close();
            }
        }
        return tests.stream();
    }

    private static TestPeer peer(Cell cell, int port, SSLContext tls) throws IOException {
        InetSocketAddress at = new InetSocketAddress(InetAddress.getByName(cell.address()), port);
        return new TestPeer(at, cell.mode() == Mode.PLAIN ? List.of("SIZE")
                : List.of("SIZE", "PIPELINING"), cell.mode() == Mode.TLS ? tls : null,
                script(cell));
    }

    private static void check(Cell cell, List<Event.Attempted> attempts, int arrived) {
        assertThat(attempts).isNotEmpty();
        assertThat(outcome(attempts.getFirst())).isEqualTo(cell.expected());
        Outcome last = outcome(attempts.getLast());
        if (cell.expected() == Outcome.BOUNCED) {
            assertThat(attempts).hasSize(1);
        } else {
            assertThat(last).isEqualTo(Outcome.DELIVERED);
        }
        int copies = switch (cell.expected()) {
            case BOUNCED -> 0;
            case DELIVERED, DEFERRED -> 1;
            case MAYBE_DELIVERED -> 2;
        };
        // a peer that dies before it says anything may have taken nothing
        assertThat(arrived).isBetween(Math.min(copies, 1), copies);
    }

    private static Outcome outcome(Event.Attempted attempt) {
        Disposition disposition = attempt.outcomes().getFirst().disposition();
        return switch (disposition) {
            case Disposition.Delivered d -> Outcome.DELIVERED;
            case Disposition.Deferred d -> d.possibleDuplicate() ? Outcome.MAYBE_DELIVERED
                    : Outcome.DEFERRED;
            case Disposition.Bounced b -> Outcome.BOUNCED;
        };
    }
}
