// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A chunk as it goes to the disk (FORMAT.md, "stored chunk"). Its bytes are those of the message
 * where they are not encrypted, so that they need not be copied for being sent. Never changed.
 *
 * @param bytes all of it but the sum
 * @param summed whether the sum stands behind them
 * @param sum CRC32C of the bytes
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, never changed
record StoredChunk(byte[] bytes, boolean summed, int sum) {

    /** With its sum. */
    static StoredChunk plain(byte[] bytes) {
        return new StoredChunk(bytes, true, RecordWriter.crc(bytes, bytes.length));
    }

    /** As it was read, or encrypted. */
    static StoredChunk whole(byte[] stored) {
        return new StoredChunk(stored, false, 0);
    }

    /** On disk. */
    int length() {
        return bytes.length + (summed ? RecordWriter.CRC_BYTES : 0);
    }

    /** In one piece. */
    byte[] joined() {
        if (!summed) {
            return bytes;
        }
        byte[] joined = Arrays.copyOf(bytes, length());
        ByteBuffer.wrap(joined).putInt(bytes.length, sum);
        return joined;
    }
}
