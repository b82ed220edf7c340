// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.benchmarks.FaultProgram.Row;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.RocksSpool;
import io.mailrace.queue.SpoolFolder;
import io.mailrace.queue.SpoolFolder.CheckResult;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * Damage done to files while the daemon is dead. Where the disk has destroyed acknowledged mail
 * nothing brings it back: then the loss must be told, and everything else must arrive.
 */
final class DamageRows {
    private static final int MAIL = 300;
    private static final int AFTER = 50;
    private static final int MAX_TOLD = 200;
    private static final String LOG = "log";

    private DamageRows() {}

    static List<Row> rows() {
        return List.of(
                new Row("wal-garbage", "garbage behind the end of the database's log",
                        "killed; 4 KB of random bytes appended to the newest log", false, "",
                        DamageRows::garbage),
                new Row("wal-cut", "end of the database's log missing",
                        "killed; the newest log cut in the middle of acknowledged mail", false,
                        "", lab -> filled(lab, DamageRows::cut)),
                new Row("wal-flip", "flipped byte in the middle of the database's log",
                        "killed; one byte of acknowledged mail changed", false, "",
                        lab -> filled(lab, log -> flip(log, Files.size(log) / 2))),
                new Row("both-logs", "end missing of the database's log and of the spool's",
                        "killed; both cut in the middle of acknowledged mail", false, "",
                        DamageRows::bothLogs),
                new Row("sst-schedule", "flipped byte in a data file of the schedule",
                        "killed, compacted; one byte in the first block changed", false, "",
                        lab -> table(lab, ".sst", "schedule")),
                new Row("sst-envelope", "flipped byte in a data file of envelopes",
                        "killed, compacted; one byte in the first block changed", false, "",
                        lab -> table(lab, ".sst", "envelope")),
                new Row("log-content", "flipped byte in the spool's log",
                        "killed; one byte of a content changed", false, "",
                        lab -> table(lab, LOG, "")));
    }

    private interface Damage {
        void to(Path file) throws IOException;
    }

    private static String garbage(FaultLab lab) throws IOException, InterruptedException {
        lab.backlog(MAIL);
        lab.kill();
        byte[] bytes = new byte[4096];
        new SplittableRandom().nextBytes(bytes);
        Path log = newestLog(lab);
        try (var file = new RandomAccessFile(log.toFile(), "rw")) {
            file.seek(file.length());
            file.write(bytes);
        }
        lab.restart();
        lab.check(lab.daemon().admin().present("spool_lost_batches_total") == 0,
                "says that batches are lost");
        lab.recovered("garbage ignored");
        lab.send(AFTER);
        return "";
    }

    /** Damage in the database's log: the spool's own has what is missing. */
    private static String filled(FaultLab lab, Damage damage)
            throws IOException, InterruptedException {
        lab.send(AFTER);
        lab.backlog(MAIL);
        lab.kill();
        damage.to(newestLog(lab));
        lab.restart();
        List<String> lines = lab.logLines("took batches from the log");
        lab.check(lines.size() == 1, "nothing is said to be taken from the log");
        lab.check(lab.daemon().admin().present("spool_lost_batches_total") == 0,
                "says that batches are lost");
        lab.send(AFTER);
        lab.network().refuse(false);
        FaultLab.await(FaultLab.PATIENCE, () -> lab.missing() == 0);
        lab.recovered("what the database lacked was taken from the spool's log");
        return "";
    }

    /** Damage in acknowledged mail twice: what follows it is lost, and that must be told. */
    private static String bothLogs(FaultLab lab) throws IOException, InterruptedException {
        lab.send(AFTER);
        lab.backlog(MAIL);
        lab.kill();
        Path log = newestLog(lab);
        cut(log);
        cut(newestSlot(lab));
        byte[] damaged = Files.readAllBytes(log);
        lab.allowLoss();
        lab.restart();
        long told = lab.daemon().admin().present("spool_lost_batches_total");
        List<String> lines = lab.logLines("committed batches");
        lab.check(told > 0, "spool_lost_batches_total is " + told);
        lab.check(lines.stream().anyMatch(l -> l.contains("ERROR")), "no ERROR in the log");
        lab.send(AFTER);
        lab.check(keeps(lab.daemon().spool(), log, damaged),
                "the log as it was is not in wal-kept-*");
        lab.recovered("told: " + told + " batches lost, log kept in wal-kept-*");
        lab.network().refuse(false);
        FaultLab.await(FaultLab.PATIENCE, () -> lab.daemon().admin()
                .metric("queue_envelopes_waiting").orElse(1) == 0);
        lab.check(lab.missing() > 0 && lab.missing() < MAIL,
                "the damage hit nothing or all: " + lab.missing() + " are missing");
        return "";
    }

