// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/**
 * What is done to a spool nobody has open: a stopped one or a backup. Blocks; one thread. Every
 * method raises {@link SpoolException} when the spool is in use, of another format, or cannot be
 * read at all.
 */
public final class SpoolFolder {
    private static final String DB = "db";
    private static final String REPAIRING = "db-repairing";
    /** Whole and mended: it takes the place of {@link #DB} next. Milliseconds follow. */
    private static final String REPAIRED = "db-repaired-";
    /** A file that is there while the database is mended where it stands. */
    private static final String MENDING = "mending";
    /** The old one, with the same milliseconds. */
    private static final String DAMAGED = "db-damaged-";
    private static final int ROWS = 1000;
    private static final byte[] FIRST = {};
    /** Behind every key: none begins with this byte. */
    private static final byte[] END = {-1};

    /**
     * What a check found.
     *
     * @param looked envelopes looked at
     * @param problems found
     * @param mended of these, when it was to repair
     */
    public record CheckResult(long looked, long problems, long mended) {}

    private SpoolFolder() {}

    /**
     * Reads everything and compares: checksums, envelopes with contents and due times, counts.
     *
     * @param directory the spool's path, or a backup
     * @param repair mends what can be. What can still be read is not thrown away: envelopes without
     *        due time become due, those without content are set aside. The database as it was stays
     *        beside the repaired one when it had to be written anew. Run as root it gives what it
     *        makes to the owner of the folder
     * @param out is told of each problem, one line each
     */
    public static CheckResult check(QueueConfig config, Path directory, boolean repair,
            Consumer<String> out) {
        return check(config, directory, repair, out, TimeSource.system());
    }

    static CheckResult check(QueueConfig config, Path directory, boolean repair,
            Consumer<String> out, TimeSource time) {
        Path db = directory.resolve(DB);
        DatabaseLock.refuseInUse(db);
        if (repair) {
            finishRepair(directory, out);
        } else if (halfRepaired(directory).isPresent()) {
            throw notRepaired(directory);
        }
        SpoolCheck found;
        try (Store store = Store.openReadOnly(db, config.spool())) {
            tellMissing(store, out);
            found = new SpoolCheck(store, config, out);
            found.run();
        }
        if (!repair) {
            return new CheckResult(found.looked(), found.problems(), 0);
        }
        SpoolOwner owner = directory.equals(config.spool().path())
                ? SpoolOwner.ofSpool(directory)
                : SpoolOwner.ofFolder(directory);
        try {
            if (found.problems() > 0) {
                return repair(config, directory, found, out, time);
            }
            endMending(directory);
            return new CheckResult(found.looked(), 0, 0);
        } catch (IOException refused) {
            throw SpoolException.ofDisk("not repaired: " + refused, refused);
        } finally {
            // what is half done too: the service must be able to open what there is
            owner.giveAll();
        }
    }

    /** No problem, and not to be seen in a database that is only looked at. */
    private static void tellMissing(Store store, Consumer<String> out) {
        int missing = missing(store);
        if (missing > 0) {
            out.accept("the log holds " + missing + " batches that the database lacks, for"
                    + " Mailrace or the machine went down: the next start takes them");
        }
    }

    private static int missing(Store store) {
        try {
            return LogRedo.missing(store.log(), store.progress(), Long.MAX_VALUE).size();
        } catch (SpoolException damaged) {
            // Told by the check.
            return 0;
        }
    }

    private static CheckResult repair(QueueConfig config, Path directory, SpoolCheck found,
            Consumer<String> out, TimeSource time) {
        Path db = directory.resolve(DB);
        if (found.gaps() > 0) {
            rewrite(config, directory, out, time);
        }
        try (Store store = Store.open(db, config.spool())) {
            if (found.gaps() == 0) {
                markMending(directory);
                out.accept("repairing");
                new SpoolCheck(store, config, told -> {}).mend(time);
            }
            endMending(directory);
            // It counts the batches of what was before.
            Files.deleteIfExists(directory.resolve("commits"));
            out.accept("checking again");
            SpoolCheck again = new SpoolCheck(store, config, out);
            again.run();
            return new CheckResult(again.looked(), found.problems(),
                    Math.max(0, found.problems() - again.problems()));
        } catch (IOException refused) {
            throw SpoolException.ofDisk("not repaired: " + refused, refused);
        }
    }

    /** Until it is done no start is made: what is mended half may be worse than what was there. */
    private static void markMending(Path directory) throws IOException {
        Files.writeString(directory.resolve(MENDING), "");
        Folders.sync(directory);
    }

