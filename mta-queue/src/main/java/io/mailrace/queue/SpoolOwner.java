// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whose the files of a spool are. A command run as root makes files that the service could not
 * open: they are given to the owner and group of the spool's folder, or of the folder above while
 * there is no spool, with no more rights than that folder gives. Confined to one thread; blocks.
 *
 * <p>Only files of root are given away, and no link is followed on the way: the owner of
 * the folder must not come to own anything else by putting links there.
 */
final class SpoolOwner {
    /** A database is a folder in a folder; a spool holds nothing deeper. */
    private static final int MAX_DEPTH = 3;
    private static final LinkOption NO_LINKS = LinkOption.NOFOLLOW_LINKS;

    /** What to take over, from a folder that is the spool's or above it. */
    private record Wanted(Path from, UserPrincipal user, GroupPrincipal group,
            Set<PosixFilePermission> rights) {}

    private final Path directory;
    private final @Nullable UserPrincipal root;
    private final @Nullable Wanted wanted;

    private SpoolOwner(Path directory, @Nullable UserPrincipal root, @Nullable Wanted wanted) {
        this.directory = directory;
        this.root = root;
        this.wanted = wanted;
    }

    /**
     * The owner of a configured spool, whether it is there or not. One that belongs to root in a
     * folder of somebody else counts as that one's: a command left it so.
     */
    static SpoolOwner ofSpool(Path spool) {
        Path folder = spool.toAbsolutePath();
        UserPrincipal root = root();
        Path there = folder;
        while (!Files.isDirectory(there) && there.getParent() != null) {
            there = there.getParent();
        }
        Wanted wanted = wanted(there, root);
        if (wanted == null && there.equals(folder) && folder.getParent() != null) {
            wanted = wanted(folder.getParent(), root);
        }
        return new SpoolOwner(folder, root, wanted);
    }

    /** The owner of a folder that is there, such as a backup. */
    static SpoolOwner ofFolder(Path folder) {
        UserPrincipal root = root();
        return new SpoolOwner(folder.toAbsolutePath(), root,
                wanted(folder.toAbsolutePath(), root));
    }

    /** Null when somebody else runs this: nobody else can give files away. */
    private static @Nullable UserPrincipal root() {
        Path self = Path.of("/proc/self");
        try {
            return Files.getAttribute(self, "unix:uid").equals(0) ? Files.getOwner(self) : null;
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException unknown) {
            // so Java says that a system has no such files or attributes: there is no root there
            return null;
        }
    }

    /** Null when there is nobody else to give to. */
    private static @Nullable Wanted wanted(Path folder, @Nullable UserPrincipal root) {
        try {
            PosixFileAttributes found = Files.readAttributes(folder, PosixFileAttributes.class);
            return root == null || found.owner().equals(root)
                    ? null
                    : new Wanted(folder, found.owner(), found.group(), found.permissions());
        } catch (IOException | UnsupportedOperationException unknown) {
            // gone, or on a file system without owners (so Java says it)
            return null;
        }
    }

    /**
     * Gives everything in the spool's folder that belongs to root, and the folder.
     *
     * @throws SpoolException when that cannot be done; the text says how to do it by hand
     */
    void giveAll() {
        Wanted to = wanted;
        UserPrincipal from = root;
        if (to == null || from == null || !Files.isDirectory(directory)) {
            return;
        }
        try {
            for (Path made = directory; made != null && made.startsWith(to.from()); made = made
                    .getParent()) {
                giveOne(Files.getFileAttributeView(made.toRealPath(),
                        PosixFileAttributeView.class, NO_LINKS), from, to);
            }
            try (DirectoryStream<Path> inside = Files.newDirectoryStream(
                    directory.toRealPath())) {
                give(inside, from, to, 1);
            }
            Folders.sync(directory);
        } catch (IOException refused) {
            throw new SpoolException("files in " + directory + " do not belong to "
                    + to.user().getName() + " (" + refused + "): chown -R "
                    + to.user().getName() + ":" + to.group().getName() + " " + directory,
                    refused);
        }
    }

    private static void give(DirectoryStream<Path> folder, UserPrincipal from, Wanted to,
            int depth) throws IOException {
        if (!(folder instanceof SecureDirectoryStream<Path> inside)) {
            throw new IOException("this file system is not supported");
        }
        for (Path path : inside) {
            Path name = path.getFileName();
            PosixFileAttributeView view = inside.getFileAttributeView(name,
                    PosixFileAttributeView.class, NO_LINKS);
            try {
                PosixFileAttributes found = view.readAttributes();
                if (found.isRegularFile() || found.isDirectory()) {
                    giveOne(view, from, to);
                }
                if (found.isDirectory() && depth < MAX_DEPTH) {
                    try (DirectoryStream<Path> below = inside.newDirectoryStream(name,
                            NO_LINKS)) {
                        give(below, from, to, depth + 1);
                    }
                } else if (found.isRegularFile() && found.owner().equals(from)) {
                    sync(inside, name);
                }
            } catch (NoSuchFileException gone) {
                // nothing to give
            }
        }
    }

    private static void giveOne(PosixFileAttributeView view, UserPrincipal from, Wanted to)
            throws IOException {
        PosixFileAttributes found = view.readAttributes();
        if (!found.owner().equals(from)) {
            return;
        }
        EnumSet<PosixFilePermission> rights = EnumSet.noneOf(PosixFilePermission.class);
        rights.addAll(found.permissions());
        if (rights.retainAll(to.rights())) {
            view.setPermissions(rights);
        }
        view.setGroup(to.group());
        view.setOwner(to.user());
    }

    /** That a file has another owner must be on disk as its bytes are. */
    private static void sync(SecureDirectoryStream<Path> folder, Path name) throws IOException {
        try (var open = folder.newByteChannel(name, Set.of(StandardOpenOption.READ, NO_LINKS))) {
            if (open instanceof FileChannel file) {
                file.force(true);
            }
        }
    }

    /** What an operator should know when files of root are in nobody else's folder; else empty. */
    Optional<String> warning() {
        return wanted == null && root != null
                ? Optional.of("the files in " + directory + " belong to root: chown -R"
                        + " USER:GROUP " + directory + " when the service runs as another user")
                : Optional.empty();
    }
}
