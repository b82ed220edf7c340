// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/**
 * What the submitter asked for in MAIL FROM, kept to the end. Its times are on the wall clock while
 * the message is submitted; the spool turns them into its own when it accepts it.
 *
 * @param body declared body type
 * @param smtputf8 SMTPUTF8 was given (RFC 6531)
 * @param ret RET= of RFC 3461 4.3
 * @param envid ENVID= as xtext, empty when absent (RFC 3461 4.4)
 * @param requireTls REQUIRETLS was given: only peers that prove who they are, over TLS, and promise
 *        the same, may have it (RFC 8689)
 * @param releaseEpochMillis not sent before, and does not age before (RFC 4865); 0: at once
 * @param deliverBy BY= of RFC 2852
 * @param priority MT-PRIORITY= of RFC 6710, from -9 to 9; 0 when absent
 */
public record MailOptions(Body body, boolean smtputf8, Ret ret, String envid, boolean requireTls,
        long releaseEpochMillis, DeliverBy deliverBy, int priority) {
    /** Highest priority; the lowest is its negative. */
    public static final int MAX_PRIORITY = 9;
    /** Nothing was asked for; others are made of it by {@code with} and its kin. */
    public static final MailOptions NONE = new MailOptions(Body.SEVEN_BIT, false, Ret.UNSET, "",
            false, 0, DeliverBy.NONE, 0);

    /** Body type of RFC 6152, and of RFC 3030 3: what was promised, not what the content is. */
    public enum Body {
        SEVEN_BIT, EIGHT_BIT_MIME, BINARY_MIME
    }

    /** How much of the message a failure DSN returns. */
    public enum Ret {
        UNSET, FULL, HEADERS
    }

    /**
     * By when the message is to be delivered (RFC 2852).
     *
     * @param epochMillis meaningless in mode {@link Mode#NONE}
     * @param trace relays were asked to tell that they passed it on
     */
    public record DeliverBy(Mode mode, long epochMillis, boolean trace) {
        public static final DeliverBy NONE = new DeliverBy(Mode.NONE, 0, false);

        /** What happens then. */
        public enum Mode {
            /** There is no such time. */
            NONE,
            /** The sender is told of the delay, the attempts go on. */
            NOTIFY,
            /** The message is given up. */
            RETURN
        }

        public DeliverBy at(long newEpochMillis) {
            return new DeliverBy(mode, newEpochMillis, trace);
        }
    }

    public MailOptions {
        if (priority < -MAX_PRIORITY || priority > MAX_PRIORITY) {
            throw new IllegalArgumentException("a priority is -9 to 9, not " + priority);
        }
    }

    public MailOptions with(Body newBody) {
        return new MailOptions(newBody, smtputf8, ret, envid, requireTls, releaseEpochMillis,
                deliverBy, priority);
    }

    public MailOptions with(Ret newRet) {
        return new MailOptions(body, smtputf8, newRet, envid, requireTls, releaseEpochMillis,
                deliverBy, priority);
    }

    public MailOptions with(DeliverBy newDeliverBy) {
        return new MailOptions(body, smtputf8, ret, envid, requireTls, releaseEpochMillis,
                newDeliverBy, priority);
    }

    public MailOptions withSmtputf8(boolean given) {
        return new MailOptions(body, given, ret, envid, requireTls, releaseEpochMillis, deliverBy,
                priority);
    }

    public MailOptions withEnvid(String newEnvid) {
        return new MailOptions(body, smtputf8, ret, newEnvid, requireTls, releaseEpochMillis,
                deliverBy, priority);
    }

    public MailOptions withRequireTls(boolean given) {
        return new MailOptions(body, smtputf8, ret, envid, given, releaseEpochMillis, deliverBy,
                priority);
    }

    public MailOptions withRelease(long newReleaseEpochMillis) {
        return new MailOptions(body, smtputf8, ret, envid, requireTls, newReleaseEpochMillis,
                deliverBy, priority);
    }

    public MailOptions withPriority(int newPriority) {
        return new MailOptions(body, smtputf8, ret, envid, requireTls, releaseEpochMillis,
                deliverBy, newPriority);
    }
}