    private static void endMending(Path directory) throws IOException {
        if (Files.deleteIfExists(directory.resolve(MENDING))) {
            Folders.sync(directory);
        }
    }

    /** Copies every row that can be read to a new database, which takes the place of the old. */
    private static void rewrite(QueueConfig config, Path directory, Consumer<String> out,
            TimeSource time) {
        Path db = directory.resolve(DB);
        Path fresh = directory.resolve(REPAIRING);
        long now = TimeSource.system().epochMillis();
        removeLeftovers(directory);
        takeFromLog(config, db, out);
        // Whoever would open the old one meanwhile would take mail into what is put away next.
        try (DatabaseLock _ = DatabaseLock.take(db)) {
            copy(config, db, fresh, time);
            Folders.sync(fresh);
            Path repaired = directory.resolve(REPAIRED + now);
            Path damaged = directory.resolve(DAMAGED + now);
            Files.move(fresh, repaired, StandardCopyOption.ATOMIC_MOVE);
            Folders.sync(directory);
            Files.move(db, damaged, StandardCopyOption.ATOMIC_MOVE);
            Folders.sync(directory);
            putInPlace(repaired, directory);
            out.accept("the damaged database is now " + damaged
                    + ": remove it when all is well again");
        } catch (IOException refused) {
            throw SpoolException.ofDisk("not repaired: " + refused, refused);
        }
    }

    private static void copy(QueueConfig config, Path db, Path fresh, TimeSource time) {
        try (Store from = Store.openReadOnly(db, config.spool());
                Store to = Store.openWithoutLog(fresh, config.spool())) {
            for (Store.Family family : Store.Family.values()) {
                copy(family, from, to);
            }
            // Batches of the log name families by number, and those may be others now.
            LogRedo.leave(to);
            new SpoolCheck(to, config, told -> {}).mend(time);
            to.sync();
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("not repaired: " + refused.getMessage(), refused);
        }
    }

    /** What repairs left that died before they put the old database away. */
    private static void removeLeftovers(Path directory) {
        for (Path one : beside(directory, REPAIRED)) {
            Folders.remove(one);
        }
        Path fresh = directory.resolve(REPAIRING);
        Folders.remove(fresh);
        if (!Files.notExists(fresh)) {
            throw new SpoolException("not repaired: " + fresh + " of an earlier repair cannot be"
                    + " removed");
        }
    }

