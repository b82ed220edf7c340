// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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
    private String failed = "";

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

    /**
     * The files could not be read though they may be the next time, just as they are: what was
     * seen is forgotten, so the next look finds a change.
     *
     * @return whether it is another failure than that of the look before
     */
    boolean again(String failure) {
        boolean news = !failure.equals(failed);
        failed = failure;
        seen = List.of();
        return news;
    }

    /** They were read, well or not: the next failure is a new one. */
    void read() {
        failed = "";
    }

    /**
     * Whether reading may go well the next time though no file has changed; rights and being there
     * are seen as a change.
     */
    static boolean mayPass(IOException failure) {
        return !(failure instanceof AccessDeniedException
                || failure instanceof NoSuchFileException);
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
