// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** The difficult providers of the demo. Thread-safe, each for one provider. */
final class DemoBehaviours {
    private DemoBehaviours() {}

    /** Refuses each recipient once, for now. */
    static final class Greylisting implements SimulatedBehaviour {
        private final Set<String> seen = ConcurrentHashMap.newKeySet();

        @Override
        public Optional<String> recipient(String sender, String recipient) {
            return seen.add(recipient)
                    ? Optional.of("450 4.7.1 Greylisted, please try again later")
                    : Optional.empty();
        }
    }

    /** Refuses unknown users. */
    static final class Strict implements SimulatedBehaviour {
        @Override
        public Optional<String> recipient(String sender, String recipient) {
            return recipient.startsWith("nobody")
                    ? Optional.of("550 5.1.1 <" + recipient + "> No such user here")
                    : Optional.empty();
        }
    }

    /** Cuts the line in its first transactions: some before the final dot, some after it. */
    static final class Cutting implements SimulatedBehaviour {
        private static final int EACH = 3;
        private final AtomicInteger transactions = new AtomicInteger();

        @Override
        public Cut cut(String sender, List<String> recipients) {
            int n = transactions.getAndIncrement();
            return n < EACH ? Cut.BEFORE_END : n < 2 * EACH ? Cut.AFTER_END : Cut.NONE;
        }
    }

    /** Turns some connections and some mail away for now. */
    static final class Busy implements SimulatedBehaviour {
        private static final int CONNECTION_EVERY = 3;
        private static final int MAIL_EVERY = 10;
        private final AtomicInteger connections = new AtomicInteger();
        private final AtomicInteger mails = new AtomicInteger();

        @Override
        public Optional<String> greeting() {
            return connections.incrementAndGet() % CONNECTION_EVERY == 1
                    ? Optional.of("421 4.3.2 Too many connections, come back later")
                    : Optional.empty();
        }

        @Override
        public Optional<String> mail(String sender) {
            return mails.incrementAndGet() % MAIL_EVERY == 0
                    ? Optional.of("451 4.3.0 Temporary trouble")
                    : Optional.empty();
        }
    }

    /** Takes its time for each reply. */
    static final class Slow implements SimulatedBehaviour {
        @Override
        public Duration delay() {
            return Duration.ofMillis(100);
        }
    }

    /** Knows little more than RFC 821. */
    static final class Old implements SimulatedBehaviour {
        @Override
        public List<String> extensions() {
            return List.of("8BITMIME");
        }
    }
}
