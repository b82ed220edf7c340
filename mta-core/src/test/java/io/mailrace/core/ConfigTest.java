// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link ConfigSource} and {@link ConfigReader} together, as modules use them. */
class ConfigTest {
    @TempDir
    Path folder;

    private static List<String> problems(String text, Consumer<ConfigReader> reading) {
        try {
            ConfigSource source = ConfigSource.ofText(text);
            reading.accept(source.root());
            source.finish();
            return List.of();
        } catch (ConfigException refused) {
            return refused.problems().stream().map(ConfigProblem::toString).toList();
        }
    }

    private List<String> fileProblems(Path file, String... keys) {
        try {
            ConfigSource source = ConfigSource.ofFile(file);
            for (String key : keys) {
                source.root().string(key);
            }
            source.finish();
            return List.of();
        } catch (ConfigException refused) {
            return refused.problems().stream().map(ConfigProblem::toString)
                    .map(p -> p.replace(folder + "/", "")).toList();
        }
    }

    private static ConfigReader root(String text) {
        return ConfigSource.ofText(text).root();
    }

    /** Two modules may read parts of one section: each key must be known to one of them. */
    @Test
    void section_readTwice_isOne() {
        ConfigSource source = ConfigSource.ofText("a { x = 1, y = 2 }, l = [ { x = 1, y = 2 } ]");
        source.root().section("a").integer("x", 0, 9);
        source.root().section("a").integer("y", 0, 9);
        source.root().sectionList("l").getFirst().integer("x", 0, 9);
        source.root().sectionList("l").getFirst().integer("y", 0, 9);
        source.finish();
        ConfigSource wrong = ConfigSource.ofText("a { x = no, z = 2 }");
        wrong.root().section("a").integer("x", 0, 9);
        wrong.root().section("a").integer("x", 0, 9);
        assertThatThrownBy(wrong::finish).isInstanceOfSatisfying(ConfigException.class,
                refused -> assertThat(refused.problems()).hasSize(2));
    }

    /** The launcher's word stands between the operator's and the reference. */
    @Test
    void defaultOfTheMachine_yieldsToTheFile() {
        String key = "of-this-machine";
        System.setProperty("mailrace.default." + key + ".size", "8m");
        try {
            assertThat(root("x = 1").section(key).bytes("size", 0, 1L << 30)).isEqualTo(8L << 20);
            assertThat(root(key + ".size = 3m").section(key).bytes("size", 0, 1L << 30))
                    .isEqualTo(3L << 20);
            assertThat(ConfigSource.ofText("x = 1").show()).contains("memory of this machine");
        } finally {
            System.clearProperty("mailrace.default." + key + ".size");
        }
    }

    @Test
    void values_ofEachKind_areRead() {
        ConfigReader c = root("""
                text = "a b", port = 25, size = 25m, wait = 5m, never = 0, flag = on
                waits = [2m, 5m], names = [a, "b c"], lane = transactional, nets = ["10.0.0.0/8"]
                inner { x = 1 }, many { b { x = 1 }, a { y = 2 }, gone = null }, defaults { x = 9 }
                list = [{ x = 1 }, { y = 2 }], "a.test" = 7, none = null""");
        assertThat(c.string("text")).isEqualTo("a b");
        assertThat(c.integer("port", 1, 65535)).isEqualTo(25);
        assertThat(c.bytes("size", 0, 1 << 30)).isEqualTo(25 << 20);
        assertThat(c.duration("wait", Duration.ZERO, Duration.ofDays(1))).hasMinutes(5);
        assertThat(c.duration("never", Duration.ZERO, Duration.ofDays(1))).isZero();
        assertThat(c.flag("flag")).isTrue();
        assertThat(c.durations("waits")).containsExactly(Duration.ofMinutes(2),
                Duration.ofMinutes(5));
        assertThat(c.strings("names")).containsExactly("a", "b c");
        assertThat(c.choice("lane", Lane.class)).isEqualTo(Lane.TRANSACTIONAL);
        assertThat(c.parsedList("nets", "a block", Cidr::parse)).hasSize(1);
        assertThat(c.section("inner").integer("x", 0, 9)).isEqualTo(1);
        assertThat(c.sections("many", "defaults")).containsOnlyKeys("a", "b")
                .allSatisfy((name, s) -> assertThat(s.integer("x", 0, 9)).isIn(1, 9));
        assertThat(c.sectionList("list", "defaults"))
                .allSatisfy(s -> assertThat(s.integer("x", 0, 9)).isIn(1, 9));
        assertThat(c.integer("a.test", 0, 9)).isEqualTo(7);
        assertThat(c.has("none")).isFalse();
        assertThat(c.optionalString("none")).isEmpty();
        assertThat(c.optionalString("text")).contains("a b");
    }

