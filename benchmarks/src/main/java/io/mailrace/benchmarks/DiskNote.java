// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * One note of {@code faultdisk.c}, with the meaning of {@code struct note} there.
 *
 * @param bytesAt where its old bytes begin in the log
 */
record DiskNote(Kind kind, long sequence, long inode, long folder, long oldFolder, long replaced,
        long offset, long length, long oldSize, String name, String oldName, long bytesAt,
        long bytes) {
    private static final int MAGIC = 0x4653444b;
    private static final int HEAD = 88;

    /** In the order of the numbers there, from 1. */
    enum Kind {
        WROTE, RESIZED, CREATED, UNLINKED, RENAMED, SYNCED, SYNC_FAILED;

        boolean changesContent() {
            return this == WROTE || this == RESIZED;
        }

        boolean changesName() {
            return this == CREATED || this == UNLINKED || this == RENAMED;
        }
    }

    /** All of them; a last one that death cut short is left out, its change was not made. */
    static List<DiskNote> read(FileChannel log) throws IOException {
        List<DiskNote> notes = new ArrayList<>();
        long at = 0;
        while (at + HEAD <= log.size()) {
            ByteBuffer head = bytes(log, at, HEAD);
            if (head.getInt() != MAGIC) {
                throw new IOException("the log of the disk is broken at " + at);
            }
            Kind kind = Kind.values()[head.getInt() - 1];
            int names = head.getInt(72) + head.getInt(76);
            long bytes = head.getLong(80);
            if (at + HEAD + names + bytes > log.size()) {
                break;
            }
            ByteBuffer text = bytes(log, at + HEAD, names);
            notes.add(new DiskNote(kind, head.getLong(), head.getLong(), head.getLong(),
                    head.getLong(), head.getLong(), head.getLong(), head.getLong(),
                    head.getLong(), text(text, head.getInt()), text(text, head.getInt()),
                    at + HEAD + names, bytes));
            at += HEAD + names + bytes;
        }
        return notes;
    }

    /** Bytes of a file, all of them. */
    static ByteBuffer bytes(FileChannel file, long at, long length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(length))
                .order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, at + bytes.position()) < 0) {
                throw new EOFException("file ends before " + (at + length));
            }
        }
        return bytes.flip();
    }

    private static String text(ByteBuffer bytes, int length) {
        byte[] name = new byte[length];
        bytes.get(name);
        return new String(name, StandardCharsets.UTF_8);
    }
}
