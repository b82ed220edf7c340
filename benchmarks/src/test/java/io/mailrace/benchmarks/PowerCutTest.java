// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.benchmarks.FaultDisk.Counter;
import io.mailrace.benchmarks.FaultDisk.Fault;
import io.mailrace.benchmarks.PowerCut.Mode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The instrument itself: what a cut leaves of known changes, and that each fault is felt. */
class PowerCutTest {
    @TempDir
    private Path folder;
    private FaultDisk disk;

    @BeforeEach
    void make() throws Exception {
        assumeTrue(FaultDisk.compiler().isPresent(), "skipped: " + FaultDisk.NO_COMPILER);
        disk = FaultDisk.make(folder);
    }

    @Test
    void cut_dropAll_leavesOnlyWhatWasSynced() throws Exception {
        run("changes");
        assertThat(disk.count(Counter.UNSEEN)).isZero();
        assertThat(disk.count(Counter.WRITES)).isGreaterThan(10);
        PowerCut.Loss loss = disk.cut(Mode.DROP_ALL, 1);
        assertThat(loss.writesLost()).isEqualTo(loss.writes()).isPositive();
        var left = new TreeMap<String, String>();
        try (var files = Files.walk(disk.root())) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                left.put(disk.root().relativize(file).toString(), Files.readString(file));
            }
        }
        assertThat(left).hasToString("{appended=old-appended, emptied=old-emptied,"
                + " folder/inside=inside, moved=old-moved, overwritten=old-overwritten,"
                + " removed=old-removed, replaced=old-replaced, resynced=NEW-resynced}");
        assertThat(disk.root().resolve("folder2")).doesNotExist();
    }

    @Test
    void cut_lenientFolders_keepsTheNamesOfSyncedFiles() throws Exception {
        run("changes");
        disk.cut(Mode.LENIENT_FOLDERS, 1);
        assertThat(disk.root().resolve("fresh")).hasContent("fresh");
        assertThat(disk.root().resolve("folder2/inside")).hasContent("inside");
        // changed after the last sync
        assertThat(disk.root().resolve("removed")).hasContent("old-removed");
        assertThat(disk.root().resolve("replaced")).hasContent("old-replaced");
    }

    @Test
    void cut_torn_writesSurviveBySectors() throws Exception {
        run("sectors");
        PowerCut.Loss loss = disk.cut(Mode.TORN, 5);
        assertThat(loss.writes()).isEqualTo(20);
        assertThat(loss.writesLost()).isBetween(1, 19);
        String text = Files.readString(disk.root().resolve("file"), StandardCharsets.ISO_8859_1);
        assertThat(text.length()).isGreaterThanOrEqualTo(5000);
        assertThat(text.startsWith("a".repeat(1000))).isTrue();
        assertThat(text.chars().filter(c -> c > 'a')).isNotEmpty();
    }

    @Test
    void cut_afterFailedSync_laterSyncDoesNotSaveIt() throws Exception {
        assertThat(run("failed-sync")).containsExactly("Input/output error");
        assertThat(disk.root().resolve("file")).hasContent("old.LOSTsafe");
        disk.cut(Mode.DROP_ALL, 1);
        assertThat(disk.root().resolve("file")).hasContent("old.\0\0\0\0safe");
    }

    @Test
    void faults_each_areFelt() throws Exception {
        Files.writeString(disk.root().resolve("there"), "long");
        assertThat(attempts(Fault.WRITE_EIO)).containsExactly("Input/output error",
                "Input/output error", "done", "done", "done", "done");
        assertThat(attempts(Fault.SYNC_EIO)).containsExactly("done", "done",
                "Input/output error", "done", "done", "done");
        Files.writeString(disk.root().resolve("there"), "long");
        String full = "No space left on device";
        assertThat(attempts(Fault.NO_SPACE)).startsWith(full, "done", "done").contains(full)
                .endsWith("done");
        assertThat(attempts(Fault.READ_ONLY)).doesNotContain(full)
                .filteredOn("done"::equals).hasSize(1);
        assertThat(disk.count(Counter.FAULTS)).isGreaterThanOrEqualTo(8);
    }

    @Test
    void clock_ahead_isSeen() throws Exception {
        Files.writeString(disk.root().resolve("there"), "long");
        Files.writeString(disk.root().resolve("gone"), "");
        disk.set(Fault.CLOCK_SECONDS, 172_800);
        long said = run("attempts").stream().filter(l -> l.startsWith("clock "))
                .mapToLong(l -> Long.parseLong(l.substring(6))).findFirst().orElseThrow();
        assertThat(said - System.currentTimeMillis() / 1000).isBetween(172_700L, 172_900L);
    }

    /** What came of each attempt, without the clock. */
    private List<String> attempts(Fault fault) throws IOException, InterruptedException {
        for (String name : List.of("fresh", "folder")) {
            Files.deleteIfExists(disk.root().resolve(name));
        }
        Files.writeString(disk.root().resolve("gone"), "");
        disk.heal();
        disk.set(fault, 1);
        List<String> said = run("attempts").stream().filter(l -> l.contains(": "))
                .map(l -> l.substring(l.indexOf(": ") + 2)).toList();
        disk.heal();
        return said;
    }

    private List<String> run(String script) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
                DiskScript.class.getName(), disk.root().toString(), script)
                .redirectErrorStream(true);
        builder.environment().putAll(disk.environment());
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).describedAs(said).isEqualTo(7);
        return said.lines().toList();
    }
}
