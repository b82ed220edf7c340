// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Takes back what a dead process had changed but not synced, by the notes of {@code faultdisk.c}:
 * the disk as a power failure would leave it. Holds the unsynced bytes of one file in memory.
 * Confined to one thread.
 */
public final class PowerCut {
    /*
     * What is durable. A sync of a file covers the bytes and the size it had when the sync began;
     * a sync of a folder covers the names in it. A file's own sync does not cover its name (strict,
     * as POSIX has it); with LENIENT_FOLDERS every sync covers all names changed before it, as a
     * file system with one journal does it. A sync that failed leaves its bytes undurable for ever,
     * even if a later one succeeds: the kernel drops them (they can still be read until the cut).
     *
     * Content of one file: everything is taken back to before the first change that is not durable,
     * then what is durable, or by chance survived, is made again in order. A stretch that did not
     * survive below one that did reads as zeros, for the file was longer by then. Bytes survive in
     * whole sectors.
     *
     * Names: taken back from the newest to the oldest; torn, only from a random one on, for file
     * systems keep the order of names.
     */
    private static final int SECTOR = 512;
    private static final int MAX_NAMES = 6;

    /** How much of what was not synced is lost. */
    public enum Mode {
        /** All of it. */
        DROP_ALL,
        /** All bytes, but names survive that were changed before any sync. */
        LENIENT_FOLDERS,
        /** By chance: each write survives wholly, in part or not; names up to some moment. */
        TORN
    }

    /**
     * What was not synced, and what of that is gone.
     *
     * @param writes unsynced, of them {@code writesLost} not or not wholly there
     * @param names unsynced changes of names, of them {@code namesLost} taken back
     */
    public record Loss(int writes, int writesLost, long bytes, List<String> names,
            List<String> namesLost) {
        @Override
        public String toString() {
            return writesLost + " of " + writes + " unsynced writes (" + bytes + " bytes), "
                    + namesLost.size() + " of " + names.size() + " unsynced names lost "
                    + namesLost.subList(0, Math.min(MAX_NAMES, namesLost.size()));
        }
    }

    private final Path root;
    private final Path kept;
    private final Path log;
    private final Map<Long, Path> folders = new HashMap<>();
    private SplittableRandom random = new SplittableRandom();
    private int writesLost;

    PowerCut(Path root, Path kept, Path log) {
        this.root = root;
        this.kept = kept;
        this.log = log;
    }

    /** Makes the cut; the notes are left for the caller to forget. */
    Loss apply(Mode mode, long seed) throws IOException {
        random = new SplittableRandom(seed);
        try (FileChannel channel = FileChannel.open(log, StandardOpenOption.READ)) {
            List<DiskNote> notes = DiskNote.read(channel);
            Set<DiskNote> pending = pending(notes, mode == Mode.LENIENT_FOLDERS);
            Loss loss = contents(channel, notes, pending, mode);
            List<DiskNote> names = notes.stream()
                    .filter(n -> n.kind().changesName() && pending.contains(n)).toList();
            int from = mode == Mode.TORN ? random.nextInt(names.size() + 1) : 0;
            findFolders();
            for (DiskNote name : names.subList(from, names.size()).reversed()) {
                takeBack(name);
            }
            List<String> all = names.stream()
                    .map(n -> n.kind().name().toLowerCase(Locale.ROOT) + " " + n.name()).toList();
            return new Loss(loss.writes(), loss.writesLost(), loss.bytes(), all,
                    all.subList(from, all.size()));
        }
    }

    /** The changes that no sync covers. */
    private static Set<DiskNote> pending(List<DiskNote> notes, boolean lenient) {
        Set<DiskNote> pending = new HashSet<>();
        Set<DiskNote> doomed = new HashSet<>();
        Map<Long, Deque<DiskNote>> open = new HashMap<>();
        Deque<DiskNote> openNames = new ArrayDeque<>();
        Map<DiskNote, Integer> foldersToSync = new HashMap<>();
        for (DiskNote note : notes) {
            if (note.kind().changesContent()) {
                open.computeIfAbsent(note.inode(), i -> new ArrayDeque<>()).add(note);
                pending.add(note);
            } else if (note.kind().changesName()) {
                boolean two = note.kind() == DiskNote.Kind.RENAMED
                        && note.folder() != note.oldFolder();
                foldersToSync.put(note, two ? 2 : 1);
                open.computeIfAbsent(note.folder(), i -> new ArrayDeque<>()).add(note);
                if (two) {
                    open.computeIfAbsent(note.oldFolder(), i -> new ArrayDeque<>()).add(note);
                }
                openNames.add(note);
                pending.add(note);
            } else {
                boolean failed = note.kind() == DiskNote.Kind.SYNC_FAILED;
                Deque<DiskNote> own = open.getOrDefault(note.inode(), new ArrayDeque<>());
                while (!own.isEmpty() && own.peek().sequence() <= note.offset()) {
                    DiskNote covered = own.remove();
                    if (failed && covered.kind().changesContent()) {
                        doomed.add(covered);
                    } else if (!failed && foldersToSync.merge(covered, -1, Integer::sum) <= 0) {
                        pending.remove(covered);
                    }
                }
                while (lenient && !failed && !openNames.isEmpty()
                        && openNames.peek().sequence() <= note.offset()) {
                    pending.remove(openNames.remove());
                }
            }
        }
        pending.addAll(doomed);
        return pending;
    }

