// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.List;

/**
 * Something that happened to mail, written to the journal in the batch that changes the mail's
 * fate. Everything that tells people about mail (log, trace, metrics by event) is a reader of the
 * journal. Times are wall-clock milliseconds since 1970. Texts from outside are already cleaned.
 */
public sealed interface Event {

    long epochMillis();

    /** An event of one message, found by {@code mailrace trace}. */
    sealed interface OfMessage extends Event {
        SpoolId id();
    }

    /**
     * A message was accepted: it is on disk.
     *
     * @param from how it came in
     * @param messageId the Message-ID value, empty when none
     */
    record Received(long epochMillis, SpoolId id, Intake from, String tenant, Lane lane,
            MailAddress sender, List<MailAddress> recipients, long sizeBytes, String messageId)
            implements
                OfMessage {}

    /**
     * A message that was accepted broke rules for senders; {@link LintRule} has their words.
     *
     * @param findings the rules it broke as it came
     * @param fixed those of them that were mended
     */
    record LintFound(long epochMillis, SpoolId id, String tenant, LintMode mode,
            List<String> findings, List<String> fixed) implements OfMessage {}

    /** A client's command or message was refused. The text is our reply. */
    record Rejected(long epochMillis, Intake from, String stage, SmtpReply reply)
            implements
                Event {}

    /**
     * One envelope was tried once.
     *
     * @param attempt 1 for the first
     */
    record Attempted(long epochMillis, SpoolId id, int envelope, String tenant, String destination,
            Route route, int attempt, long durationMillis, List<RecipientOutcome> outcomes)
            implements
                OfMessage {}

    /** Deferred for longer than the route allows; given up by us, not by the peer. */
    record Expired(long epochMillis, SpoolId id, int envelope, String tenant, String destination,
            List<MailAddress> recipients, SmtpReply lastReply) implements OfMessage {}

    /** A delivery status notification was made; {@code id} is the message it tells about. */
    record DsnSent(long epochMillis, SpoolId id, SpoolId dsn, MailAddress to, String action)
            implements
                OfMessage {}

    /** A failure nobody is told of: null sender, or NOTIFY=NEVER. */
    record DsnOmitted(long epochMillis, SpoolId id, String why) implements OfMessage {}

    /** A queue waits as a whole: no attempt is counted for its mail. */
    record QueueParked(long epochMillis, String queue, long untilEpochMillis, String why)
            implements
                Event {}

    /**
     * Mail of one envelope was set aside by a rule: nothing was tried and no attempt is counted.
     *
     * @param why one sentence, naming the rule
     */
    record Postponed(long epochMillis, SpoolId id, int envelope, String tenant, String destination,
            long untilEpochMillis, String why) implements OfMessage {}

    /**
     * A reply met a rule that does something to more than the mail at hand, or an operator did.
     *
     * @param rule as {@code provider/rule}; {@code operator} when it was one
     * @param subject to whom it is done, such as {@code source a at gmail}
     * @param action what is done, such as {@code suspend}
     * @param untilEpochMillis 0: it does not last
     * @param why the reply, or the operator's words
     */
    record RuleFired(long epochMillis, String rule, String subject, String action,
            long untilEpochMillis, String why) implements Event {}

    /**
     * The warm-up of a source at a provider went on, stood still or went back, or an operator did
     * something to it.
     *
     * @param provider name of the provider
     * @param action what happened, one word: {@code advance}, {@code hold}, {@code step-back}, ...
     * @param step of the plan that holds from now on, 1 for the first
     * @param cap messages in a day at that step; 0: no cap any more
     * @param why reasons with their numbers, one sentence
     */
    record WarmupStep(long epochMillis, String source, String provider, String plan,
            String action, int step, long cap, String why) implements Event {}

    /**
     * An operator changed the fate of one envelope.
     *
     * @param detail why, or where it goes now; one sentence or empty
     */
    record Operated(long epochMillis, SpoolId id, int envelope, String tenant, String destination,
            Change change, List<MailAddress> recipients, String detail) implements OfMessage {
        /** What was done to it. */
        public enum Change {
            /** Kept until it is released. */
            HELD("held"),
            /** Due now after it was held. */
            RELEASED("released"),
            /** Due now instead of later. */
            RETRIED("retried"),
            /** Given up; the sender is told unless the operator said not to. */
            BOUNCED("bounced"),
            /** Removed; nobody is told. */
            DISCARDED("discarded"),
            /** Moved to another queue. */
            REBOUND("rebound");

            private final String word;

            Change(String word) {
                this.word = word;
            }

            /** How it is called in logs and on the command line. */
            public String word() {
                return word;
            }
        }
    }

    /**
     * An operator did something to many at once, or to the server.
     *
     * @param who the operator as far as known
     * @param what one sentence
     */
    record AdminAction(long epochMillis, String who, String what) implements Event {}

    /**
     * Where a submission came from.
     *
     * @param listener name in the config; {@code local} for mail made by Mailrace itself
     * @param client address of the client, empty for local
     * @param user authenticated user, empty when none
     * @param helo what it called itself, cleaned
     * @param tls protocol and cipher, empty when in the clear
     */
    record Intake(String listener, String client, String user, String helo, String tls) {
        public static final Intake LOCAL = new Intake("local", "", "", "", "");
    }

    /**
     * The way an attempt took; parts not reached are empty.
     *
     * @param site name of the site
     * @param source name of the egress source
     * @param host MX host name
     * @param address its address with port
     * @param tls protocol and cipher, empty when in the clear
     * @param signedBy DKIM domain and selector as {@code selector@domain}, empty when unsigned
     */
    record Route(String site, String source, String host, String address, String tls,
            String signedBy) {
        public static final Route NONE = new Route("", "", "", "", "", "");
    }
}
