// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.util.Arrays;

/** Bytes that grow. Kept and used again, so that building a text makes no garbage. One thread. */
final class ByteBuilder {
    private byte[] bytes;
    private int length;

    ByteBuilder(int capacity) {
        bytes = new byte[capacity];
    }

    /** The bytes, of which {@link #length()} count; replaced when they grow. */
    byte[] bytes() {
        return bytes;
    }

    int length() {
        return length;
    }

    int capacity() {
        return bytes.length;
    }

    /** Forgets what comes after {@code newLength}. */
    void cut(int newLength) {
        length = newLength;
    }

    /** Makes room, after which that many bytes may be written with {@link #putFast}. */
    void ensure(int more) {
        if (bytes.length - length < more) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
        }
    }

    /** Appends one byte for which {@link #ensure} made room. */
    void putFast(byte b) {
        bytes[length++] = b;
    }

    void put(int b) {
        ensure(1);
        bytes[length++] = (byte) b;
    }

    void put(byte[] from, int start, int end) {
        ensure(end - start);
        System.arraycopy(from, start, bytes, length, end - start);
        length += end - start;
    }

    /** Appends ASCII text. */
    void put(String text) {
        ensure(text.length());
        for (int i = 0; i < text.length(); i++) {
            bytes[length++] = (byte) text.charAt(i);
        }
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, length);
    }
}
