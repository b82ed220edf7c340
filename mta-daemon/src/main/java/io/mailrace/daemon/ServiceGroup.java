// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Files that root makes in a folder of the service's group, such as /etc/mailrace: the service must
 * be able to read them, and nobody else. Elsewhere they stay their owner's alone.
 */
final class ServiceGroup {
    private ServiceGroup() {}

    /** Makes a folder and those above it; what is new takes the group of the folder above. */
    static void makeFolder(Path folder) throws IOException {
        Path above = folder.toAbsolutePath().getParent();
        if (Files.isDirectory(folder) || above == null) {
            return;
        }
        makeFolder(above);
        Files.createDirectory(folder);
        give(folder, above, "rwxr-x---", "rwx------");
    }

    /** Lets the group of a file's folder read it, when that is not the group of whoever runs. */
    static void share(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            give(file, folder, "rw-r-----", "rw-------");
        }
    }

    private static void give(Path path, Path folder, String shared, String alone)
            throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(path,
                PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        if (view == null) {
            return;
        }
        GroupPrincipal group = Files.readAttributes(folder, PosixFileAttributes.class).group();
        boolean other = !group.equals(view.readAttributes().group());
        if (other) {
            view.setGroup(group);
        }
        view.setPermissions(PosixFilePermissions.fromString(other ? shared : alone));
    }
}
