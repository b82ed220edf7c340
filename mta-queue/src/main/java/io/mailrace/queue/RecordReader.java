// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Function;

/**
 * Reads one stored record (FORMAT.md) and trusts none of it: every length is checked against what
 * is left before anything is allocated. Whatever is wrong is a {@link SpoolException}.
 */
final class RecordReader {
    private final byte[] bytes;
    private final int end;
    private int at;
    private int version;

    private RecordReader(byte[] bytes) {
        this.bytes = bytes;
        end = bytes.length - RecordWriter.CRC_BYTES;
    }

    /**
     * Checks sum and version of a record and decodes it.
     *
     * @param newest version; older ones are told apart by {@link #version()}
     * @throws SpoolException for whatever is wrong with it
     */
    static <T> T decode(byte[] record, int newest, String what, Function<RecordReader, T> fields) {
        try {
            RecordReader reader = new RecordReader(record);
            if (reader.end < 1
                    || ByteBuffer.wrap(record).getInt(reader.end) != RecordWriter.crc(record,
                            reader.end)) {
                throw new SpoolException(what + " record is damaged (checksum)");
            }
            reader.version = reader.u8();
            if (reader.version < 1 || reader.version > newest) {
                throw new SpoolException(
                        what + " record has unknown version " + reader.version);
            }
            T value = fields.apply(reader);
            if (reader.at != reader.end) {
                throw new SpoolException(what + " record is longer than its fields");
            }
            return value;
        } catch (IllegalArgumentException impossible) {
            throw new SpoolException(what + " record holds an impossible value", impossible);
        }
    }

    /** Of the record: 1 or more. */
    int version() {
        return version;
    }

    int u8() {
        need(1);
        return bytes[at++] & 0xff;
    }

    boolean flag() {
        return u8() != 0;
    }

    int u16() {
        return u8() << 8 | u8();
    }

    long i64() {
        need(8);
        at += 8;
        return ByteBuffer.wrap(bytes).getLong(at - 8);
    }

    /** A number of things each at least one byte long, so never more than bytes are left. */
    int count() {
        int value = number();
        need(value);
        return value;
    }

    /** A number that counts nothing in this record. */
    int number() {
        int value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            int next = u8();
            value |= (next & 0x7f) << shift;
            if (next < 0x80) {
                if (value < 0) {
                    break;
                }
                return value;
            }
        }
        throw new SpoolException("record holds an impossible number");
    }

    String text() {
        int length = count();
        at += length;
        return new String(bytes, at - length, length, StandardCharsets.UTF_8);
    }

    byte[] bytes() {
        int length = count();
        at += length;
        return Arrays.copyOfRange(bytes, at - length, at);
    }

    void skipText() {
        int length = count();
        at += length;
    }

    private void need(int more) {
        if (end - at < more) {
            throw new SpoolException("record is shorter than its fields");
        }
    }
}
