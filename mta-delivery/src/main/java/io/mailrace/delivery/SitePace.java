// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.mailrace.delivery.DeliveryConfig.Settings;
import io.mailrace.delivery.ReplyClassifier.Failure;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * What a site has shown it can take: how many connections, how many messages on each, whether
 * commands may follow a content at once. What was learned from trouble is forgotten after a while.
 * Confined to its event loop.
 */
final class SitePace {
    private static final int FIRST_CONNECTIONS = 2;
    private static final int STRIKES = 3;
    private static final Duration ADAPTED = Duration.ofMinutes(1);
    private static final Duration LEARNED = Duration.ofMinutes(10);
    private static final Duration NO_LOOK_AHEAD = Duration.ofMinutes(10);

    /** A time until which something is remembered. */
    private static final class Memory {
        private final TimeSource time;
        private boolean set;
        private long untilNanos;

        Memory(TimeSource time) {
            this.time = time;
        }

        void keep(Duration how) {
            set = true;
            untilNanos = time.nanos() + how.toNanos();
        }

        boolean holds() {
            set = set && untilNanos - time.nanos() > 0;
            return set;
        }
    }

    private final Settings settings;
    private final Memory adapted;
    private final Memory learned;
    private final Memory noLookAhead;
    private int allowed = FIRST_CONNECTIONS;
    private int length;
    private int strikes;
    private int failures;

    SitePace(Settings settings, TimeSource time) {
        this.settings = settings;
        adapted = new Memory(time);
        learned = new Memory(time);
        noLookAhead = new Memory(time);
    }

    /** Connections it may have now. */
    int connections() {
        return Math.min(allowed, settings.connectionsPerSite());
    }

    /** Messages one connection may carry. */
    int messages() {
        return learned.holds() ? Math.min(length, settings.messagesPerConnection())
                : settings.messagesPerConnection();
    }

    boolean lookAhead() {
        return !noLookAhead.holds();
    }

    /** One more connection works: it doubles with each round of them. */
    void grow() {
        if (!adapted.holds()) {
            allowed = Math.min(settings.connectionsPerSite(), allowed + 1);
        }
    }

    /** It refused a connection while that many others work. */
    void adapt(int working) {
        adapted.keep(ADAPTED);
        allowed = Math.max(1, working);
    }

    /** It takes mail, or says what it thinks of it. */
    void works() {
        strikes = 0;
        failures = 0;
    }

    /**
     * A connection broke while it was used.
     *
     * @param messages begun on it, the one that broke included
     * @return true when that happened several times in a row and nothing else did
     */
    boolean broke(Ending ending, Failure failure, int messages) {
        if (ending.lookedAhead() && failure != Failure.CLOSING) {
            noLookAhead.keep(NO_LOOK_AHEAD);
        }
        boolean between = ending.stage() == Stage.MAIL || ending.stage() == Stage.RSET;
        if (between && messages > 1 && failure != Failure.TIMEOUT) {
            // It ends connections after so many messages: seen twice, it is not run into again.
            if (messages - 1 == length) {
                learned.keep(LEARNED);
            }
            length = messages - 1;
            return false;
        }
        if (++strikes < STRIKES) {
            return false;
        }
        strikes = 0;
        return true;
    }

    /** No host could be used; the number of times in a row. */
    int failed() {
        allowed = 1;
        return ++failures;
    }

    boolean failing() {
        return failures > 0;
    }

    /** How long after that many failures in a row, with up to a tenth less or more. */
    static long parkMillis(Settings settings, int failures) {
        long first = settings.parkFirst().toMillis();
        long max = settings.parkMax().toMillis();
        long millis = Math.min(max, first << Math.min(20, failures - 1));
        return Math.max(1, millis - millis / 10 + ThreadLocalRandom.current().nextLong(
                millis / 5 + 1));
    }
}
