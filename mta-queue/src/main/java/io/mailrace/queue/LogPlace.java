// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * Where a stored chunk stands in the log (FORMAT.md, family {@code in-log}). Immutable.
 *
 * @param slot number of the file
 * @param offset of the head of its entry, in bytes
 * @param length of the stored chunk behind that head, in bytes
 */
record LogPlace(int slot, int offset, int length) {
    private static final int VERSION = 1;

    byte[] encode() {
        return new RecordWriter(VERSION, 24).count(slot).count(offset).count(length).finish();
    }

    static LogPlace decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "place in the log",
                in -> new LogPlace(in.number(), in.number(), in.number()));
    }
}
