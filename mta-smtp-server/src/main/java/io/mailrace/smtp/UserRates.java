// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Rate;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How fast each user may send: {@code rate} messages and {@code rcpt-rate} recipients, counted when
 * MAIL and RCPT are said. A full allowance may be used at once and comes back evenly (GCRA), so a
 * rate of an hour or a day is not that of the calendar. In memory: a restart gives everybody a full
 * one. Holds two numbers for each user with a rate who sent within a day. Any thread.
 */
final class UserRates {
    /** The longest a spent allowance takes to come back. */
    private static final Duration FULL_AGAIN = Rate.Unit.DAY.length();

    private record Key(String user, Outside.Stage stage) {}

    private final TimeSource time;
    /** When the allowance is full again. */
    private final Cache<Key, AtomicLong> spent;

    UserRates(TimeSource time) {
        this.time = time;
        spent = Caffeine.newBuilder().expireAfterAccess(FULL_AGAIN).ticker(time::nanos)
                .executor(Runnable::run).build();
    }

    /** Takes one of what is asked for; empty when there was one left. */
    Optional<SmtpReply> take(Outside.Ask ask) {
        if (ask.identity().isEmpty()) {
            return Optional.empty();
        }
        Identity identity = ask.identity().get();
        return switch (ask.stage()) {
            case STARTTLS -> Optional.empty();
            case MAIL -> over(identity, ask.stage(), identity.rights().rate())
                    ? Optional.of(Replies.USER_TOO_FAST)
                    : Optional.empty();
            case RCPT -> over(identity, ask.stage(), identity.rights().rcptRate())
                    ? Optional.of(Replies.USER_TOO_MANY_RECIPIENTS)
                    : Optional.empty();
        };
    }

    private boolean over(Identity identity, Outside.Stage stage, Optional<Rate> rate) {
        return rate.isPresent() && !take(new Key(identity.user(), stage), rate.get());
    }

    private boolean take(Key key, Rate rate) {
        long now = time.nanos();
        long step = rate.spacingNanos();
        long most = step * (rate.count() - 1);
        AtomicLong full = spent.get(key, k -> new AtomicLong(now));
        while (true) {
            long before = full.get();
            long owed = Math.max(0, before - now);
            if (owed > most) {
                return false;
            }
            if (full.compareAndSet(before, now + owed + step)) {
                return true;
            }
        }
    }
}
