// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A large receiver as senders see it from outside: so much mail an hour from each address and for
 * each author's domain, more for those with a good reputation; reputation grows with clean steady
 * mail and falls with jumps of volume, unknown users, and going on after "later"; who goes on for
 * long is blocked. For simulations, of hours in a moment or of short hours in real time: no I/O,
 * its time is the time source's, which must not go back. Confined to one thread. Remembers each
 * address and domain it was ever asked about: its memory is bounded by how many the caller has.
 */
public final class ReceiverModel {
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
    private static final int MINUTES = 60;
    private static final double BEST = 1.5;
    private static final double WORST = 0.05;
    /** Growth with each message taken, so that an hour at the limit is a twentieth. */
    private static final double GROWTH = 0.05;
    private static final double UNKNOWN_USER_COST = 0.002;
    /** Asking more often than this share of what was taken in ten minutes is ignoring "later". */
    private static final double IGNORING = 0.05;
    private static final int PATIENCE = 20;
    private static final double IGNORING_COST = 0.97;
    private static final Duration BLOCK = Duration.ofHours(24);
    private static final int MINUTES_TO_BLOCK = 30;

    /** How it counts an hour. */
    public enum Counting {
        /** What was taken in the last sixty minutes. */
        SLIDING_HOUR,
        /** An even rate that saves up five minutes' worth. */
        BUCKET
    }

    /**
     * What it says.
     *
     * @param byAddress too fast for the address
     * @param byDomain too fast for the author's domain
     * @param unknown no such user
     * @param blocked the address is blocked
     */
    public record Replies(SmtpReply byAddress, SmtpReply byDomain, SmtpReply unknown,
            SmtpReply blocked) {

        /** As Gmail puts it. */
        public static Replies gmail() {
            return new Replies(
                    reply(421, "4.7.28", "Gmail has detected an unusual rate of unsolicited mail "
                            + "originating",
                            "from your IP address. To protect our users from spam,"
                                    + " mail sent from your IP",
                            "address has been temporarily rate limited."),
                    reply(421, "4.7.28", "Gmail has detected an unusual rate of unsolicited mail "
                            + "originating", "from your DKIM domain."),
                    reply(550, "5.1.1", "The email account that you tried to reach does not exist."
                            + " Please try", "double-checking the recipient's email address."),
                    reply(550, "5.7.28", "There is an unusual rate of unsolicited mail originating"
                            + " from your IP address.", "Mail has been blocked."));
        }

        /** As Outlook.com puts it. */
        public static Replies outlook() {
            SmtpReply busy = reply(451, "4.7.500", "Server busy. Please try again later. "
                    + "(S77719)");
            return new Replies(busy, busy,
                    reply(550, "5.5.0", "Requested action not taken: mailbox unavailable "
                            + "(S2017062302)."),
                    reply(550, "5.7.1", "Unfortunately, messages weren't sent. Please contact your "
                            + "Internet service provider since part of their network is on our "
                            + "block list (S3140)."));
        }

        /** As Yahoo puts it. */
        public static Replies yahoo() {
            SmtpReply deferred = reply(421, "4.7.0", "[TSS04] Messages temporarily deferred due to "
                    + "unexpected volume or user complaints - 4.16.55.1");
            return new Replies(deferred, deferred,
                    SmtpReply.of(554, "delivery error: dd This user doesn't have a yahoo.com "
                            + "account [-5]"),
                    reply(553, "5.7.2", "[TSS09] All messages will be permanently deferred; "
                            + "Retrying will NOT succeed."));
        }

        private static SmtpReply reply(int code, String status, String... lines) {
            Optional<EnhancedStatus> parsed = EnhancedStatus.parsePrefix(status);
            return new SmtpReply(code, parsed, List.of(lines));
        }
    }

    /**
     * What it allows.
     *
     * @param perHour messages in an hour from one address at reputation 1; at least 1
     * @param domainPerHour the same of one author's domain, from all addresses; 0: not counted
     */
    public record Rules(Counting counting, int perHour, int domainPerHour, Replies replies) {
        public Rules {
            if (perHour < 1 || domainPerHour < 0) {
                throw new IllegalArgumentException("a receiver takes at least 1 an hour, not "
                        + perHour + ", and of a domain 0 or more, not " + domainPerHour);
            }
        }
    }

    /** What it knows of one address or domain. */
    private static final class Account {
        private final long[] taken = new long[MINUTES];
        private final long[] refused = new long[MINUTES];
        private double reputation = 1;
        private double tokens;
        private long minute;
        private long filledNanos;
        private int bad;
        private long blockedUntil = Long.MIN_VALUE;
        private double allowed;
    }

    private static final SmtpReply OK = SmtpReply.of(250, "2.0.0", "ok");

