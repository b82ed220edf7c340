// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The systemd unit we ship, judged by systemd's own tools; no running systemd is needed. */
class ServiceUnitTest {
    private static final Path SYSTEMD = Program.ROOT.resolve("packaging/systemd");
    private static final String LAUNCH = "/usr/lib/mailrace/bin/launch";
    private static final double MOST_EXPOSURE = 2.0;
    @TempDir
    private Path folder;
    private String unit = "";

    @BeforeEach
    void read() throws IOException {
        unit = Files.readString(SYSTEMD.resolve("mailrace.service"));
    }

    /** The unit with the launcher where it lies in the working tree. */
    private String placed() throws IOException {
        return Files.writeString(folder.resolve("mailrace.service"), unit.replace(LAUNCH,
                Program.ROOT.resolve("packaging/bin/launch").toString())).toString();
    }

    private static void needsSystemd() {
        assumeTrue(Program.isInstalled("systemd-analyze"), "install systemd");
    }

    @Test
    void unit_verifies() throws Exception {
        needsSystemd();
        Program verify = Program.run("systemd-analyze", "verify", "--man=no", placed());
        assertThat(verify.output()).isEmpty();
        assertThat(verify.exit()).isZero();
    }

    @Test
    void unit_isHardlyExposed() throws Exception {
        needsSystemd();
        Program security = Program.run("systemd-analyze", "security", "--offline=true",
                "--no-pager", placed());
        Matcher level = Pattern.compile("Overall exposure level for mailrace.service: ([0-9.]+)")
                .matcher(security.output());
        assertThat(level.find()).as(security.output()).isTrue();
        assertThat(Double.parseDouble(level.group(1))).isLessThanOrEqualTo(MOST_EXPOSURE);
    }

    @Test
    void syscallFilter_leavesWhatTheJvmNeeds_andNoMore() throws Exception {
        needsSystemd();
        List<String> groups = Pattern.compile("@[a-z-]+").matcher(unit).results()
                .map(found -> found.group()).distinct().toList();
        Program known = Program.run("systemd-analyze", "syscall-filter", "--no-pager");
        assertThat(groups).contains("@system-service", "@privileged", "@resources")
                .allSatisfy(group -> assertThat(known.output()).contains("\n" + group + "\n"));
    }

    @Test
    void unit_runsAsItsUserWithOneRight() {
        assertThat(unit).contains("\nType=notify\n", "\nNotifyAccess=main\n", "\nUser=mailrace\n",
                "\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n",
                "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n", "\nNoNewPrivileges=yes\n",
                "\nExecStart=" + LAUNCH + " serve\n", "\nExecReload=" + LAUNCH + " reload\n",
                "\nStateDirectory=mailrace\n", "\nRuntimeDirectory=mailrace\n");
    }

    @Test
    void unit_startsAgainWhateverEndedIt_butNotABadConfiguration() {
        assertThat(unit).contains("\nRestart=always\n", "\nStartLimitIntervalSec=0\n",
                "\nRestartPreventExitStatus=" + Main.BAD_CONFIG + "\n",
                "\nLogRateLimitIntervalSec=0\n");
    }

    @Test
    void unit_mayWriteLogsAndBackups() {
        assertThat(unit).contains("\nLogsDirectory=mailrace\n",
                "\nReadWritePaths=-/var/backups/mailrace\n");
    }

    /** Boot after boot they would undo what an administrator changed. */
    @Test
    void tmpfiles_onlyMakeWhatIsMissing() throws IOException {
        assertThat(Files.readAllLines(SYSTEMD.resolve("tmpfiles.conf"))).allMatch(
                line -> line.startsWith("#") || line.startsWith("d "));
    }

    /** More time than the configured stop takes by default, or systemd kills what is in order. */
    @Test
    void stopTimeout_leavesRoomForTheOrderlyStop() {
        long stop = DaemonConfig.ofText("hostname = mta1.example.com").stopTimeout().toSeconds();
        Matcher limit = Pattern.compile("\nTimeoutStopSec=(\\d+)s\n").matcher(unit);
        assertThat(limit.find()).isTrue();
        assertThat(Long.parseLong(limit.group(1))).isGreaterThanOrEqualTo(stop + 30);
    }

    @Test
    void usersAndFolders_areAccepted() throws Exception {
        assumeTrue(Program.isInstalled("systemd-sysusers"), "install systemd");
        Path etc = Files.createDirectories(folder.resolve("etc"));
        Files.writeString(etc.resolve("passwd"), "root:x:0:0:root:/root:/bin/sh\n");
        Files.writeString(etc.resolve("group"), "root:x:0:\n");
        Program made = Program.run("systemd-sysusers", "--root=" + folder,
                SYSTEMD.resolve("sysusers.conf").toString());
        assertThat(made.exit()).as(made.output()).isZero();
        assertThat(Files.readString(etc.resolve("passwd"))).contains("mailrace:",
                ":/var/lib/mailrace:/usr/sbin/nologin");
        assertThat(Files.readString(etc.resolve("group"))).contains("mailrace:");
    }
}
