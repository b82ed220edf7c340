// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.nio.file.Path;
import java.time.Duration;

/**
 * What a measurement with {@link BenchRig} shall be like. Immutable.
 *
 * @param folder on the disk to be measured; a folder of its own is made below it and removed
 * @param sessions clients that submit at once
 * @param sizeBytes of the body, rounded up to whole lines
 * @param recipients of each message, each at another domain: so many deliveries
 * @param dkim signed with RSA-2048
 * @param tlsIn clients use STARTTLS
 * @param tlsOut the receivers offer STARTTLS
 * @param async {@code spool.durability = async}: 250 before the sync
 * @param roundTrip how far away the receivers are
 * @param replyDelay what the receivers think before they answer a message
 * @param chunking the receivers offer CHUNKING, so content goes to them by BDAT instead of DATA
 * @param events the relay writes its event log to standard output, where it is read and thrown away
 * @param settings further lines of configuration, which win over those before
 * @param clients how they submit
 */
public record BenchOptions(Path folder, int sessions, int sizeBytes, int recipients, boolean dkim,
        boolean tlsIn, boolean tlsOut, boolean async, Duration roundTrip, Duration replyDelay,
        boolean chunking, boolean events, String settings, Clients clients) {
    /**
     * How clients submit.
     *
     * @param perConnection messages after which one leaves and comes again; 0: never
     * @param pipelining commands of a message in one go (RFC 2920), or each after the reply to the
     *        one before
     * @param deadEvery of so many messages on a connection one is for a domain whose server does
     *        not listen: it waits, and is counted as submitted only; 0: none
     */
    public record Clients(int perConnection, boolean pipelining, int deadEvery) {
        /** They keep their connections and pipeline. */
        public static final Clients KEPT = new Clients(0, true);

        public Clients {
            check(perConnection >= 0 && perConnection <= MAX_PER_CONNECTION,
                    "messages per connection must be 0 to " + MAX_PER_CONNECTION);
            check(deadEvery >= 0, "a share of dead mail must be 0 or more");
        }

        /** All mail can be delivered. */
        public Clients(int perConnection, boolean pipelining) {
            this(perConnection, pipelining, 0);
        }
    }

    static final int MAX_PER_CONNECTION = 1_000_000;
    static final int MAX_SESSIONS = 2000;
    static final int MAX_SIZE = 10 << 20;
    /** Domains, each a site of its own. */
    static final int DOMAINS = 10;
    private static final Duration MAX_DELAY = Duration.ofSeconds(10);

    public BenchOptions {
        check(sessions >= 1 && sessions <= MAX_SESSIONS, "sessions must be 1 to " + MAX_SESSIONS);
        check(sizeBytes >= 1 && sizeBytes <= MAX_SIZE, "the size must be 1 to 10m");
        check(recipients >= 1 && recipients <= DOMAINS, "recipients must be 1 to " + DOMAINS);
        check(within(roundTrip) && within(replyDelay), "delays must be 0 to 10 s");
    }

    private static boolean within(Duration delay) {
        return !delay.isNegative() && delay.compareTo(MAX_DELAY) <= 0;
    }

    private static void check(boolean holds, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(rule);
        }
    }

    /** Messages of 10 KB to one recipient over so many sessions, synced, by DATA in the clear. */
    public static BenchOptions plain(Path folder, int sessions) {
        return new BenchOptions(folder, sessions, 10_240, 1, false, false, false, false,
                Duration.ZERO, Duration.ZERO, false, false, "", Clients.KEPT);
    }

    /** The same with or without signatures. */
    public BenchOptions withDkim(boolean signed) {
        return new BenchOptions(folder, sessions, sizeBytes, recipients, signed, tlsIn, tlsOut,
                async, roundTrip, replyDelay, chunking, events, settings, clients);
    }

    /** The same with another size of the body. */
    public BenchOptions withSize(int bytes) {
        return new BenchOptions(folder, sessions, bytes, recipients, dkim, tlsIn, tlsOut, async,
                roundTrip, replyDelay, chunking, events, settings, clients);
    }

    /** The same with other receivers and another event log. */
    BenchOptions with(boolean chunks, boolean eventLog) {
        return new BenchOptions(folder, sessions, sizeBytes, recipients, dkim, tlsIn, tlsOut,
                async, roundTrip, replyDelay, chunks, eventLog, settings, clients);
    }

    /** The same with clients of other habits. */
    public BenchOptions with(Clients other) {
        return new BenchOptions(folder, sessions, sizeBytes, recipients, dkim, tlsIn, tlsOut,
                async, roundTrip, replyDelay, chunking, events, settings, other);
    }
}
