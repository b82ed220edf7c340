// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Counts failed logins by address and by user, and says when it is enough. Remembers at most
 * {@value #MAX_REMEMBERED} of each, for the failure window, and as many places a user logged in
 * from, for a day. Any thread.
 */
final class LoginBrake {
    /*
     * Who is braked. An address (an IPv6 /64) with too many failures is braked for every user. A
     * user with too many is braked too, for guessers have many addresses; but not where he logged
     * in lately, or every stranger could lock him out. A login counts from when it begins to be
     * hashed, not from its end: else a thousand guesses sent at once would all pass before the
     * first has failed. It is given back when it was right. What is merely under way does not
     * brake: it makes the next wait (454), for it may well be right.
     */
    private static final int MAX_REMEMBERED = 50_000;
    private static final Duration KNOWN_FOR = Duration.ofDays(1);

    /** Whether a login may be looked at. */
    enum Ruling {
        FREE, LATER, ADDRESS_BRAKED, USER_BRAKED
    }

    private record Place(String user, InetAddress origin) {}

    /** Guarded by itself. */
    private static final class Count {
        private int failed;
        private int pending;
    }

    private final int maxOfAddress;
    private final int maxOfUser;
    private final Cache<InetAddress, Count> addresses;
    private final Cache<String, Count> users;
    private final Cache<Place, Boolean> known;

    LoginBrake(UsersConfig config, TimeSource time) {
        maxOfAddress = config.maxFailures();
        maxOfUser = config.maxUserFailures();
        addresses = cache(config.failureWindow(), time);
        users = cache(config.failureWindow(), time);
        known = cache(KNOWN_FOR, time);
    }

    private static <K, V> Cache<K, V> cache(Duration kept, TimeSource time) {
        return Caffeine.newBuilder().maximumSize(MAX_REMEMBERED).ticker(time::nanos)
                .expireAfterWrite(kept).executor(Runnable::run).build();
    }

    /** Whether there were too many failures. Counts nothing. */
    Ruling ruling(InetAddress origin, String user) {
        if (failed(addresses.getIfPresent(origin)) >= maxOfAddress) {
            return Ruling.ADDRESS_BRAKED;
        }
        return failed(users.getIfPresent(user)) >= maxOfUser && !isKnown(origin, user)
                ? Ruling.USER_BRAKED
                : Ruling.FREE;
    }

    /** Counts a login that begins; ends with one of the three below when it is free. */
    Ruling begin(InetAddress origin, String user) {
        Ruling ruling = ruling(origin, user);
        if (ruling != Ruling.FREE) {
            return ruling;
        }
        if (!began(addresses, origin, maxOfAddress)) {
            return Ruling.LATER;
        }
        if (!began(users, user, isKnown(origin, user) ? Integer.MAX_VALUE : maxOfUser)) {
            ended(addresses, origin, 0);
            return Ruling.LATER;
        }
        return Ruling.FREE;
    }

    /** It was right. */
    void right(InetAddress origin, String user) {
        undecided(origin, user);
        remember(origin, user);
    }

    /** It was wrong. */
    void wrong(InetAddress origin, String user) {
        ended(addresses, origin, 1);
        ended(users, user, 1);
    }

    /** Nobody had time to look. */
    void undecided(InetAddress origin, String user) {
        ended(addresses, origin, 0);
        ended(users, user, 0);
    }

    /** A good login that was not begun here: its verdict was remembered. */
    void remember(InetAddress origin, String user) {
        known.put(new Place(user, origin), true);
    }

    /** A wrong one that was not begun here: it shared the verdict of another. */
    void sharedWrong(InetAddress origin, String user) {
        if (began(addresses, origin, Integer.MAX_VALUE)) {
            ended(addresses, origin, 1);
        }
        if (began(users, user, Integer.MAX_VALUE)) {
            ended(users, user, 1);
        }
    }

    private boolean isKnown(InetAddress origin, String user) {
        return known.getIfPresent(new Place(user, origin)) != null;
    }

    private static int failed(@Nullable Count count) {
        if (count == null) {
            return 0;
        }
        synchronized (count) {
            return count.failed;
        }
    }

    private static <K> boolean began(Cache<K, Count> counts, K key, int max) {
        Count count = counts.get(key, k -> new Count());
        synchronized (count) {
            if (count.failed + count.pending >= max) {
                return false;
            }
            count.pending++;
            return true;
        }
    }

    /** The count may have been forgotten meanwhile; then there is nothing to give back. */
    private static <K> void ended(Cache<K, Count> counts, K key, int failures) {
        Count count = counts.get(key, k -> new Count());
        synchronized (count) {
            count.pending = Math.max(0, count.pending - 1);
            count.failed += failures;
        }
    }
}
