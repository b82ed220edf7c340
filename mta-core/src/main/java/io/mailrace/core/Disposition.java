// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** What became of one recipient in one attempt. Thread-safe: immutable. */
public sealed interface Disposition {

    /** The reply that decided it: the peer's, or one made here for a local condition. */
    SmtpReply reply();

    /** Why it was not delivered; of delivered mail it says nothing. */
    default Cause cause() {
        return Cause.of(ReplyClass.NONE);
    }

    /** The peer took the message over. */
    record Delivered(SmtpReply reply) implements Disposition {}

    /**
     * To be tried again.
     *
     * @param possibleDuplicate the line was lost between the final dot and its reply, so the peer
     *        may hold the message already (RFC 1047)
     */
    record Deferred(SmtpReply reply, boolean possibleDuplicate, NextTry next, Cause cause)
            implements
                Disposition {
        public Deferred(SmtpReply reply, boolean possibleDuplicate) {
            this(reply, possibleDuplicate, NextTry.SCHEDULE, Cause.UNKNOWN);
        }

        public Deferred(SmtpReply reply) {
            this(reply, false);
        }
    }

    /** Refused for good: by the peer's 5xx or by a policy of ours. */
    record Bounced(SmtpReply reply, Cause cause) implements Disposition {
        public Bounced(SmtpReply reply) {
            this(reply, Cause.UNKNOWN);
        }
    }
}
