// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** The manual pages and the completion that the build writes, and {@code mailrace help}. */
class ManualTest {
    private static final String DATE = "2026-11-28";
    private static final List<String> NAMES = List.of("mailrace.1", "mailrace.conf.5",
            "mailrace.bash");
    @TempDir
    private Path folder;

    private Path write(String name) throws IOException {
        Path where = folder.resolve(name);
        Manual.main(new String[]{where.toString(), DATE});
        return where;
    }

    @Test
    void main_writesTheSameBytesEachTime() throws IOException {
        Path one = write("one");
        Path two = write("two");
        for (String name : NAMES) {
            assertThat(one.resolve(name)).hasSameBinaryContentAs(two.resolve(name));
            assertThat(Files.readString(one.resolve(name))).doesNotContain(folder.toString());
        }
        assertThatThrownBy(() -> Manual.main(new String[]{one.toString()}))
                .hasMessage("Manual DIRECTORY YYYY-MM-DD");
    }

    @ParameterizedTest
    @ValueSource(strings = {"mailrace.1", "mailrace.conf.5"})
    void pages_areCleanForMandoc(String name) throws Exception {
        assumeTrue(Program.isInstalled("mandoc"), "install mandoc");
        Program lint = Program.run("mandoc", "-T", "lint", "-W", "warning",
                write("pages").resolve(name).toString());
        assertThat(lint.output()).isEmpty();
        assertThat(lint.exit()).isZero();
    }

    @Test
    void commandsPage_hasEachCommandAndOption() {
        String page = Manual.commands(DATE);
        visit(Main.commandLine(), "mailrace", page);
        assertThat(page).contains(".SS \"mailrace user add NAME", ".B \\-\\-config FILE",
                "mailrace.conf(5)").doesNotContain("${");
    }

    private static void visit(CommandLine line, String path, String page) {
        line.getSubcommands().forEach((name, below) -> {
            if (below.getCommandSpec().usageMessage().hidden()) {
                assertThat(page).doesNotContain(path + " " + name);
                return;
            }
            assertThat(page).contains(".SS \"" + path + " " + name);
            below.getCommandSpec().options().stream().filter(one -> !one.usageHelp()
                    && !one.versionHelp()).forEach(one -> assertThat(page)
                            .contains(one.longestName().replace("-", "\\-")));
            visit(below, path + " " + name, page);
        });
    }

    @Test
    void configPage_hasEachKeyWithItsDefault() {
        String page = Manual.configuration(DATE, Manual.references());
        List<String> keys = new ArrayList<>();
        for (String reference : Manual.references()) {
            collect(page, "", ConfigFactory.parseString(reference).root(), keys);
        }
        assertThat(keys).hasSizeGreaterThan(150).contains("hostname", "listener-defaults.bind");
        assertThat(keys).allSatisfy(key -> assertThat(page)
                .contains("\n.B " + key.replace("-", "\\-") + " = "));
        assertThat(page).contains(".B stop\\-timeout = 30s\n", ".B hostname = null\n",
                ".B admin.bind = \\(dq127.0.0.1:8025\\(dq\n");
    }

    /** A section that stands on one line, such as {@code bulk {}}, is an entry itself. */
    private static void collect(String page, String path, ConfigObject section,
            List<String> keys) {
        for (Map.Entry<String, ConfigValue> entry : section.entrySet()) {
            String key = path + entry.getKey();
            boolean onOneLine = page.contains("\n.B " + key.replace("-", "\\-") + " = {");
            if (entry.getValue() instanceof ConfigObject below && !onOneLine) {
                collect(page, key + ".", below, keys);
            } else {
                keys.add(key);
            }
        }
    }

    @Test
    void completion_isBash_andKnowsCommandsAndOptions() throws Exception {
        Path script = write("bash").resolve("mailrace.bash");
        assertThat(Files.readString(script)).contains("queue", "trace", "--config", "keygen");
        assumeTrue(Program.isInstalled("bash"), "install bash");
        Program complete = Program.run("bash", "-c", ". " + script + "; COMP_WORDS=(mailrace use);"
                + " COMP_CWORD=1; _complete_mailrace; echo \"${COMPREPLY[@]}\"");
        assertThat(complete.output()).isEqualTo("user\n");
    }

    @Test
    void reference_isReadAsWeWriteIt() {
        assertThat(ReferenceText.parse("""
                # Nobody's.

                # About a.
                a = "x = { y"
                s {
                  # First.
                  #   second = line
                  list = [
                    1, 2 ]
                  deep { }
                  t { u = 1 }
                }
                """)).extracting(one -> one.name() + "|" + one.value() + "|" + one.comment())
                .containsExactly("a|\"x = { y\"|[About a.]", "s||[]",
                        "s.list|[|[First.,   second = line]", "s.deep|{ }|[]", "s.t|{ u = 1 }|[]");
    }

    private static int run(StringWriter out, String... words) {
        CommandLine line = Main.commandLine();
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(out, true));
        return line.execute(words);
    }

    @Test
    void help_showsAllOneOrSaysThereIsNone() {
        StringWriter out = new StringWriter();
        assertThat(run(out, "help")).isZero();
        assertThat(out.toString()).contains("Usage: mailrace", "serve", "help");
        out.getBuffer().setLength(0);
        assertThat(run(out, "help", "user", "add")).isZero();
        assertThat(out.toString()).contains("Usage: mailrace user add", "--scram");
        out.getBuffer().setLength(0);
        assertThat(run(out, "help", "user", "nonsense")).isEqualTo(2);
        assertThat(out.toString()).contains("there is no command mailrace user nonsense");
    }
}
