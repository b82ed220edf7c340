// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.TimeSource;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts connections, in all and by address; an IPv6 customer has a /64, so that counts as one. A
 * tenth of all is kept for clients we know: those in relay-from and addresses with a good login
 * lately. Holds at most one entry for each open connection, and {@value #MAX_KNOWN} addresses we
 * know. Any thread.
 */
final class ConnectionLimits {
    private static final int MAX_KNOWN = 10_000;
    private static final Duration KNOWN_FOR = Duration.ofHours(6);

    private final int max;
    private final int maxPerAddress;
    private final AtomicInteger open = new AtomicInteger();
    private final Map<InetAddress, Integer> byAddress = new ConcurrentHashMap<>();
    private final Cache<InetAddress, Boolean> loggedIn;

    ConnectionLimits(int max, int maxPerAddress, TimeSource time) {
        this.max = max;
        this.maxPerAddress = maxPerAddress;
        loggedIn = Caffeine.newBuilder().maximumSize(MAX_KNOWN).ticker(time::nanos)
                .expireAfterWrite(KNOWN_FOR).executor(Runnable::run).build();
    }

    /** Somebody proved there who he is. */
    void loggedIn(InetAddress client) {
        loggedIn.put(origin(client), true);
    }

    boolean knows(InetAddress client) {
        return loggedIn.getIfPresent(origin(client)) != null;
    }

    /** Counts a connection in, unless it is one too many. */
    boolean admit(InetAddress client, boolean exempt) {
        int most = exempt || knows(client) ? max : max - max / 10;
        if (open.incrementAndGet() > most) {
            open.decrementAndGet();
            return false;
        }
        int same = byAddress.merge(origin(client), 1, Integer::sum);
        if (same > maxPerAddress && !exempt) {
            release(client);
            return false;
        }
        return true;
    }

    /**
     * An admitted connection turns out to be another client's; false when that has too many, or is
     * not known and there is no room for such.
     */
    boolean move(InetAddress from, InetAddress to, boolean exempt) {
        if (!exempt && open.get() > max - max / 10 && !knows(to)) {
            return false;
        }
        if (origin(from).equals(origin(to))) {
            return true;
        }
        int same = byAddress.merge(origin(to), 1, Integer::sum);
        boolean good = same <= maxPerAddress || exempt;
        countOut(good ? from : to);
        return good;
    }

    /** Counts an admitted connection out. */
    void release(InetAddress client) {
        countOut(client);
        open.decrementAndGet();
    }

    int max() {
        return max;
    }

    private void countOut(InetAddress client) {
        byAddress.computeIfPresent(origin(client), (a, n) -> n > 1 ? n - 1 : null);
    }

    int open() {
        return open.get();
    }

    /** The address itself, or the /64 an IPv6 address is in. */
    static InetAddress origin(InetAddress client) {
        if (!(client instanceof Inet6Address)) {
            return client;
        }
        try {
            byte[] network = Arrays.copyOf(Arrays.copyOf(client.getAddress(), 8), 16);
            return InetAddress.getByAddress(network);
        } catch (UnknownHostException wrongLength) {
            throw new IllegalStateException("an IPv6 address has 16 octets", wrongLength);
        }
    }
}
