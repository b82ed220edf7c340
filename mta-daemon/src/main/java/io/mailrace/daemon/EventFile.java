// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Event lines in a file: appended, and rotated by size. {@code FILE.1} is the youngest of the old
 * ones; what is older than the last is deleted, so the disk space used is bounded by
 * {@code maxBytes * (maxFiles + 1)}. Lines are never cut by a rotation. Readable by owner and
 * group. Confined to the thread {@code event-log}.
 */
final class EventFile implements EventTarget {
    private final Path file;
    private final long maxBytes;
    private final int maxFiles;
    private @Nullable FileChannel out;

    EventFile(Path file, long maxBytes, int maxFiles) {
        this.file = file;
        this.maxBytes = maxBytes;
        this.maxFiles = maxFiles;
    }

    @Override
    public void write(byte[] lines, int length) throws IOException {
        FileChannel open = open();
        if (open.size() > 0 && open.size() + length > maxBytes) {
            sync();
            close();
            rotate();
            open = open();
        }
        ByteBuffer rest = ByteBuffer.wrap(lines, 0, length);
        long before = open.size();
        try {
            while (rest.hasRemaining()) {
                open.write(rest);
            }
        } catch (IOException failed) {
            // the caller writes the same lines again: no half line may stay
            open.truncate(before);
            throw failed;
        }
    }

    @Override
    public void sync() throws IOException {
        if (out != null) {
            out.force(false);
        }
    }

    @Override
    public void close() throws IOException {
        if (out != null) {
            FileChannel closing = out;
            out = null;
            closing.close();
        }
    }

    private FileChannel open() throws IOException {
        FileChannel open = out;
        if (open == null) {
            open = append();
            try {
                endTornLine(open);
            } catch (IOException failed) {
                open.close();
                throw failed;
            }
            out = open;
        }
        return open;
    }

    /** A crash may have left half a line: the next one must not be joined to it. */
    private void endTornLine(FileChannel open) throws IOException {
        long size = open.size();
        if (size == 0) {
            return;
        }
        ByteBuffer last = ByteBuffer.allocate(1);
        try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
            in.read(last, size - 1);
        }
        if (last.get(0) != '\n') {
            open.write(ByteBuffer.wrap(new byte[]{'\n'}));
        }
    }

    private FileChannel append() throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        try {
            if (folder != null) {
                Files.createDirectories(folder);
            }
            return FileChannel.open(file,
                    Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                            StandardOpenOption.APPEND),
                    ownerAndGroup());
        } catch (IOException refused) {
            throw Sandbox.remedy(refused, folder == null ? file : folder)
                    .map(remedy -> new IOException(refused.getMessage() + ". " + remedy, refused))
                    .orElse(refused);
        }
    }

    private void rotate() throws IOException {
        Files.deleteIfExists(old(maxFiles)); // with none kept this is the file itself
        for (int i = maxFiles - 1; i >= 0; i--) {
            // after an interrupted rotation there may be a gap
            if (Files.exists(old(i))) {
                Files.move(old(i), old(i + 1), StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }

    private Path old(int number) {
        return number == 0 ? file : file.resolveSibling(file.getFileName() + "." + number);
    }

    private static FileAttribute<?>[] ownerAndGroup() {
        if (!FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
            return new FileAttribute<?>[0];
        }
        return new FileAttribute<?>[]{
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----"))};
    }
}
