// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
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

    /**
     * Reads one chunk of a content and checks its sum.
     *
     * @throws SpoolException when it is not there, or damaged
     */
    static byte[] read(Store store, long id, int index, int lengthBytes) {
        byte[] key = Keys.content(new SpoolId(id), index);
        while (true) {
            byte[] row = store.get(Store.Family.IN_LOG, key);
            try {
                byte[] value = row == null
                        ? store.get(Store.Family.CONTENT, key)
                        : store.log().chunk(LogPlace.decode(row), id, index);
                if (value == null) {
                    throw new SpoolException("content is not in the spool (chunk " + index + ")");
                }
                return store.seal().open(id, index, value, lengthBytes);
            } catch (SpoolException failed) {
                // It may have been moved or removed, and its place taken, while it was read.
                if (Arrays.equals(row, store.get(Store.Family.IN_LOG, key))) {
                    throw failed;
                }
            }
        }
    }

    /** Whether a content of at least one byte is there. */
    static boolean isThere(Store store, SpoolId id) {
        byte[] key = Keys.content(id, 0);
        return store.get(Store.Family.IN_LOG, key) != null
                || store.get(Store.Family.CONTENT, key) != null;
    }
}