    /** Each file's content from its first undurable change on. */
    private Loss contents(FileChannel notesFile, List<DiskNote> notes, Set<DiskNote> pending,
            Mode mode)
            throws IOException {
        Map<Long, List<DiskNote>> byFile = new LinkedHashMap<>();
        int writes = 0;
        long bytes = 0;
        for (DiskNote note : notes) {
            if (!note.kind().changesContent()) {
                continue;
            }
            List<DiskNote> changes = byFile.get(note.inode());
            if (changes != null) {
                changes.add(note);
            } else if (pending.contains(note)) {
                byFile.put(note.inode(), new ArrayList<>(List.of(note)));
            }
            if (pending.contains(note)) {
                writes++;
                bytes += note.length();
            }
        }
        Map<Long, Path> places = filePlaces();
        for (Map.Entry<Long, List<DiskNote>> file : byFile.entrySet()) {
            Path place = places.get(file.getKey());
            if (place != null) {
                content(notesFile, place, file.getValue(), pending, mode);
            }
        }
        return new Loss(writes, writesLost, bytes, List.of(), List.of());
    }

    private void content(FileChannel notesFile, Path place, List<DiskNote> changes,
            Set<DiskNote> pending, Mode mode)
            throws IOException {
        try (FileChannel file = FileChannel.open(place, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            Deque<ByteBuffer> made = new ArrayDeque<>();
            for (DiskNote change : changes.reversed()) {
                made.push(change.kind() == DiskNote.Kind.WROTE
                        ? written(file, change)
                        : ByteBuffer.allocate(0));
                undo(notesFile, file, change);
            }
            for (DiskNote change : changes) {
                ByteBuffer bytes = made.pop();
                boolean torn = mode == Mode.TORN && pending.contains(change);
                boolean whole = !pending.contains(change) || torn && random.nextInt(3) == 0;
                if (!whole) {
                    writesLost++;
                }
                if (whole) {
                    redo(file, change, bytes);
                } else if (torn && change.kind() == DiskNote.Kind.WROTE && random.nextBoolean()) {
                    redo(file, change, bytes.limit(prefix(change.offset(), bytes.limit())));
                }
            }
        }
    }

    /** Part of the bytes, up to the beginning of a sector. */
    private int prefix(long offset, int length) {
        long cut = offset + random.nextInt(length + 1);
        return (int) Math.max(0, cut / SECTOR * SECTOR - offset);
    }

    private static ByteBuffer written(FileChannel file, DiskNote change) throws IOException {
        long end = Math.min(file.size(), change.offset() + change.length());
        return DiskNote.bytes(file, change.offset(), Math.max(0, end - change.offset()));
    }

    private static void undo(FileChannel notesFile, FileChannel file, DiskNote change)
            throws IOException {
        if (file.size() > change.oldSize()) {
            file.truncate(change.oldSize());
        }
        long at = change.kind() == DiskNote.Kind.WROTE ? change.offset() : change.length();
        if (change.bytes() > 0) {
            write(file, at, DiskNote.bytes(notesFile, change.bytesAt(), change.bytes()));
        }
        grow(file, change.oldSize());
    }

    private static void redo(FileChannel file, DiskNote change, ByteBuffer bytes)
            throws IOException {
        if (change.kind() == DiskNote.Kind.WROTE) {
            write(file, change.offset(), bytes);
        } else if (change.length() < file.size()) {
            file.truncate(change.length());
        } else {
            grow(file, change.length());
        }
    }

    private static void write(FileChannel file, long at, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            at += file.write(bytes, at);
        }
    }

    /** With zeros. */
    private static void grow(FileChannel file, long size) throws IOException {
        if (file.size() < size) {
            write(file, size - 1, ByteBuffer.allocate(1));
        }
    }

    private void takeBack(DiskNote change) throws IOException {
        Path folder = folders.get(change.folder());
        if (folder == null) {
            return;
        }
        Path name = folder.resolve(change.name());
        switch (change.kind()) {
            case CREATED -> {
                if (inode(name) == change.inode()) {
                    deleteAll(name);
                }
            }
            case UNLINKED -> restore(change, name, change.length() == 1);
            case RENAMED -> {
                Path oldFolder = folders.get(change.oldFolder());
                if (inode(name) == change.inode() && oldFolder != null) {
                    Files.move(name, oldFolder.resolve(change.oldName()),
                            StandardCopyOption.REPLACE_EXISTING);
                }
                if (change.replaced() != 0) {
                    restore(change, name, false);
                }
                findFolders();
            }
            default -> throw new IllegalStateException("not a change of names: " + change);
        }
    }

    private void restore(DiskNote change, Path name, boolean folder) throws IOException {
        if (Files.exists(name, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (folder) {
            Files.createDirectory(name);
            folders.put(change.inode(), name);
        } else {
            Files.createLink(name, kept.resolve(Long.toString(change.sequence())));
        }
    }

    private static void deleteAll(Path name) throws IOException {
        if (Files.isDirectory(name, LinkOption.NOFOLLOW_LINKS)) {
            try (var inside = Files.list(name)) {
                for (Path file : inside.toList()) {
                    deleteAll(file);
                }
            }
        }
        Files.delete(name);
    }

    private static long inode(Path path) throws IOException {
        try {
            return (Long) Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException absent) {
            return 0;
        }
    }

    private void findFolders() throws IOException {
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes is)
                    throws IOException {
                folders.put(inode(folder), folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** A name of each file, in use or kept. */
    private Map<Long, Path> filePlaces() throws IOException {
        Map<Long, Path> places = new HashMap<>();
        for (Path top : List.of(kept, root)) {
            try (var files = Files.walk(top)) {
                for (Path file : files.filter(f -> Files.isRegularFile(f,
                        LinkOption.NOFOLLOW_LINKS)).toList()) {
                    places.put(inode(file), file);
                }
            } catch (UncheckedIOException broken) {
                throw broken.getCause();
            }
        }
        return places;
    }
}
