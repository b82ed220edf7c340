// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.benchmarks.FaultDisk.Fault;
import io.mailrace.benchmarks.FaultProgram.Row;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;

/** Faults of a disk that works again later. */
final class DiskRows {
    private static final int MAIL = 100;
    private static final Duration FAULT = Duration.ofSeconds(6);
    private static final Duration HANG = Duration.ofSeconds(20);
    private static final Duration REFUSAL_LIMIT = Duration.ofSeconds(15);

    private static final long BALLAST = 16 << 20;

    private DiskRows() {}

    static List<Row> rows() {
        return List.of(
                fault("write-eio", "EIO on write", Fault.WRITE_EIO),
                fault("fsync-eio", "EIO on fsync", Fault.SYNC_EIO),
                new Row("fsync-eio-cut", "EIO on fsync, later a power cut",
                        "syncs fail for 6 s and their bytes are never synced; 3 s later the power"
                                + " fails",
                        true, "", DiskRows::syncErrorThenCut),
                fault("enospc", "disk full, then freed", Fault.NO_SPACE),
                fault("read-only", "file system remounted read-only, then writable",
                        Fault.READ_ONLY),
                new Row("slow-fsync", "slow disk", "each sync takes 200 ms longer for 6 s", true,
                        "", DiskRows::slow),
                new Row("hung-fsync", "disk hangs", "no sync comes back for 20 s", true, "",
                        DiskRows::hung),
                new Row("min-free", "free space below min-free",
                        "the file system says 1 MB is free for some seconds", true, "",
                        lab -> room(lab, Fault.FREE_BYTES, 1 << 20)),
                new Row("min-free-inodes", "free inodes below the limit",
                        "spool.min-free-inodes above what the file system has", false, "",
                        DiskRows::inodes),
                new Row("max-size", "spool.max-size reached",
                        "max-size = 1m, 2 MB of mail waits", false, "", DiskRows::maxSize),
                new Row("low-at-start", "little room at start",
                        "killed; the file system says 1 MB is free; started; freed", true, "",
                        DiskRows::lowAtStart),
                new Row("full-at-start", "full disk at start",
                        "killed; a file system of its own filled to the last byte; started; freed",
                        false, "", DiskRows::fullAtStart));
    }

    private static Row fault(String name, String title, Fault fault) {
        return new Row(name, title, "every such call fails for 6 s", true, "", lab -> {
            failFor(lab, fault);
            return "";
        });
    }

    /** Mail before, during and after; some waits in the spool while the fault is there. */
    private static void failFor(FaultLab lab, Fault fault) throws InterruptedException {
        lab.send(MAIL);
        lab.backlog(MAIL);
        FaultLab.Load load = lab.load();
        load.during(Duration.ofSeconds(1));
        lab.check(load.acknowledgedDuring() > 0, "nothing was taken before the fault");
        lab.disk().set(fault, 1);
        // what was under way when the fault came may still be taken
        load.during(Duration.ofSeconds(1));
        load.during(FAULT.minusSeconds(1));
        lab.check(load.acknowledgedDuring() == 0, load.acknowledgedDuring()
                + " messages acknowledged while the disk failed");
        lab.check(lab.disk().count(FaultDisk.Counter.FAULTS) > 0, "the fault was never felt");
        lab.check(lab.daemon().alive(), "the daemon died of it");
        lab.network().refuse(false);
        lab.disk().set(fault, 0);
        load.end();
        lab.awaitAccepting();
        lab.send(MAIL);
    }

    private static String syncErrorThenCut(FaultLab lab) throws IOException, InterruptedException {
        failFor(lab, Fault.SYNC_EIO);
        lab.backlog(MAIL);
        FaultLab.await(Duration.ofSeconds(3), () -> false);
        lab.cut(PowerCut.Mode.DROP_ALL);
        lab.restart();
        lab.send(MAIL);
        return "";
    }

    private static String slow(FaultLab lab) throws InterruptedException {
        lab.send(MAIL);
        lab.disk().set(Fault.SYNC_DELAY_MILLIS, 200);
        FaultLab.Load load = lab.load();
        load.during(FAULT);
        lab.check(load.acknowledgedDuring() > 0, "nothing was taken while the disk was slow");
        load.end();
        lab.disk().heal();
        lab.awaitAccepting();
        lab.send(MAIL);
        return "";
    }

