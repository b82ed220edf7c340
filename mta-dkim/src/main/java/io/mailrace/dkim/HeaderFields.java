// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

/**
 * The fields of one header block that are to be signed: where each stands, which of them h= names
 * in which order, and their relaxed form (RFC 6376 3.4.2). Holds at most {@value #MAX_INSTANCES}
 * places for each name, whatever the message. One thread; {@link #scan} makes it fresh.
 */
final class HeaderFields {
    /* Several fields of one name are signed from the bottom up (RFC 6376 5.4.2). Of a name that is
     * there more often than MAX_INSTANCES the bottom ones are signed: a valid signature, and h=
     * stays short. Such a name is not oversigned: one entry more would mean the next field up. */

    static final int MAX_INSTANCES = 16;

    private final HeaderNames names;
    private final int[] counts;
    private final int[] starts;
    private final int[] ends;
    private byte[] header = new byte[0];

    HeaderFields(HeaderNames names) {
        this.names = names;
        counts = new int[names.count()];
        starts = new int[names.count() * MAX_INSTANCES];
        ends = new int[names.count() * MAX_INSTANCES];
    }

    /** Finds the fields in {@code bytes} up to {@code end}, which is after the last field. */
    void scan(byte[] bytes, int end) {
        header = bytes;
        java.util.Arrays.fill(counts, 0);
        int at = 0;
        while (at < end) {
            int fieldEnd = endOfField(bytes, at, end);
            int colon = at;
            while (colon < fieldEnd && bytes[colon] != ':' && bytes[colon] != '\r') {
                colon++;
            }
            if (colon < fieldEnd && bytes[colon] == ':') {
                int nameEnd = colon;
                while (nameEnd > at && isBlank(bytes[nameEnd - 1])) {
                    nameEnd--;
                }
                int name = names.find(bytes, at, nameEnd);
                if (name >= 0) {
                    int place = name * MAX_INSTANCES + counts[name]++ % MAX_INSTANCES;
                    starts[place] = colon + 1;
                    ends[place] = fieldEnd;
                }
            }
            at = fieldEnd;
        }
    }

    /** Lets go of the message's bytes. */
    void release() {
        header = new byte[0];
    }

    boolean hasFrom() {
        return counts[names.from()] > 0;
    }

    /** How often h= names it: each field that is signed, and one more when it is oversigned. */
    int entries(int name) {
        int count = counts[name];
        if (count > MAX_INSTANCES) {
            return MAX_INSTANCES;
        }
        return count + (names.isOversigned(name) ? 1 : 0);
    }

    /** Appends the relaxed form of all signed fields in the order of h=. */
    void relaxed(ByteBuilder out) {
        for (int name = 0; name < counts.length; name++) {
            int count = counts[name];
            for (int k = 1; k <= Math.min(count, MAX_INSTANCES); k++) {
                int place = name * MAX_INSTANCES + (count - k) % MAX_INSTANCES;
                relaxed(names.lowerName(name), header, starts[place], ends[place], out);
                out.put('\r');
                out.put('\n');
            }
        }
    }

    /** Appends one field in relaxed form, without its CRLF. */
    static void relaxed(byte[] lowerName, byte[] in, int start, int end, ByteBuilder out) {
        out.put(lowerName, 0, lowerName.length);
        out.ensure(end - start + 1);
        out.putFast((byte) ':');
        boolean blank = false;
        boolean text = false;
        for (int i = start; i < end; i++) {
            byte b = in[i];
            if (b == ' ' || b == '\t') {
                blank = text;
            } else if (b == '\r' && i + 1 < end && in[i + 1] == '\n') {
                i++; // unfolding; the blank after it counts
            } else {
                if (blank) {
                    out.putFast((byte) ' ');
                    blank = false;
                }
                text = true;
                out.putFast(b);
            }
        }
    }

    /** After the CRLF that no blank follows. */
    private static int endOfField(byte[] bytes, int start, int end) {
        int i = start;
        while (i + 1 < end) {
            if (bytes[i] == '\r' && bytes[i + 1] == '\n') {
                i += 2;
                if (i >= end || !isBlank(bytes[i])) {
                    return i;
                }
            } else {
                i++;
            }
        }
        return end;
    }

    private static boolean isBlank(byte b) {
        return b == ' ' || b == '\t';
    }
}
