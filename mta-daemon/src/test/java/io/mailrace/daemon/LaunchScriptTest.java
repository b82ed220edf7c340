// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The installed launcher on machines that are only files: what it would give to the JVM. */
class LaunchScriptTest {
    @TempDir
    private Path folder;
    private final Map<String, String> environment = new HashMap<>();
    private Path home = Path.of("");

    @BeforeEach
    void install() throws IOException {
        home = Files.createDirectories(folder.resolve("usr lib/mailrace"));
        Files.createDirectories(home.resolve("bin"));
        Files.createDirectories(home.resolve("lib"));
        Files.copy(Program.ROOT.resolve("packaging/bin/launch"), home.resolve("bin/launch"));
        Files.createFile(home.resolve("lib/b.jar"));
        Files.createFile(home.resolve("lib/a.jar"));
        environment.putAll(Map.of("MAILRACE_PRINT", "1",
                "MAILRACE_DEFAULTS", folder.resolve("defaults").toString(),
                "MAILRACE_PROC", folder.resolve("proc").toString(),
                "MAILRACE_CGROUPS", folder.resolve("cgroup").toString(),
                "MAILRACE_MEMORY", "", "MAILRACE_JAVA_OPTS", ""));
    }

    private Program launch(String... words) throws Exception {
        return Program.run(Stream.concat(Stream.of("sh", home.resolve("bin/launch").toString()),
                Stream.of(words)).toList(), environment);
    }

    private List<String> options(String... words) throws Exception {
        Program program = launch(words);
        assertThat(program.exit()).as(program.output()).isZero();
        return program.output().lines().toList();
    }

    private void file(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private void machine(long megabytes) throws IOException {
        file("proc/meminfo", "MemTotal:       " + megabytes * 1024 + " kB\nMemFree:  1 kB\n");
    }

    @ParameterizedTest
    @CsvSource({"460, 72m, 64m, Serial", "960, 160m, 96m, Serial", "1900, 256m, 128m, Serial",
            "3800, 256m, 256m, Serial",
            "7700, 384m, 384m, Parallel", "15800, 384m, 384m, Parallel",
            "2000000, 384m, 384m, Parallel"})
    void serve_isSizedByTheMachine(long megabytes, String heap, String direct, String collector)
            throws Exception {
        machine(megabytes);
        assertThat(options("serve")).contains("-Xmx" + heap, "-XX:MaxDirectMemorySize=" + direct,
                "-XX:+Use" + collector + "GC", "-XX:+ExitOnOutOfMemoryError",
                "-XX:+UseCompactObjectHeaders", "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=deny");
    }

    /** RocksDB fills three of these outside of the heap. */
    @ParameterizedTest
    @CsvSource({"460, 8m", "960, 16m", "1900, 32m", "3800, none", "15800, none"})
    void spoolsBuffers_onSmallMachines_areSmaller(long megabytes, String buffer) throws Exception {
        machine(megabytes);
        String option = "-Dmailrace.default.spool.write-buffer=";
        List<String> options = options("serve");
        if (buffer.equals("none")) {
            assertThat(options).noneMatch(one -> one.startsWith(option));
        } else {
            assertThat(options).contains(option + buffer);
            assertThat(options("config", "show")).contains(option + buffer);
        }
    }

    @Test
    void serve_inASmallCgroup_isSizedByIt() throws Exception {
        machine(15800);
        file("proc/self/cgroup", "0::/system.slice/mailrace.service\n");
        file("cgroup/system.slice/mailrace.service/memory.max", "max\n");
        file("cgroup/system.slice/memory.max", "2147483648\n");
        assertThat(options("serve")).contains("-Xmx256m");
        file("cgroup/system.slice/mailrace.service/memory.high", "1073741824\n");
        assertThat(options("serve")).contains("-Xmx160m");
    }

    @Test
    void serve_inAnOldCgroup_isSizedByIt() throws Exception {
        machine(15800);
        file("proc/self/cgroup", "7:cpu,cpuacct:/x\n4:memory:/docker/abc\n");
        file("cgroup/memory/docker/abc/memory.limit_in_bytes", "4294967296\n");
        file("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assertThat(options("serve")).contains("-Xmx256m", "-XX:MaxDirectMemorySize=256m");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "max", "-1", "1e9", "99999999999999999999999999", "$(id)", "0x10"})
    void serve_limitThatIsNone_isIgnored(String limit) throws Exception {
        machine(7700);
        file("proc/self/cgroup", "0::/../../a b/*\n");
        file("cgroup/memory.max", limit);
        assertThat(options("serve")).contains("-Xmx384m");
    }

    @Test
    void serve_nothingKnown_isForASmallMachine() throws Exception {
        assertThat(options("serve")).contains("-Xmx256m");
    }

    @Test
    void defaultsFile_overrides_andTheEnvironmentOverridesIt() throws Exception {
        machine(15800);
        file("defaults", "MAILRACE_MEMORY=1900\nMAILRACE_JAVA_OPTS=\"-Xmx300m -Da=b\"\n");
        List<String> options = options("serve");
        assertThat(options).containsSubsequence("-Xmx256m", "-Xmx300m", "-Da=b", "-cp");
        environment.put("MAILRACE_MEMORY", "3900");
        assertThat(options("serve")).contains("-Xmx256m", "-XX:MaxDirectMemorySize=256m");
    }

    @ParameterizedTest
    @ValueSource(strings = {"4g", "-1", "1 2", "123456789", "*"})
    void memory_thatIsNoNumber_isRefused(String memory) throws Exception {
        environment.put("MAILRACE_MEMORY", memory);
        Program program = launch("serve");
        assertThat(program.exit()).isEqualTo(1);
        assertThat(program.output()).startsWith("mailrace: MAILRACE_MEMORY is a number");
    }

    @Test
    void words_arriveAsTheyAre_afterTheClassPath() throws Exception {
        assertThat(options("serve", "--config", "/a b/*", "--", ""))
                .endsWith("-cp", home + "/lib/a.jar:" + home + "/lib/b.jar",
                        "io.mailrace.daemon.Main", "serve", "--config", "/a b/*", "--", "");
    }

    @Test
    void command_isSmall_andTakesNoOptionsOfTheDaemon() throws Exception {
        environment.put("MAILRACE_JAVA_OPTS", "-Xmx8g");
        machine(15800);
        assertThat(options("queue")).contains("-XX:TieredStopAtLevel=1", "-Xmx256m")
                .doesNotContain("-Xmx8g");
    }

    @Test
    void archives_areUsedWhenTheyAreThere() throws Exception {
        assertThat(options("serve")).noneMatch(option -> option.startsWith("-XX:AOTCache"));
        Files.createFile(home.resolve("lib/command.jsa"));
        Files.createFile(home.resolve("lib/daemon.aot"));
        assertThat(options("serve")).contains("-XX:AOTCache=" + home + "/lib/daemon.aot");
        assertThat(options("queue")).contains("-XX:SharedArchiveFile=" + home + "/lib/command.jsa");
    }

    @Test
    void symbolicLinks_leadHome_andAMissingJavaIsSaid() throws Exception {
        environment.remove("MAILRACE_PRINT");
        Path link = Files.createSymbolicLink(folder.resolve("mailrace"),
                home.resolve("bin/launch"));
        Program program = Program.run(List.of("sh", link.toString(), "queue"), environment);
        assertThat(program.exit()).isEqualTo(1);
        assertThat(program.output()).isEqualTo("mailrace: " + home
                + "/runtime/bin/java is missing: install the package again\n");
    }
}
