// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a relay at full load was held by, and why we think so. Immutable.
 *
 * @param reasons sentences for people, the first names the limit
 * @param alonePerSecond deliveries a second if clients and receivers were on other machines, as far
 *        as CPU and disk go
 */
record BenchLimit(Kind kind, List<String> reasons, double alonePerSecond) {
    private static final double BUSY = 0.90;
    private static final double WRITING = 0.75;
    private static final double STREAMING = 0.70;
    private static final double FULL = 0.80;
    private static final double STOLEN = 0.05;
    private static final double OTHERS = 0.15;
    private static final double REACHED = 0.98;
    /** What the spool writes at once: so many operations, or so many octets of them. */
    private static final int BATCH_OPERATIONS = 256;
    private static final int BATCH_BYTES = 4 << 20;

    /** What can end first. */
    enum Kind {
        CPU, DISK_BANDWIDTH, DISK_SYNC, NETWORK, CONNECTIONS, SESSIONS, RATE
    }

    /**
     * The facts of one measurement.
     *
     * @param perSecond the rate that was asked for; 0: as fast as it goes
     * @param window deliveries that may be on their way
     * @param connections to receivers that the configuration allows here
     */
    record Facts(BenchOptions options, BenchPhase phase, BenchProbe.Disk disk,
            double signaturesPerSecond, int cores, double perSecond, long window,
            int connections) {}

    BenchLimit {
        reasons = List.copyOf(reasons);
    }

    static BenchLimit of(Facts facts) {
        var reasons = new ArrayList<String>();
        Kind kind = kind(facts);
        reasons.add(switch (kind) {
            case CPU -> cpu(facts);
            case DISK_BANDWIDTH -> bandwidth(facts);
            case DISK_SYNC -> sync(facts);
            case NETWORK -> network(facts);
            case CONNECTIONS -> connections(facts);
            case SESSIONS -> sessions(facts);
            case RATE -> text("The rate asked for was kept (%,.0f/s); nothing was exhausted.",
                    facts.perSecond);
        });
        if (kind != Kind.CPU) {
            reasons.add(text("The cores were busy for %.0f %% of the time.",
                    100 * facts.phase.busyShare()));
        }
        warnings(facts, reasons);
        double alone = alone(facts, reasons);
        return new BenchLimit(kind, reasons, alone);
    }

    /** What makes the figures worth less. */
    private static void warnings(Facts facts, List<String> reasons) {
        if (facts.phase.stolenShare() > STOLEN) {
            reasons.add(text("The host took %.0f %% of the cores away: burst credits are used"
                    + " up, or its neighbours are busy. Measure again.",
                    100 * facts.phase.stolenShare()));
        }
        double others = facts.phase.busyShare() - (facts.phase.relayCpuNanos()
                + facts.phase.ownCpuNanos()) / 1e9 / facts.phase.seconds() / facts.cores;
        if (others > OTHERS) {
            reasons.add(text("Other programs and the kernel took %.0f %% of the cores. Measure"
                    + " again when the machine is quiet.", 100 * others));
        }
        if (facts.disk.isMemory()) {
            reasons.add("The spool was in memory (" + facts.disk.kind()
                    + "): syncs cost nothing here. Name a folder on the disk with --disk.");
        }
    }

    private static Kind kind(Facts facts) {
        BenchPhase phase = facts.phase;
        if (facts.perSecond > 0 && phase.acceptedPerSecond() >= REACHED * facts.perSecond
                && phase.waiting() < FULL * facts.window) {
            return Kind.RATE;
        }
        if (phase.busyShare() + phase.stolenShare() >= BUSY) {
            return Kind.CPU;
        }
        if (phase.writtenBytesPerSecond() >= STREAMING * facts.disk.bytesPerSecond()) {
            return Kind.DISK_BANDWIDTH;
        }
        if (phase.flushShare() >= WRITING) {
            return Kind.DISK_SYNC;
        }
        if (phase.waiting() >= FULL * facts.window) {
            return awayMillis(facts) > 0 ? Kind.NETWORK : Kind.CONNECTIONS;
        }
        return Kind.SESSIONS;
    }

