// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Until it is closed no other process opens the database. RocksDB's own lock is one of fcntl(2), as
 * Java's are; so this process must not open it for writing meanwhile either: its lock would go with
 * the first of the two. Any thread.
 */
final class DatabaseLock implements AutoCloseable {
    private static final String FILE = "LOCK";

    private final FileChannel channel;

    private DatabaseLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Takes it.
     *
     * @throws SpoolException when a process has the database open
     */
    static DatabaseLock take(Path db) {
        try {
            FileChannel opened = FileChannel.open(db.resolve(FILE), StandardOpenOption.CREATE,
                    StandardOpenOption.READ, StandardOpenOption.WRITE);
            boolean taken = false;
            try {
                taken = opened.tryLock() != null;
            } catch (OverlappingFileLockException own) {
                // refused as if it were another process
            } finally {
                if (!taken) {
                    opened.close();
                }
            }
            if (taken) {
                return new DatabaseLock(opened);
            }
        } catch (IOException unknown) {
            throw SpoolException.ofDisk("cannot tell whether " + db + " is in use: " + unknown,
                    unknown);
        }
        throw new SpoolException("spool " + db + " is in use by a running Mailrace: stop it, or"
                + " make a backup and use that");
    }

    /**
     * For reading only.
     *
     * @throws SpoolException when a process has the database open
     */
    static void refuseInUse(Path db) {
        if (Files.exists(db.resolve(FILE))) {
            take(db).close();
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException refused) {
            throw SpoolException.ofDisk("database not unlocked: " + refused, refused);
        }
    }
}
