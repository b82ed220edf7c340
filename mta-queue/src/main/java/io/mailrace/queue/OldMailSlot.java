// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/**
 * Writes chunks of mail that waits to a slot of the log in which nothing else stands (FORMAT.md,
 * "Old mail"): what comes in is never between them, so they are written again once and not each
 * time that what came with them is gone. One thread at a time.
 */
final class OldMailSlot implements AutoCloseable {
    private static final int BUFFER_BYTES = 512 << 10;
    /** Behind each chunk there is room for the head that ends a piece, and its padding. */
    private static final int END_BYTES = 2 * SpoolLog.PAGE_BYTES;

    private final LogFiles files;
    private final int slotBytes;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private @Nullable FileChannel out;
    private int slot = -1;
    private long written;
    /** Of this use of the slot. */
    private long run;
    private boolean unsynced;
    private boolean refused;

    OldMailSlot(LogFiles files, int slotBytes) {
        this.files = files;
        this.slotBytes = slotBytes;
    }

    /** Whether a slot is being written. The disk may have ended that. */
    boolean isOpen() {
        return out != null;
    }

    /** Whether the disk refused the slot that was begun last. */
    boolean isRefused() {
        return refused;
    }

    /** Whether {@link #begin} must come before the next chunk. */
    boolean isFull() {
        return !isOpen() || position() >= slotBytes;
    }

    /**
     * Goes on in another slot.
     *
     * @throws SpoolException when the disk refuses
     */
    void begin(int number) {
        close();
        refused = false;
        run = Progress.LogMark.newRun();
        slot = number;
        try {
            out = files.write(number);
            endPiece();
        } catch (IOException why) {
            throw failed(why);
        }
    }

    /**
     * Adds a chunk; it is on disk after {@link #sync}.
     *
     * @return null when it does not stand there any more
     * @throws SpoolException when it cannot be read, or the disk refuses what was added before:
     *         then the slot is not open any more
     */
    @Nullable
    LogPlace add(LogPlace from, long id, int index) {
        int length = LogEntry.HEAD_BYTES + from.length();
        if (length > BUFFER_BYTES - END_BYTES) {
            throw new SpoolException("chunk of " + from.length() + " bytes in the log");
        }
        try {
            if (buffer.remaining() < length + END_BYTES) {
                flush();
            }
        } catch (IOException why) {
            throw failed(why);
        }
        LogPlace to = new LogPlace(slot, (int) position(), from.length());
        if (!read(from, id, index, length)) {
            return null;
        }
        unsynced = true;
        return to;
    }

    /** All of it into the buffer, or nothing. */
    private boolean read(LogPlace from, long id, int index, int length) {
        int start = buffer.position();
        boolean there = false;
        try {
            buffer.limit(start + length);
            there = files.entry(from, id, index, buffer);
        } finally {
            buffer.limit(BUFFER_BYTES);
            if (!there) {
                buffer.position(start);
            }
        }
        return there;
    }

    /**
     * Brings what was added to the disk.
     *
     * @throws SpoolException when the disk refuses: what was added since the last time may be lost
     */
    void sync() {
        FileChannel channel = open();
        if (!unsynced) {
            return;
        }
        try {
            endPiece();
            channel.force(false);
            unsynced = false;
        } catch (IOException why) {
            throw failed(why);
        }
    }

    /** What comes next begins on a page of its own: no page is written twice. */
    private void endPiece() throws IOException {
        new LogEntry(LogEntry.Kind.OLD, 0, slot, 0, run).write(buffer);
        while ((position() & (SpoolLog.PAGE_BYTES - 1)) != 0) {
            buffer.put((byte) 0);
        }
        flush();
    }

    private long position() {
        return written + buffer.position();
    }

    private void flush() throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            written += open().write(buffer, written);
        }
        buffer.clear();
    }

    private FileChannel open() {
        FileChannel channel = out;
        if (channel == null) {
            throw new IllegalStateException("no slot for old mail is being written");
        }
        return channel;
    }

    private SpoolException failed(IOException why) {
        close();
        refused = true;
        return SpoolException.ofDisk("log of the spool cannot be written: " + why, why);
    }

    /** What was not synced is not written any more. */
    @Override
    public void close() {
        LogFiles.end(out);
        out = null;
        written = 0;
        unsynced = false;
        buffer.clear();
    }
}
