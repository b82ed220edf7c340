// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A set of 64-bit digests at 8 to 32 bytes each. One thread at a time may change it; any thread may
 * ask meanwhile, and sees the state before or after.
 */
final class DigestSet {
    /** Stands for an empty place; the digest 0 itself is stored as 1, which no one will notice. */
    private static final long EMPTY = 0;

    private final AtomicLongArray places;
    private final int mask;
    private final AtomicInteger size = new AtomicInteger();

    /** @param capacity a power of two */
    DigestSet(int capacity) {
        places = new AtomicLongArray(capacity);
        mask = capacity - 1;
    }

    int size() {
        return size.get();
    }

    boolean has(long digest) {
        return find(digest) >= 0;
    }

    private static long stored(long digest) {
        return digest == EMPTY ? 1 : digest;
    }

    /** Its place, or minus one less the empty place it would go to. */
    private int find(long digest) {
        long wanted = stored(digest);
        int at = (int) wanted & mask;
        for (long there = places.get(at); there != EMPTY; there = places.get(at)) {
            if (there == wanted) {
                return at;
            }
            at = (at + 1) & mask;
        }
        return -1 - at;
    }

    /** The set with that digest: this one, or a larger one. */
    DigestSet with(long digest) {
        int at = find(digest);
        if (at >= 0) {
            return this;
        }
        if (size.get() >= places.length() / 2) {
            DigestSet larger = copy(places.length() * 2, EMPTY);
            return larger.with(digest);
        }
        places.set(-1 - at, stored(digest));
        size.incrementAndGet();
        return this;
    }

    /** A set without that digest. */
    DigestSet without(long digest) {
        return has(digest) ? copy(places.length(), stored(digest)) : this;
    }

    private DigestSet copy(int capacity, long leftOut) {
        DigestSet copy = new DigestSet(capacity);
        for (int i = 0; i < places.length(); i++) {
            long one = places.get(i);
            if (one != EMPTY && one != leftOut) {
                copy.with(one);
            }
        }
        return copy;
    }
}