    private static double awayMillis(Facts facts) {
        return (facts.options.roundTrip().toNanos() + facts.options.replyDelay().toNanos()) / 1e6;
    }

    private static String cpu(Facts facts) {
        BenchPhase phase = facts.phase;
        String rsa = facts.options.dkim() && facts.signaturesPerSecond > 0
                ? text(", of that about %.0f for the RSA signature",
                        1e6 / facts.signaturesPerSecond)
                : "";
        return text("The CPU: all %d cores were busy for %.0f %% of the time. Of a message the"
                + " relay took %.0f us%s; clients and receivers, which are elsewhere in real"
                + " life, took %.0f us.", facts.cores, 100 * phase.busyShare(),
                phase.relayMicrosPerMessage(), rsa, phase.ownMicrosPerMessage());
    }

    private static String bandwidth(Facts facts) {
        return text("The disk's bandwidth: %.0f MB/s were written, of %.0f MB/s that one long"
                + " write reaches. A faster volume gives more.",
                facts.phase.writtenBytesPerSecond() / 1e6, facts.disk.bytesPerSecond() / 1e6);
    }

    private static String sync(Facts facts) {
        BenchPhase phase = facts.phase;
        double together = phase.flushes() == 0 ? 0 : (double) phase.accepted() / phase.flushes();
        return text("The disk's syncs: the spool was writing and syncing for %.0f %% of the time,"
                + " %.0f times a second with %.1f new messages each. ",
                100 * phase.flushShare(), phase.flushesPerSecond(), together)
                + (together < batch(facts.options) / 2
                        ? "More clients at once put more messages into one sync: try --sessions "
                                + Math.min(BenchOptions.MAX_SESSIONS,
                                        4 * facts.options.sessions())
                                + "."
                        : "A disk that syncs faster gives more.");
    }

    /**
     * Messages that fit into one batch: each is an operation when it is taken, and one more for
     * each delivery when that is settled.
     */
    static double batch(BenchOptions options) {
        return Math.min(BATCH_OPERATIONS / (1.0 + options.recipients()),
                (double) BATCH_BYTES / options.sizeBytes());
    }

    private static String network(Facts facts) {
        double most = facts.connections * 1000 / awayMillis(facts);
        return text("The way to the receivers: %,d deliveries waited while cores and disk had"
                + " time. With %d connections and %.0f ms for each answer not more than %,.0f/s"
                + " can leave. More: delivery.connections-per-site, where receivers allow it.",
                facts.phase.waiting(), facts.connections, awayMillis(facts), most);
    }

    private static String connections(Facts facts) {
        return text("Configured limits: %,d deliveries waited while cores and disk had time, and"
                + " the receivers answered at once. See delivery.connections-per-site (%d"
                + " connections in all here) and delivery.signing-threads.",
                facts.phase.waiting(), facts.connections);
    }

    private static String sessions(Facts facts) {
        return text("The clients: neither cores, disk nor receivers were exhausted. %d sessions"
                + " that wait %.1f ms for each 250 cannot submit more: try --sessions %d.",
                facts.options.sessions(), facts.phase.toReply().p50() / 1e6,
                Math.min(BenchOptions.MAX_SESSIONS, 4 * facts.options.sessions()));
    }

    /** What cores and disk would give if the relay had them for itself. */
    private static double alone(Facts facts, List<String> reasons) {
        BenchPhase phase = facts.phase;
        if (phase.delivered() == 0 || phase.relayMicrosPerMessage() == 0) {
            return 0;
        }
        double cpu = facts.cores * 1e6 / phase.relayMicrosPerMessage();
        reasons.add(text("With clients and receivers elsewhere: %d cores x 1,000,000 us / %.0f us"
                + " = %,.0f/s by the CPU.", facts.cores, phase.relayMicrosPerMessage(), cpu));
        double bytes = (double) phase.writtenBytes() / phase.delivered();
        if (bytes <= 0) {
            return cpu;
        }
        double disk = facts.disk.bytesPerSecond() / bytes;
        reasons.add(text("The disk: %.0f MB/s / %.1f KB written for each = %,.0f/s.",
                facts.disk.bytesPerSecond() / 1e6, bytes / 1e3, disk));
        return Math.min(cpu, disk);
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be one more library
    private static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
