// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.benchmarks.CrashProgram.Ending;
import io.mailrace.benchmarks.FaultDisk.Fault;
import io.mailrace.benchmarks.FaultProgram.Row;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Faults of the process, the power and the clock. */
final class ProcessRows {
    private static final int MAIL = 100;
    private static final int KILLS = 5;
    private static final int START_KILLS = 10;
    private static final int START_MILLIS = 1500;
    private static final long TWO_DAYS_SECONDS = TimeUnit.DAYS.toSeconds(2);

    private ProcessRows() {}

    static List<Row> rows() {
        return List.of(
                crash("kill", "kill -9", "5 times under load", Ending.KILL, true),
                new Row("kill-start", "kill -9 during the start",
                        "10 times in a row, 0 to 1.5 s after the start, with mail waiting", false,
                        "", ProcessRows::killDuringStart),
                crash("power", "power cut", "5 times under load: what was not synced is gone",
                        Ending.POWER_CUT, true),
                crash("power-torn", "torn power cut",
                        "5 times under load: unsynced writes survive wholly, in part or not",
                        Ending.TORN_POWER_CUT, true),
                crash("power-first", "power cut soon after the very first start",
                        "under load; names of files and folders that were not synced are gone,"
                                + " too",
                        Ending.POWER_CUT, false),
                new Row("clock-ahead", "clock jumps two days ahead", "while mail waits", true, "",
                        lab -> jump(lab, TWO_DAYS_SECONDS)),
                new Row("clock-back", "clock jumps two days back", "while mail waits", true, "",
                        lab -> jump(lab, -TWO_DAYS_SECONDS)),
                new Row("two", "two processes on one spool",
                        "a second daemon with the same spool.path", false, "",
                        ProcessRows::second),
                new Row("newer", "spool of a newer version", "format number raised", false, "",
                        lab -> "shown by RocksSpoolTest.open_newerFormat_isRefusedAndLeftAlone"));
    }

    /** The crash program has a daemon, clients and receivers of its own. */
    private static Row crash(String name, String title, String how, Ending ending,
            boolean settled) {
        return new Row(name, title, how, ending != Ending.KILL, "", lab -> {
            var said = new ByteArrayOutputStream();
            var plan = new CrashProgram.Plan(KILLS, System.nanoTime(), 20, 4096, ending,
                    Duration.ofMillis(200), Duration.ofMillis(1500), false, settled,
                    SinkNetwork.Refusing.NONE, "");
            CrashProgram.Outcome outcome = CrashProgram.run(plan,
                    new PrintStream(said, true, StandardCharsets.UTF_8));
            lab.check(outcome.holds(), said.toString(StandardCharsets.UTF_8)
                    .replaceAll("(?s).*\n\n", "").strip());
            lab.saw("lines cut, 250 missing for " + outcome.unacknowledged()
                    + " that arrived");
            lab.mail(outcome.acknowledged() + " acknowledged under load, lost "
                    + outcome.lost() + ", copies " + outcome.copies() + ", unexplained "
                    + outcome.unexplained());
            lab.recovered("by each start");
            lab.send(MAIL);
            return "";
        });
    }

    private static String killDuringStart(FaultLab lab) throws IOException, InterruptedException {
        var random = new SplittableRandom();
        lab.send(MAIL);
        lab.backlog(MAIL);
        FaultLab.Load load = lab.load();
        for (int i = 0; i < START_KILLS; i++) {
            lab.kill();
            lab.daemon().restart();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(START_MILLIS)));
        }
        lab.kill();
        lab.restart();
        load.end();
        lab.awaitAccepting();
        lab.send(MAIL);
        return "";
    }

    private static String jump(FaultLab lab, long seconds) throws IOException,
            InterruptedException {
        lab.send(MAIL);
        lab.backlog(MAIL);
        FaultLab.Load load = lab.load();
        load.during(Duration.ofSeconds(1));
        lab.disk().set(Fault.CLOCK_SECONDS, seconds);
        load.during(Duration.ofSeconds(3));
        lab.check(load.acknowledgedDuring() > 0, "nothing was taken after the jump");
        load.end();
        lab.network().refuse(false);
        lab.check(FaultLab.await(FaultLab.PATIENCE, () -> lab.missing() == 0),
                lab.missing() + " not delivered after the jump");
        lab.recovered("delivered at the usual times");
        lab.backlog(MAIL);
        lab.kill();
        lab.restart();
        lab.recovered("also over a restart");
        lab.send(MAIL);
        return "";
    }

    private static String second(FaultLab lab) throws IOException, InterruptedException {
        lab.send(MAIL);
        lab.backlog(MAIL);
        FaultLab.Load load = lab.load();
        Path folder = Files.createDirectory(lab.folder().resolve("second"));
        var setup = DaemonProcess.Setup.PLAIN.with("spool.path = \"" + lab.daemon().spool()
                + "\"");
        try (var other = DaemonProcess.startRelay(folder, lab.network(), setup)) {
            boolean ended = FaultLab.await(FaultLab.PATIENCE, () -> !other.alive());
            lab.check(ended, "the second one goes on");
            lab.check(other.log().contains("is in use by another running Mailrace"),
                    "the second one does not say why: " + other.log());
            lab.saw("second: " + other.log().lines().reduce("", (a, b) -> b));
        }
        load.during(Duration.ofSeconds(1));
        lab.check(load.acknowledgedDuring() > 0, "the first one takes nothing any more");
        load.end();
        lab.recovered("the first one went on");
        lab.kill();
        lab.restart();
        lab.send(MAIL);
        return "";
    }
}
