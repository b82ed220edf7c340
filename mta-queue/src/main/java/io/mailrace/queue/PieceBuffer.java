// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayList;
import java.util.List;

/**
 * Bytes that come one after another, kept in pieces, each as large as all before it: growing moves
 * nothing, and no more than twice what came is held, from 4 kB on. Confined to one thread.
 */
final class PieceBuffer {
    private static final int FIRST_BYTES = 4096;

    private final int maxBytes;
    /** Full but for the last. */
    private final List<byte[]> pieces = new ArrayList<>();
    private byte[] last;
    private int lastUsed;
    private int size;

    /** @param maxBytes most it will ever hold */
    PieceBuffer(int maxBytes) {
        this.maxBytes = maxBytes;
        last = new byte[Math.min(FIRST_BYTES, maxBytes)];
        pieces.add(last);
    }

    int size() {
        return size;
    }

    /** Room left below the most it will hold. */
    int room() {
        return maxBytes - size;
    }

    void append(byte[] bytes, int offset, int length) {
        if (length > room()) {
            throw new IllegalArgumentException(length + " bytes, room for " + room());
        }
        int at = offset;
        int left = length;
        while (left > 0) {
            if (lastUsed == last.length) {
                last = new byte[Math.min(size, maxBytes - size)];
                lastUsed = 0;
                pieces.add(last);
            }
            int part = Math.min(left, last.length - lastUsed);
            System.arraycopy(bytes, at, last, lastUsed, part);
            lastUsed += part;
            size += part;
            at += part;
            left -= part;
        }
    }

    byte[] toArray() {
        byte[] all = new byte[size];
        int at = 0;
        for (byte[] piece : pieces) {
            int part = Math.min(piece.length, size - at);
            System.arraycopy(piece, 0, all, at, part);
            at += part;
        }
        return all;
    }

    /** Empty again, with room for the most in one piece: who filled it once will do so again. */
    void clear() {
        if (last.length < maxBytes) {
            last = new byte[maxBytes];
        }
        pieces.clear();
        pieces.add(last);
        lastUsed = 0;
        size = 0;
    }
}
