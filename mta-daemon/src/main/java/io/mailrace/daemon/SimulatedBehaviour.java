// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How a simulated provider departs from the plain good one, which offers every extension and takes
 * everything at once: an implementation overrides what it does differently. Replies are whole lines
 * without CRLF at their end. Called by several event loops; must return at once.
 */
public interface SimulatedBehaviour {

    /** Where the provider cuts the line in a transaction. */
    enum Cut {
        /** Nowhere. */
        NONE,
        /** While the content comes: it was not taken. */
        BEFORE_END,
        /** After the final dot, instead of its reply: it was taken. */
        AFTER_END
    }

    /** The plain good provider. */
    SimulatedBehaviour PLAIN = new SimulatedBehaviour() {
    };

    /** EHLO keywords beside STARTTLS, which is offered when the provider has a certificate. */
    default List<String> extensions() {
        return List.of("PIPELINING", "SIZE 209715200", "8BITMIME", "ENHANCEDSTATUSCODES",
                "CHUNKING", "SMTPUTF8");
    }

    /** A refusal instead of the greeting; the line is closed after it. */
    default Optional<String> greeting() {
        return Optional.empty();
    }

    /** A refusal of MAIL; after a 421 the line is closed. */
    default Optional<String> mail(String sender) {
        return Optional.empty();
    }

    /** A refusal of one recipient, by where it comes from; after a 421 the line is closed. */
    default Optional<String> recipient(InetAddress client, String sender, String recipient) {
        return recipient(sender, recipient);
    }

    /** A refusal of one recipient, wherever it comes from. */
    default Optional<String> recipient(String sender, String recipient) {
        return Optional.empty();
    }

    /** Decided for each transaction when its content begins. */
    default Cut cut(String sender, List<String> recipients) {
        return Cut.NONE;
    }

    /** How long each reply takes. */
    default Duration delay() {
        return Duration.ZERO;
    }

    /** How far away it is: everything the client says is heard so much later. */
    default Duration roundTrip() {
        return Duration.ZERO;
    }

    /** How long the reply after the final dot takes instead. */
    default Duration endDelay() {
        return delay();
    }
}
