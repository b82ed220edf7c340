// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** Builds one stored record (FORMAT.md): version byte, fields, CRC32C. Confined to one thread. */
final class RecordWriter {
    static final int CRC_BYTES = 4;

    private byte[] bytes;
    private int length;

    RecordWriter(int version, int sizeHint) {
        bytes = new byte[Math.max(16, sizeHint)];
        u8(version);
    }

    RecordWriter u8(int value) {
        room(1);
        bytes[length++] = (byte) value;
        return this;
    }

    RecordWriter flag(boolean value) {
        return u8(value ? 1 : 0);
    }

    RecordWriter u16(int value) {
        return u8(value >>> 8).u8(value);
    }

    RecordWriter i64(long value) {
        room(8);
        ByteBuffer.wrap(bytes).putLong(length, value);
        length += 8;
        return this;
    }

    /** A count or length that is not negative: seven bits a byte, lowest first. */
    RecordWriter count(int value) {
        int rest = value;
        while (rest > 0x7f) {
            u8((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        return u8(rest);
    }

    RecordWriter text(String text) {
        int chars = text.length();
        room(chars + 5);
        int start = length;
        count(chars);
        for (int i = 0; i < chars; i++) {
            char c = text.charAt(i);
            if (c > 0x7f) {
                length = start;
                byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
                return count(utf8.length).raw(utf8);
            }
            bytes[length++] = (byte) c;
        }
        return this;
    }

    /** Another record as a field. */
    RecordWriter bytes(byte[] value) {
        return count(value.length).raw(value);
    }

    /** The record; the writer is of no use afterwards. */
    byte[] finish() {
        byte[] record = Arrays.copyOf(bytes, length + CRC_BYTES);
        sealCrc(record);
        return record;
    }

    /** Writes the CRC32C of all but the last four bytes into the last four. */
    static void sealCrc(byte[] sealed) {
        int end = sealed.length - CRC_BYTES;
        ByteBuffer.wrap(sealed).putInt(end, crc(sealed, end));
    }

    static int crc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    private RecordWriter raw(byte[] more) {
        room(more.length);
        System.arraycopy(more, 0, bytes, length, more.length);
        length += more.length;
        return this;
    }

    private void room(int more) {
        if (bytes.length - length < more) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
        }
    }
}
