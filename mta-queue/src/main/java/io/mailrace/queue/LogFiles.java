// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of the log, called slots, for reading by any thread. Which slot holds what, and that
 * one is written anew once nothing in it is needed, is {@link SpoolLog}'s.
 */
class LogFiles implements AutoCloseable {
    /** Name of their folder beside that of the database. */
    static final String FOLDER = "log";
    private static final Logger LOG = LoggerFactory.getLogger(LogFiles.class);
    private static final Pattern NAME = Pattern.compile("[0-9]{8}");
    private static final int TRIES = 3;
    private static final int MAX_READERS = 256;
    private static final int PART_BYTES = 64 << 10;

    private final Path folder;
    private final Map<Integer, FileChannel> readers = new ConcurrentHashMap<>();

    LogFiles(Path folder) {
        this.folder = folder;
    }

    /**
     * Gives a log that belongs to no database another name, for a person, when anything is in it.
     *
     * @throws SpoolException when the disk refuses
     */
    void setAside() {
        if (slots().isEmpty()) {
            return;
        }
        Path spool = folder.resolveSibling("");
        Path aside = spool.resolve("log-replaced-" + TimeSource.system().epochMillis());
        try {
            Files.move(folder, aside, StandardCopyOption.ATOMIC_MOVE);
            Folders.sync(spool);
            LOG.warn("log of a database that is gone is set aside path={}", aside);
        } catch (IOException refused) {
            throw SpoolException.ofDisk("log of the spool cannot be set aside: " + refused,
                    refused);
        }
    }

    Path file(int slot) {
        return folder.resolve(String.format("%08d", slot));
    }