    private final Rules rules;
    private final TimeSource time;
    private final long begun;
    private final Map<String, Account> addresses = new HashMap<>();
    private final Map<String, Account> domains = new HashMap<>();

    /**
     * @param time whose monotonic nanoseconds make its minutes and hours
     */
    public ReceiverModel(Rules rules, TimeSource time) {
        this.rules = rules;
        this.time = time;
        begun = time.nanos();
    }

    /**
     * Its reply to one message: 250, or one of its {@link Replies}. What was answered with 250
     * counts as taken.
     *
     * @param address it comes from, in any form that tells senders apart
     * @param domain of its author
     */
    public SmtpReply offer(String address, String domain, boolean knownUser) {
        Account from = account(addresses, address, rules.perHour());
        if (from.blockedUntil > time.nanos()) {
            return rules.replies().blocked();
        }
        if (!room(from, rules.perHour())) {
            from.refused[slot(from)]++;
            return rules.replies().byAddress();
        }
        if (rules.domainPerHour() > 0) {
            Account of = account(domains, domain, rules.domainPerHour());
            if (!room(of, rules.domainPerHour())) {
                of.refused[slot(of)]++;
                return rules.replies().byDomain();
            }
            take(of, rules.domainPerHour());
        }
        if (!knownUser) {
            from.reputation = Math.max(WORST, from.reputation - UNKNOWN_USER_COST);
            return rules.replies().unknown();
        }
        take(from, rules.perHour());
        return OK;
    }

    private void take(Account of, int perHour) {
        of.taken[slot(of)]++;
        of.tokens--;
        of.reputation = Math.min(BEST, of.reputation + GROWTH / perHour);
    }

    private boolean room(Account of, int perHour) {
        if (rules.counting() == Counting.BUCKET) {
            return of.tokens >= 1;
        }
        return sum(of.taken) < perHour * of.reputation;
    }

    private Account account(Map<String, Account> all, String name, int perHour) {
        Account found = all.computeIfAbsent(name, key -> {
            Account made = new Account();
            made.minute = (time.nanos() - begun) / MINUTE;
            made.filledNanos = time.nanos();
            made.tokens = perHour / 12.0;
            return made;
        });
        turn(found, perHour);
        return found;
    }

    private static int slot(Account of) {
        return (int) (of.minute % MINUTES);
    }

    /** Time goes by: tokens come, minutes are forgotten, ignoring costs. */
    private void turn(Account of, int perHour) {
        double gone = (double) (time.nanos() - of.filledNanos) / TimeUnit.HOURS.toNanos(1);
        of.filledNanos = time.nanos();
        of.tokens = Math.min(perHour * of.reputation / 12, of.tokens + gone * perHour
                * of.reputation);
        of.allowed += gone * perHour * of.reputation;
        for (long now = (time.nanos() - begun) / MINUTE; of.minute < now;) {
            judge(of);
            of.minute++;
            of.taken[slot(of)] = 0;
            of.refused[slot(of)] = 0;
        }
    }

    /** At the end of each minute. */
    private void judge(Account of) {
        long refused = lately(of, of.refused);
        if (refused > Math.max(PATIENCE, IGNORING * lately(of, of.taken))) {
            of.reputation = Math.max(WORST, of.reputation * IGNORING_COST);
            if (++of.bad >= MINUTES_TO_BLOCK && refused > lately(of, of.taken)) {
                of.blockedUntil = time.nanos() + BLOCK.toNanos();
                of.bad = 0;
            }
        } else {
            of.bad = 0;
        }
    }

    private static long lately(Account of, long[] minutes) {
        long sum = 0;
        for (int i = 0; i < 10; i++) {
            sum += minutes[(int) ((of.minute - i + MINUTES) % MINUTES)];
        }
        return sum;
    }

    private static long sum(long[] minutes) {
        long sum = 0;
        for (long one : minutes) {
            sum += one;
        }
        return sum;
    }

    /**
     * Messages an address could have sent by the even rate of its reputation, since it was seen
     * first.
     */
    public double allowedSoFar(String address) {
        Account of = account(addresses, address, rules.perHour());
        return of.allowed;
    }

    /** From now on it thinks so of an address: little of a new one, less after a dip. */
    public void thinks(String address, double reputation) {
        account(addresses, address, rules.perHour()).reputation = Math.clamp(reputation, WORST,
                BEST);
    }

    /** From 0.05 to 1.5; 1 at first. Multiplies what is allowed. */
    public double reputation(String address) {
        return account(addresses, address, rules.perHour()).reputation;
    }

    /** Whether all its mail is refused now. */
    public boolean blocked(String address) {
        return account(addresses, address, rules.perHour()).blockedUntil > time.nanos();
    }
}
