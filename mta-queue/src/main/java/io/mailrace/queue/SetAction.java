// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Lane;
import java.util.Optional;

/** What an operation does to each envelope of a {@link Selection}. Immutable. */
public sealed interface SetAction {

    /** One or two words for lists and events. */
    String word();

    /** Keeps waiting mail until it is released; it does not age meanwhile. */
    record Hold(String why) implements SetAction {
        @Override
        public String word() {
            return "hold";
        }
    }

    /**
     * Makes held mail due now, or when its sender wants it released (RFC 4865); its age goes on
     * where it stood when it was held.
     */
    record Release() implements SetAction {
        @Override
        public String word() {
            return "release";
        }
    }

    /**
     * Makes waiting mail due now, and ends the parking of its queues. Mail its sender wants
     * released later (RFC 4865) waits on, unless it is selected by its id.
     */
    record RetryNow() implements SetAction {
        @Override
        public String word() {
            return "retry";
        }
    }

    /**
     * Gives waiting and held mail up.
     *
     * @param tellSenders whether its senders get a DSN, as far as they want one
     * @param why goes into the DSN; printable ASCII
     */
    record Bounce(boolean tellSenders, String why) implements SetAction {
        @Override
        public String word() {
            return tellSenders ? "bounce" : "bounce without DSN";
        }
    }

    /** Removes waiting and held mail; nobody is told. */
    record Discard(String why) implements SetAction {
        @Override
        public String word() {
            return "discard";
        }
    }

    /**
     * Moves waiting mail to other queues; due times and attempts stay.
     *
     * @param lane empty: as before
     * @param pool empty: as before
     * @param via smart host as {@code smtp://host:port}, {@code mx} for the recipients' MX hosts;
     *        empty: as before
     */
    record Rebind(Optional<Lane> lane, Optional<String> pool, Optional<String> via)
            implements
                SetAction {
        /** For {@code via}: the MX hosts of the recipients' domains. */
        public static final String MX = "mx";

        /** A smart host in the form {@code via} needs; empty when the text names none. */
        public static Optional<String> nextHop(String text) {
            return Route.nextHop(text);
        }

        public Rebind {
            if (lane.isEmpty() && pool.isEmpty() && via.isEmpty()) {
                throw new IllegalArgumentException("rebind needs a lane, a pool or a next hop");
            }
        }

        @Override
        public String word() {
            return "rebind";
        }
    }
}
