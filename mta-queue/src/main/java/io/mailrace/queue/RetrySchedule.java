// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Lane;
import io.mailrace.core.MailOptions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/** When deferred mail is due again, and when it is given up. Any thread. */
final class RetrySchedule {
    private static final double JITTER = 0.1;

    private final RetryConfig config;

    RetrySchedule(RetryConfig config) {
        this.config = config;
    }

    /**
     * When mail is given up.
     *
     * @param sinceEpochMillis since when it ages
     * @param by the sender may want it given up earlier (RFC 2852)
     */
    long expires(Lane lane, long sinceEpochMillis, MailOptions.DeliverBy by) {
        long expires = sinceEpochMillis + config.of(lane).maxAge().toMillis();
        return by.mode() == MailOptions.DeliverBy.Mode.RETURN
                ? Math.min(expires, by.epochMillis())
                : expires;
    }

    /** How old deferred mail is when its sender is told; empty when that never happens. */
    Optional<Duration> delayNotice(Lane lane) {
        return Optional.of(config.of(lane).delayNotice()).filter(age -> !age.isZero());
    }

    /**
     * The next due time after an attempt that deferred. An attempt that would come after the mail
     * has expired comes at that moment instead: it is the last.
     *
     * @param attempts made so far, 1 or more
     * @param notBeforeMillis it waits at least that long
     */
    long nextDue(Lane lane, int attempts, long nowEpochMillis, long expiresEpochMillis,
            long notBeforeMillis) {
        List<Duration> intervals = config.of(lane).intervals();
        long interval = intervals.get(Math.min(attempts, intervals.size()) - 1).toMillis();
        double vary = 1 + ThreadLocalRandom.current().nextDouble(-JITTER, JITTER);
        long due = nowEpochMillis + Math.max(1, Math.max(notBeforeMillis,
                Math.round(interval * vary)));
        return lastChance(due, nowEpochMillis, expiresEpochMillis);
    }

    /**
     * When mail is due that is set aside without an attempt: it too comes when it has expired, to
     * be sent after all or given up then.
     */
    static long postponedDue(long nowEpochMillis, long expiresEpochMillis, long pauseMillis) {
        return lastChance(nowEpochMillis + pauseMillis, nowEpochMillis, expiresEpochMillis);
    }

    private static long lastChance(long due, long nowEpochMillis, long expiresEpochMillis) {
        return due > expiresEpochMillis && expiresEpochMillis > nowEpochMillis
                ? expiresEpochMillis
                : due;
    }
}