    private static boolean keeps(Path spool, Path log, byte[] bytes) throws IOException {
        try (Stream<Path> files = Files.list(spool)) {
            for (Path folder : files.toList()) {
                Path kept = folder.resolve(String.valueOf(log.getFileName()));
                if (String.valueOf(folder.getFileName()).startsWith("wal-kept-")
                        && Files.exists(kept) && Arrays.equals(Files.readAllBytes(kept), bytes)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Damage in a data file: what it hit is told, everything else is delivered. */
    private static String table(FaultLab lab, String ending, String family)
            throws IOException, InterruptedException {
        lab.backlog(MAIL);
        lab.kill();
        // Recovery writes what was in the log into data files, a compaction leaves there only what
        // is in force. Not by the daemon: what it tries meanwhile gets newer rows.
        try (RocksSpool spool = RocksSpool.open(lab.config(), TimeSource.system(),
                new Metrics())) {
            spool.care().compact();
        }
        if (ending.equals(LOG)) {
            Path slot = newestSlot(lab);
            flip(slot, bodyBehind(slot, Files.size(slot) / 4));
        } else {
            flip(dataFile(lab.daemon().spool().resolve("db"), ending, family), 30);
        }
        lab.allowLoss();
        int logged = lab.daemon().log().length();
        lab.restart();
        lab.send(AFTER);
        lab.network().refuse(false);
        FaultLab.await(FaultLab.PATIENCE, () -> lab.missing() <= 1);
        List<String> told = lab.daemon().log().substring(logged).lines()
                .filter(l -> l.contains("ERROR") || l.contains("WARN")).toList();
        long aside = lab.daemon().admin().present("spool_envelopes_quarantined_total");
        lab.check(!told.isEmpty(), "the damage is not told in the log");
        lab.check(lab.missing() > 0, "the damage hit no mail");
        lab.check(family.equals("schedule") || lab.missing() <= MAIL / 3,
                "much more than the damaged block is not delivered: "
                        + lab.missing() + " of " + lab.acknowledgedCount());
        lab.recovered(lab.missing() + " not delivered, " + aside + " set aside, told: "
                + told.stream().findFirst().map(line -> line.replaceAll("^\\S+ ", "")
                        .replaceAll(" /\\S+/", " ")).map(line -> line.substring(0,
                                Math.min(MAX_TOLD, line.length())))
                        .orElse("nothing"));
        repair(lab);
        return "";
    }

    /** What an operator does then: stops it, repairs the spool, starts it. */
    private static void repair(FaultLab lab) throws IOException, InterruptedException {
        lab.daemon().stop(FaultLab.STOP_LIMIT);
        CheckResult result = SpoolFolder.check(lab.config(), lab.daemon().spool(), true,
                line -> {});
        lab.check(result.problems() > 0, "a check finds nothing");
        lab.restart();
        FaultLab.await(FaultLab.PATIENCE, () -> lab.missing() == 0
                || lab.daemon().admin().metric("queue_envelopes_waiting").orElse(1) == 0);
        lab.recovered("spool check --repair: " + result.problems() + " problems, "
                + result.mended() + " mended; then " + lab.missing() + " not delivered");
    }

    /** The largest one of the family, which is named in the properties of the file. */
    private static Path dataFile(Path db, String ending, String family) throws IOException {
        try (Stream<Path> files = Files.list(db)) {
            for (Path file : files.filter(f -> f.toString().endsWith(ending))
                    .sorted(Comparator.comparingLong(f -> -f.toFile().length())).toList()) {
                String text = Files.readString(file, StandardCharsets.ISO_8859_1);
                if (family.isEmpty() || text.contains("name" + family)) {
                    return file;
                }
            }
        }
        throw new IOException("no data file of " + family);
    }

    /** The slot of the spool's log with most in it, which is the one the mail is in. */
    private static Path newestSlot(FaultLab lab) throws IOException {
        try (Stream<Path> files = Files.list(lab.daemon().spool().resolve("log"))) {
            return files.max(Comparator.comparingLong(f -> f.toFile().length()))
                    .orElseThrow(() -> new IOException("no log"));
        }
    }

    /** Where the body of some message begins behind an offset. */
    private static long bodyBehind(Path slot, long offset) throws IOException {
        String text = Files.readString(slot, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n", (int) offset);
        if (end < 0) {
            throw new IOException("no message in the log");
        }
        return end + 4L;
    }

    private static Path newestLog(FaultLab lab) throws IOException {
        try (Stream<Path> files = Files.list(lab.daemon().spool().resolve("db"))) {
            return files.filter(f -> f.toString().endsWith(".log") && f.toFile().length() > 0)
                    .max(Comparator.naturalOrder())
                    .orElseThrow(() -> new IOException("no log"));
        }
    }

    private static void flip(Path path, long at) throws IOException {
        try (var file = new RandomAccessFile(path.toFile(), "rw")) {
            file.seek(at);
            int was = file.read();
            file.seek(at);
            file.write(was ^ 0x10);
        }
    }

    private static void cut(Path path) throws IOException {
        try (var file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(file.length() / 2 + 7);
        }
    }
}
