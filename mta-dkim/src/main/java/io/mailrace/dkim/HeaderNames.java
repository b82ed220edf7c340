// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Ascii;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The header names to sign, numbered in the order of h=, with a look-up by the bytes of a field
 * that makes no String. Immutable.
 */
final class HeaderNames {
    /** Maps A to Z to a to z and every other byte to itself. */
    static final byte[] LOWER = lowerTable();

    private final String[] names;
    private final byte[][] lowerNames;
    private final boolean[] oversigned;
    private final int[] slots;
    private final int longest;
    private final int from;

    HeaderNames(List<String> sign, List<String> oversign) {
        List<String> all = new ArrayList<>();
        for (String name : oversign) {
            addOnce(all, name);
        }
        int oversignedCount = all.size();
        for (String name : sign) {
            addOnce(all, name);
        }
        names = all.toArray(String[]::new);
        lowerNames = new byte[names.length][];
        oversigned = new boolean[names.length];
        slots = new int[Integer.highestOneBit(names.length) * 8];
        Arrays.fill(slots, -1);
        int max = 0;
        for (int i = 0; i < names.length; i++) {
            byte[] lower = Ascii.lower(names[i]).getBytes(StandardCharsets.US_ASCII);
            lowerNames[i] = lower;
            oversigned[i] = i < oversignedCount;
            max = Math.max(max, lower.length);
            int slot = hash(lower, 0, lower.length) & (slots.length - 1);
            while (slots[slot] >= 0) {
                slot = (slot + 1) & (slots.length - 1);
            }
            slots[slot] = i;
        }
        longest = max;
        from = find("from".getBytes(StandardCharsets.US_ASCII), 0, 4);
    }

    int count() {
        return names.length;
    }

    String name(int number) {
        return names[number];
    }

    byte[] lowerName(int number) {
        return lowerNames[number];
    }

    boolean isOversigned(int number) {
        return oversigned[number];
    }

    /** The number of From, without which there is no signature. */
    int from() {
        return from;
    }

    /** The number of a name in any case, or -1. */
    int find(byte[] in, int start, int end) {
        int length = end - start;
        if (length == 0 || length > longest) {
            return -1;
        }
        int slot = hash(in, start, end) & (slots.length - 1);
        for (int n = slots[slot]; n >= 0; n = slots[slot]) {
            if (matches(lowerNames[n], in, start, length)) {
                return n;
            }
            slot = (slot + 1) & (slots.length - 1);
        }
        return -1;
    }

    private static boolean matches(byte[] lower, byte[] in, int start, int length) {
        if (lower.length != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (LOWER[in[start + i] & 0xff] != lower[i]) {
                return false;
            }
        }
        return true;
    }

    private static int hash(byte[] in, int start, int end) {
        int hash = 0;
        for (int i = start; i < end; i++) {
            hash = hash * 31 + LOWER[in[i] & 0xff];
        }
        return hash ^ (hash >>> 15);
    }

    private static void addOnce(List<String> all, String name) {
        if (all.stream().noneMatch(n -> Ascii.equalsIgnoreCase(n, name))) {
            all.add(name);
        }
    }

    private static byte[] lowerTable() {
        byte[] table = new byte[256];
        for (int i = 0; i < 256; i++) {
            table[i] = (byte) (i >= 'A' && i <= 'Z' ? i + 32 : i);
        }
        return table;
    }
}