    @Test
    void wrongValues_areReportedAllAtOnceInFileOrder() {
        assertThat(problems("""
                text = [1]
                port = 70000
                half = 1.5
                word = x
                size = huge
                wait = 30
                long = 3d
                flag = maybe
                waits = [2m, 30]
                names = single
                nulls = [null]
                lane = fast
                net = "10.0.0.0/99"
                nets = ["::1", "x"]
                inner = 3
                many = [1]
                named { a = 3 }
                list = { }
                things = [3]
                """, c -> {
            c.strings("nulls");
            c.string("text");
            c.string("absent");
            c.integer("port", 1, 65535);
            c.integer("half", 0, 9);
            c.integer("word", 0, 9);
            c.bytes("size", 0, 9);
            c.duration("wait", Duration.ZERO, Duration.ofDays(1));
            c.duration("long", Duration.ZERO, Duration.ofDays(1));
            c.flag("flag");
            c.durations("waits");
            c.strings("names");
            c.choice("lane", Lane.class);
            c.parsed("net", "a block of addresses", Cidr.parse("::1").orElseThrow(), Cidr::parse);
            c.parsedList("nets", "a block of addresses", Cidr::parse);
            c.section("inner").string("x");
            c.sections("many", "x");
            c.sections("named", "x");
            c.sectionList("list");
            c.sectionList("things");
        })).contains("text:1: text: must be a text, not [1]",
                "text:2: port: must be 1 to 65535, not 70000",
                "text:3: half: must be a whole number, not 1.5",
                "text:4: word: must be a whole number, not x",
                "text:5: size: must be a size such as 25m, not huge",
                "text:6: wait: must be a length of time such as 30s or 5m, not 30",
                "text:7: long: must be 0s to 24h, not 72h",
                "text:8: flag: must be true or false, not maybe",
                "text:9: waits: must be a list of lengths of time such as [2m, 5m], not [2m, 30]",
                "text:10: names: must be a list of texts, not single",
                "text:11: nulls: must be a list of texts, not [null]",
                "text:12: lane: must be one of: transactional, default, bulk; not \"fast\"",
                "text:13: net: must be a block of addresses, not \"10.0.0.0/99\"",
                "text:14: nets: must be a block of addresses, not \"x\"",
                "text:15: inner: must be a section { ... }",
                "text:16: many: must be a section of named sections",
                "text:17: named.a: must be a section { ... }",
                "text:18: list: must be a list [ ... ]",
                "text:19: things[0]: must be a section { ... }")
                .anyMatch(p -> p.contains("absent: is missing; it must be a text"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1e400", "99999999999999999999", "-1", "9223372036854775807"})
    void integer_hugeNumbers_areProblems(String number) {
        assertThat(problems("n = " + number, c -> c.integer("n", 0, 9))).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"99999999999d", "9223372036854775807s", "-5m", "5 parsecs", "1e400s"})
    void duration_absurd_isAProblem(String text) {
        assertThat(problems("d = \"" + text + "\"",
                c -> c.duration("d", Duration.ZERO, Duration.ofDays(1)))).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"99999999999t", "99999999999999y", "-5m", "5 parsecs"})
    void bytes_absurd_isAProblem(String text) {
        assertThat(problems("b = \"" + text + "\"", c -> c.bytes("b", 0, 1000))).hasSize(1);
    }

    @Test
    void unknownKeys_areReportedWithTheNearest() {
        assertThat(problems("""
                inner {
                  max-conections = 3
                  xyzzy = 1
                }
                outer = 1
                """, c -> c.section("inner").has("max-connections")))
                .containsExactly(
                        "text:2: inner.max-conections: unknown key; did you mean max-connections?",
                        "text:3: inner.xyzzy: unknown key", "text:5: outer: unknown key");
    }

    @Test
    void build_refusedByTheRecord_isAProblemOfTheSection() {
        assertThat(problems("\ninner { a = 1 }", c -> {
            ConfigReader inner = c.section("inner");
            inner.integer("a", 0, 9);
            assertThat(inner.build(() -> {
                throw new IllegalArgumentException("a must be more than b");
            })).isEmpty();
        })).containsExactly("text:2: inner: a must be more than b");
    }

    @Test
    void problem_ofSectionInTwoPlacesOrOfNull_isInTheSectionsFirstPlace() {
        assertThat(problems("\ninner { a = 1 }\n\ninner { b = null }", c -> {
            ConfigReader inner = c.section("inner");
            inner.integer("a", 0, 9);
            inner.string("b");
            inner.problem("c", "is not there");
        })).containsExactlyInAnyOrder("text:2: inner.b: is missing; it must be a text",
                "text:2: inner.c: is not there");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a = {", "a = [1", "a = \"x", "= 3", "a = ${nowhere}", "a = ${a}",
            "include url(\"http://127.0.0.1:1/x\")", "include classpath(\"reference.conf\")",
            "include \"other.conf\"", "}", "a = 3 }"})
    void ofText_notHocon_isAConfigException(String text) {
        assertThat(problems(text, c -> {})).isNotEmpty().first().asString().startsWith("text");
    }

    @Test
    void ofText_syntaxError_namesItsLineOnce() {
        assertThat(problems("a = 1\nb = ]\n", c -> {})).singleElement().asString()
                .startsWith("text:2: ").doesNotContain("text: 2");
    }

    @Test
    void ofText_nestedWithoutEnd_isRefused() {
        assertThat(problems("a = " + "{a = ".repeat(20_000), c -> {})).singleElement().asString()
                .contains("nested deeper");
        assertThat(problems("a = " + "[".repeat(20_000), c -> {})).singleElement().asString()
                .contains("nested deeper");
        assertThat(problems("a" + ".a".repeat(50_000) + " = 1", c -> {})).isNotEmpty();
    }

    @Test
    void ofText_bracesInCommentsAndQuotes_doNotCount() {
        String many = "{[".repeat(100);
        assertThat(problems("# " + many + "\n// " + many + "\na = \"" + many + "\\\"" + many
                + "\"\nb = \"\"\"" + many + "\n" + many + "\"\"\"\n", c -> {
                    c.string("a");
                    c.string("b");
                })).isEmpty();
    }

    @Test
    void ofFile_included_isRelativeAndNamesItsOwnLines() throws IOException {
        Path sub = Files.createDirectory(folder.resolve("sub"));
        Path main = Files.writeString(folder.resolve("main.conf"),
                "a = 1\ninclude \"sub/one.conf\"\nbad = 1\n");
        Files.writeString(sub.resolve("one.conf"), "\nb = 1\ninclude \"two.conf\"\nbad1 = 1\n");
        Files.writeString(sub.resolve("two.conf"), "c = 1\nbad2 = 1\n");

        assertThat(fileProblems(main, "a", "b", "c")).containsExactly(
                "main.conf:3: bad: unknown key", "sub/one.conf:4: bad1: unknown key",
                "sub/two.conf:2: bad2: unknown key");
    }

    @Test
    void ofFile_includedMissing_isAProblemOfThatLine() throws IOException {
        Path main = Files.writeString(folder.resolve("main.conf"),
                "a = 1\n\ninclude \"absent.conf\"\n");
        assertThat(fileProblems(main, "a"))
                .containsExactly("main.conf:3: the included file absent.conf does not exist");
        Files.writeString(main, "include file(\"reference.conf\")");
        assertThat(fileProblems(main)).singleElement().asString().contains("does not exist");
        Files.writeString(main, "include required(\"absent\")");
        assertThat(fileProblems(main)).singleElement().asString().startsWith("main.conf:1: ");
    }

    @Test
    void ofFile_includesInACircle_isRefused() throws IOException {
        Path main = Files.writeString(folder.resolve("main.conf"), "include \"main.conf\"");
        assertThat(fileProblems(main)).singleElement().asString().contains("circle");
    }

    @Test
    void ofFile_includedHostile_isRefused() throws IOException {
        Path main = Files.writeString(folder.resolve("main.conf"), "include \"deep.conf\"");
        Files.writeString(folder.resolve("deep.conf"), "\na = " + "[".repeat(20_000));
        assertThat(fileProblems(main)).singleElement().asString()
                .startsWith("deep.conf:2: is nested deeper");
        Files.write(folder.resolve("deep.conf"), new byte[]{(byte) 0xff, (byte) 0xfe});
        assertThat(fileProblems(main)).singleElement().asString().contains("is not UTF-8");
    }

    @Test
    void ofFile_unreadable_isAProblem() throws IOException {
        assertThat(fileProblems(folder.resolve("absent.conf")))
                .containsExactly("absent.conf: does not exist");
        assertThat(fileProblems(folder)).singleElement().asString().contains("cannot be read");
        Path bad = Files.writeString(folder.resolve("bad.conf"), "a = 1\nb = ]\n");
        assertThat(fileProblems(bad)).singleElement().asString().startsWith("bad.conf:2: ");
    }

    @Test
    void show_value_tellsItsOrigin() {
        ConfigSource source = ConfigSource.ofText("a = 1\nb = 2");
        assertThat(source.show()).contains("# text: 2").contains("b=2");
    }

    @Test
    void editDistance_words_isCounted() {
        assertThat(EditDistance.between("kitten", "sitting")).isEqualTo(3);
        assertThat(EditDistance.between("", "abc")).isEqualTo(3);
        assertThat(EditDistance.between("same", "same")).isZero();
    }
}
