// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Tells whether any of some files changed since it was last asked: by time, size, identity or
 * rights, and by being there or not. Reads the file system: never on an event loop. For one thread.
 */
final class FileWatch {
    private final List<Path> files;
    private List<String> seen;

    FileWatch(List<Path> files) {
        this.files = List.copyOf(files);
        seen = look();
    }

    boolean changed() {
        List<String> now = look();
        boolean changed = !now.equals(seen);
        seen = now;
        return changed;
    }

    private List<String> look() {
        List<String> all = new ArrayList<>();
        for (Path file : files) {
            try {
                // ctime: one that could not be read may be readable now, and is the same else
                all.add(new TreeMap<>(Files.readAttributes(file,
                        "unix:ctime,lastModifiedTime,size,fileKey")).toString());
            } catch (IOException notThere) {
                all.add("");
            }
        }
        return all;
    }
}