    /** Numbers of the slots there are, in order; none where there is no log. */
    List<Integer> slots() {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> String.valueOf(path.getFileName()))
                    .filter(name -> NAME.matcher(name).matches()).map(Integer::valueOf).sorted()
                    .toList();
        } catch (IOException unreadable) {
            throw SpoolException.ofDisk("log of the spool cannot be read: " + unreadable,
                    unreadable);
        }
    }

    /** Opens a slot for writing from its start; its name is on disk then. */
    FileChannel write(int slot) throws IOException {
        Folders.make(folder);
        FileChannel channel = FileChannel.open(file(slot), StandardOpenOption.CREATE,
                StandardOpenOption.WRITE);
        try {
            Folders.sync(folder);
            return channel;
        } catch (IOException refused) {
            channel.close();
            throw refused;
        }
    }

    /** Ends the writing of a slot; what is needed of it was synced, the rest is written anew. */
    static void end(@Nullable FileChannel written) {
        if (written != null) {
            try {
                written.close();
            } catch (IOException why) {
                LOG.warn("file of the log not closed reason=\"{}\"", why.toString());
            }
        }
    }

    void remove(int slot) {
        try {
            Files.deleteIfExists(file(slot));
        } catch (IOException refused) {
            LOG.warn("file of the log not removed path={} reason=\"{}\"", file(slot),
                    refused.toString());
        }
        forget(slot);
    }

    /**
     * Reads a stored chunk.
     *
     * @return null when something else stands at that place by now
     * @throws SpoolException when the disk does not answer
     */
    byte @Nullable [] chunk(LogPlace place, long id, int index) {
        int length = place.length();
        ByteBuffer bytes = ByteBuffer.allocate(LogEntry.HEAD_BYTES + length);
        read(place.slot(), place.offset(), bytes);
        if (!isChunk(LogEntry.read(bytes.flip()), place, id, index)
                || bytes.remaining() < LogEntry.HEAD_BYTES + length) {
            return null;
        }
        byte[] value = new byte[length];
        bytes.get(LogEntry.HEAD_BYTES, value);
        return value;
    }

    /**
     * Reads a stored chunk with its head.
     *
     * @param into has room for just that
     * @return false when something else stands at that place by now; what was read means nothing
     */
    boolean entry(LogPlace place, long id, int index, ByteBuffer into) {
        int start = into.position();
        read(place.slot(), place.offset(), into);
        return !into.hasRemaining() && isChunk(LogEntry.read(into.slice(start,
                into.limit() - start)), place, id, index);
    }

    private static boolean isChunk(@Nullable LogEntry head, LogPlace place, long id, int index) {
        return head != null && head.kind() == LogEntry.Kind.CHUNK && head.number() == id
                && head.second() == index && head.length() == place.length();
    }

    /** The head at an offset; null when none stands there. */
    @Nullable
    LogEntry head(int slot, long offset) {
        ByteBuffer bytes = ByteBuffer.allocate(LogEntry.HEAD_BYTES);
        read(slot, offset, bytes);
        return LogEntry.read(bytes.flip());
    }

    /** The run a slot goes on from; empty where it does not say. Its first batch sums it. */
    OptionalLong runBefore(int slot, LogEntry head) {
        ByteBuffer run = ByteBuffer.allocate(LogEntry.RUN_BYTES);
        read(slot, LogEntry.HEAD_BYTES, run);
        return head.length() == LogEntry.RUN_BYTES && !run.hasRemaining()
                ? OptionalLong.of(run.getLong(0))
                : OptionalLong.empty();
    }

    /**
     * What a batch changes in the database.
     *
     * @param from where the batch begins, with its chunks
     * @param offset of its head
     * @return null when it is not on the disk whole, with its chunks
     */
    byte @Nullable [] changes(int slot, long from, long offset, LogEntry head) {
        int length = head.length() - RecordWriter.CRC_BYTES;
        long start = offset + LogEntry.HEAD_BYTES;
        if (length < 0 || start + head.length() > size(slot)) {
            return null;
        }
        CRC32C sum = new CRC32C();
        ByteBuffer part = ByteBuffer.allocate(PART_BYTES);
        for (long at = from; at < start; at += part.limit()) {
            part.clear().limit((int) Math.min(PART_BYTES, start - at));
            read(slot, at, part);
            if (!part.flip().hasRemaining()) {
                return null;
            }
            sum.update(part.duplicate());
        }
        ByteBuffer changes = ByteBuffer.allocate(head.length());
        read(slot, start, changes);
        sum.update(changes.array(), 0, length);
        return changes.getInt(length) == (int) sum.getValue()
                ? Arrays.copyOf(changes.array(), length)
                : null;
    }

    /**
     * Writes what stands before an offset to the same place, and brings it to the disk.
     *
     * @throws SpoolException when the disk refuses
     */
    void writeAgain(int slot, long end) {
        ByteBuffer part = ByteBuffer.allocate(PART_BYTES);
        try (FileChannel out = FileChannel.open(file(slot), StandardOpenOption.WRITE)) {
            long at = 0;
            while (at < end) {
                part.clear().limit((int) Math.min(PART_BYTES, end - at));
                read(slot, at, part);
                if (!part.flip().hasRemaining()) {
                    break;
                }
                while (part.hasRemaining()) {
                    at += out.write(part, at);
                }
            }
            out.force(true);
        } catch (IOException refused) {
            throw SpoolException.ofDisk("log of the spool cannot be written: " + refused,
                    refused);
        }
    }

    /** Copies slots to a folder and brings them to the disk. */
    void copy(Iterable<Integer> slots, Path target) throws IOException {
        Folders.make(target);
        for (int slot : slots) {
            Path copy = target.resolve(String.valueOf(file(slot).getFileName()));
            try {
                Files.copy(file(slot), copy);
                Folders.sync(copy);
            } catch (NoSuchFileException lost) {
                LOG.error("file of the log is missing: a copy is made without it path={}",
                        file(slot));
            }
        }
        Folders.sync(target);
    }

    private long size(int slot) {
        try {
            return Files.size(file(slot));
        } catch (NoSuchFileException gone) {
            return 0;
        } catch (IOException unknown) {
            throw SpoolException.ofDisk("log of the spool cannot be read: " + unknown, unknown);
        }
    }

    /** Reads until the buffer is full or the file ends; nothing where there is no such slot. */
    private void read(int slot, long offset, ByteBuffer into) {
        int start = into.position();
        for (int tried = 1;; tried++) {
            try {
                FileChannel channel = reader(slot);
                int read = 0;
                while (into.hasRemaining() && read >= 0) {
                    read = channel.read(into, offset + into.position() - start);
                }
                return;
            } catch (NoSuchFileException gone) {
                return;
            } catch (ClosedChannelException closed) {
                // Removed meanwhile, or the end of a thread that was reading closed it for all.
                forget(slot);
                into.position(start);
                if (tried == TRIES || Thread.currentThread().isInterrupted()) {
                    throw SpoolException.ofDisk("log of the spool was closed", closed);
                }
            } catch (IOException unreadable) {
                throw SpoolException.ofDisk("log of the spool cannot be read: " + unreadable,
                        unreadable);
            }
        }
    }

    private FileChannel reader(int slot) throws IOException {
        FileChannel known = readers.get(slot);
        if (known != null) {
            return known;
        }
        if (readers.size() >= MAX_READERS) {
            readers.keySet().stream().findAny().ifPresent(this::forget);
        }
        FileChannel opened = FileChannel.open(file(slot), StandardOpenOption.READ);
        FileChannel first = readers.putIfAbsent(slot, opened);
        if (first != null) {
            opened.close();
            return first;
        }
        return opened;
    }

    private void forget(int slot) {
        FileChannel known = readers.remove(slot);
        if (known != null) {
            try {
                known.close();
            } catch (IOException refused) {
                LOG.debug("file of the log not closed", refused);
            }
        }
    }

    @Override
    public void close() {
        List.copyOf(readers.keySet()).forEach(this::forget);
    }
}