    private static List<Path> beside(Path directory, String prefix) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(path -> String.valueOf(path.getFileName()).startsWith(prefix))
                    .sorted().toList();
        } catch (IOException unreadable) {
            throw SpoolException.ofDisk("spool " + directory + " cannot be read: " + unreadable,
                    unreadable);
        }
    }

    private static void putInPlace(Path repaired, Path directory) throws IOException {
        Files.move(repaired, directory.resolve(DB), StandardCopyOption.ATOMIC_MOVE);
        Folders.sync(directory);
    }

    /**
     * The new database of a repair that died when the old one had been put away: both have the
     * same number. Without that the old one went on, and this is stale.
     */
    private static Optional<Path> halfRepaired(Path directory) {
        return Files.notExists(directory.resolve(DB)) && Files.isDirectory(directory)
                ? beside(directory, REPAIRED).stream().filter(repaired -> Files.exists(
                        directory.resolve(DAMAGED + String.valueOf(repaired.getFileName())
                                .substring(REPAIRED.length()))))
                        .findAny()
                : Optional.empty();
    }

    private static void finishRepair(Path directory, Consumer<String> out) {
        Optional<Path> repaired = halfRepaired(directory);
        if (repaired.isEmpty()) {
            return;
        }
        try {
            // It counts the batches of what was before.
            Files.deleteIfExists(directory.resolve("commits"));
            putInPlace(repaired.get(), directory);
            out.accept("an earlier repair is finished: its new database is in place");
        } catch (IOException refused) {
            throw SpoolException.ofDisk("not repaired: " + refused, refused);
        }
    }

    /**
     * A repair that died may have left the spool without a database, or with one that is mended
     * half.
     *
     * @throws SpoolException then: neither that nor an empty one must be used
     */
    static void refuseHalfRepaired(Path directory) {
        if (halfRepaired(directory).isPresent()) {
            throw notRepaired(directory);
        }
        Path mending = directory.resolve(MENDING);
        if (Files.exists(mending) && Files.exists(directory.resolve(DB))) {
            throw new SpoolException(notRepaired(directory).getMessage() + " (without "
                    + mending + " it starts as it is)");
        }
    }

    private static SpoolException notRepaired(Path directory) {
        return new SpoolException("a repair of the spool " + directory + " has not come to its"
                + " end: run \"mailrace spool check --repair\"");
    }

    /** What only the log has goes into the database to be copied, when it can be written at all. */
    private static void takeFromLog(QueueConfig config, Path db, Consumer<String> out) {
        try (Store store = Store.openReadOnly(db, config.spool())) {
            if (LogRedo.missing(store.log(), store.progress(), Long.MAX_VALUE).isEmpty()) {
                return;
            }
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            out.accept("what only the log has is not repaired: " + damaged.getMessage());
            return;
        }
        try {
            Store.openDamaged(db, config.spool()).close();
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            out.accept("what only the log has is not repaired: " + damaged.getMessage());
        }
    }

    private static void copy(Store.Family family, Store from, Store to) throws RocksDBException {
        WriteBatch[] batch = {new WriteBatch()};
        try {
            from.scanAround(family, FIRST, END, (key, value) -> {
                try {
                    batch[0].put(to.handle(family), key, value);
                    if (batch[0].count() >= ROWS) {
                        to.write(batch[0], false);
                        batch[0].clear();
                    }
                } catch (RocksDBException refused) {
                    throw SpoolException.ofDisk("not repaired: " + refused.getMessage(), refused);
                }
                return true;
            }, (after, next, why) -> {
                // Told by the check before.
            });
            to.write(batch[0], false);
        } finally {
            batch[0].close();
        }
    }

    /**
     * Makes the configured spool from a backup. The backup is checked first and stays as it is.
     * What was delivered after the backup was made will be delivered again. Run as root it gives
     * the files to the owner of the spool's folder, or of the folder it makes the spool in.
     *
     * @throws SpoolException also when the configured spool holds anything
     */
    public static CheckResult restore(QueueConfig config, Path backup, Consumer<String> out) {
        Path target = config.spool().path();
        Path db = target.resolve(DB);
        CheckResult checked = check(config, backup, false, out);
        refuseOverwriting(target);
        SpoolOwner owner = SpoolOwner.ofSpool(target);
        Path half = target.resolve("db-restoring");
        Path log = target.resolve(LogFiles.FOLDER);
        Folders.remove(half);
        try {
            copy(backup.resolve(DB), half);
            refuseOverwriting(target);
            new LogFiles(log).setAside();
            if (Files.exists(backup.resolve(LogFiles.FOLDER))) {
                copy(backup.resolve(LogFiles.FOLDER), log);
            }
            owner.giveAll();
            Files.deleteIfExists(target.resolve("commits"));
            Files.move(half, db, StandardCopyOption.ATOMIC_MOVE);
            Files.deleteIfExists(target.resolve(MENDING));
            Folders.sync(target);
            owner.warning().ifPresent(out);
        } catch (IOException | SpoolException refused) {
            Folders.remove(half);
            throw SpoolException.ofDisk("not restored: " + refused, refused);
        }
        return checked;
    }

    private static void refuseOverwriting(Path target) {
        if (halfRepaired(target).isPresent()) {
            throw notRepaired(target);
        }
        if (Files.exists(target.resolve(DB))) {
            throw new SpoolException("there is a spool in " + target
                    + " already: move it away first");
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        Folders.make(to);
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Path copy = to.resolve(String.valueOf(file.getFileName()));
                Files.copy(file, copy);
                Folders.sync(copy);
            }
        }
        Folders.sync(to);
    }

    /**
     * Writes each selected message that waits or is held as {@code ID.eml} with its envelopes as
     * {@code ID.json} into a new folder; only the owner can read them. The spool is not changed.
     *
     * @return how many messages
     */
    public static long export(QueueConfig config, Path directory, Selection selection, Path target,
            Consumer<String> out) {
        Path db = directory.resolve(DB);
        DatabaseLock.refuseInUse(db);
        try {
            Folders.makePrivate(target);
            try (Stream<Path> inside = Files.list(target)) {
                if (inside.findAny().isPresent()) {
                    throw new SpoolException("an export needs a new folder: " + target
                            + " is not empty");
                }
            }
        } catch (IOException refused) {
            throw SpoolException.ofDisk("cannot write to " + target + ": " + refused, refused);
        }
        try (Store store = Store.openReadOnly(db, config.spool())) {
            tellMissing(store, out);
            return new SpoolExport(store, selection, target, out).run();
        }
    }
}