    private static String hung(FaultLab lab) throws InterruptedException {
        lab.send(MAIL);
        lab.backlog(MAIL);
        FaultLab.Load load = lab.load();
        load.during(Duration.ofSeconds(1));
        lab.disk().set(Fault.SYNC_HANG, 1);
        load.during(Duration.ofSeconds(1));
        load.during(HANG.minusSeconds(1));
        lab.check(load.acknowledgedDuring() == 0, load.acknowledgedDuring()
                + " messages acknowledged while no sync came back");
        lab.check(lab.disk().count(FaultDisk.Counter.HANGING) > 0, "no sync hung");
        lab.network().refuse(false);
        lab.disk().heal();
        load.end();
        lab.awaitAccepting();
        lab.send(MAIL);
        return "";
    }

    /** New mail is refused, what waits is delivered. */
    private static String room(FaultLab lab, Fault fault, long left) throws InterruptedException {
        lab.send(MAIL);
        lab.backlog(MAIL);
        lab.disk().set(fault, left);
        refusesAndDelivers(lab);
        lab.disk().heal();
        lab.awaitAccepting();
        lab.send(MAIL);
        return "";
    }

    private static void refusesAndDelivers(FaultLab lab) {
        FaultLab.Load load = lab.load();
        lab.check(load.until(REFUSAL_LIMIT, () -> load.source().refused() > 0), "never refused");
        lab.check(load.source().lastRefusal().startsWith("452 "), "refused with: "
                + load.source().lastRefusal());
        load.end();
        lab.network().refuse(false);
        lab.check(FaultLab.await(FaultLab.PATIENCE, () -> lab.missing() == 0),
                "what waited was not delivered meanwhile: " + lab.missing() + " are missing");
        lab.recovered("delivered all that waited meanwhile");
    }

    private static String inodes(FaultLab lab) throws IOException, InterruptedException {
        return limit(lab, "spool.min-free-inodes = 2000000000");
    }

    private static String maxSize(FaultLab lab) throws IOException, InterruptedException {
        // contents needed in the log count, and what is in data files
        return limit(lab, "spool.max-size = 1m");
    }

    /** Started with a limit that is reached already, then without it. */
    private static String limit(FaultLab lab, String configuration)
            throws IOException, InterruptedException {
        lab.send(MAIL);
        lab.backlog(5 * MAIL);
        lab.daemon().configure(configuration);
        lab.kill();
        lab.restart();
        refusesAndDelivers(lab);
        lab.daemon().configure("");
        lab.kill();
        lab.restart();
        lab.awaitAccepting();
        lab.send(MAIL);
        return "";
    }

    private static String lowAtStart(FaultLab lab) throws IOException, InterruptedException {
        lab.backlog(MAIL);
        lab.kill();
        lab.disk().set(Fault.FREE_BYTES, 1 << 20);
        lab.restart();
        refusesAndDelivers(lab);
        lab.disk().heal();
        lab.awaitAccepting();
        lab.send(MAIL);
        return "";
    }

    /** Needs to be root: only then is there a disk to fill. */
    private static String fullAtStart(FaultLab lab) throws IOException, InterruptedException {
        Path disk = lab.folder().resolve("disk");
        lab.daemon().stop(FaultLab.STOP_LIMIT);
        if (!mount("mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", disk.toString())) {
            lab.restart();
            return "needs to be root: it fills a file system of its own";
        }
        try {
            lab.restart();
            lab.backlog(MAIL);
            Path ballast = lab.daemon().spool().resolve("ballast");
            lab.check(FaultLab.await(FaultLab.PATIENCE, () -> Files.exists(ballast)
                    && ballast.toFile().length() == BALLAST), "no ballast is kept");
            lab.kill();
            Path filler = disk.resolve("filler");
            fill(filler);
            lab.restart();
            refusesAndDelivers(lab);
            Files.delete(filler);
            lab.awaitAccepting();
            lab.send(MAIL);
            lab.daemon().stop(FaultLab.STOP_LIMIT);
            lab.daemon().restart();
            lab.daemon().awaitReady();
            return "";
        } finally {
            lab.unmountAtEnd(disk);
        }
    }

    /** Until not one more byte goes in. */
    private static void fill(Path file) throws IOException {
        byte[] block = new byte[64 << 10];
        try (var out = Files.newOutputStream(file)) {
            while (true) {
                out.write(block);
            }
        } catch (IOException full) {
            try (var rest = Files.newOutputStream(file, StandardOpenOption.APPEND)) {
                while (true) {
                    rest.write(0);
                }
            } catch (IOException reallyFull) {
                if (Files.getFileStore(file).getUsableSpace() > 0) {
                    throw reallyFull;
                }
            }
        }
    }

    static boolean mount(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
    }
}
