// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Metrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The alert rules and the dashboard of the package name metrics that exist. */
class MonitoringFilesTest {
    /** A name followed by its labels, a range, an operator or the end of what it is given to. */
    private static final Pattern METRIC = Pattern.compile(
            "\\b((?:smtp|queue|spool|delivery|eventlog|warmup|jvm|process)_[a-z_]+)\\b");
    /** The collector's are there once it has run. */
    private static final String AFTER_A_PAUSE = "jvm_gc_pause_seconds_sum";

    @Test
    void rules_nameMetricsThatExist() throws IOException {
        assertThat(named("mailrace.rules.yml")).hasSizeGreaterThan(10).isSubsetOf(existing());
    }

    @Test
    void dashboard_namesMetricsThatExist() throws IOException {
        assertThat(named("mailrace-dashboard.json")).hasSizeGreaterThan(25)
                .isSubsetOf(existing());
    }

    private static Set<String> named(String file) throws IOException {
        return metrics(Files.readString(root().resolve("packaging/monitoring").resolve(file)));
    }

    /** Ours by the literals in the code that makes them, the runtime's by the page itself. */
    private static Set<String> existing() throws IOException {
        Set<String> names = new TreeSet<>(Set.of(AFTER_A_PAUSE));
        try (MetricsPage page = new MetricsPage(new Metrics())) {
            names.addAll(metrics(page.render()));
        }
        try (Stream<Path> files = Files.walk(root())) {
            for (Path file : files.filter(f -> f.toString().endsWith(".java")
                    && f.toString().contains("/src/main/")).toList()) {
                Matcher literal = Pattern.compile("\"([a-z_]+)\"")
                        .matcher(Files.readString(file));
                while (literal.find()) {
                    names.add(literal.group(1));
                }
            }
        }
        return names;
    }

    private static Set<String> metrics(String text) {
        Set<String> names = new TreeSet<>();
        Matcher metric = METRIC.matcher(text);
        while (metric.find()) {
            names.add(metric.group(1));
        }
        return names;
    }

    private static Path root() {
        Path folder = Path.of(System.getProperty("mailrace.root", "")).toAbsolutePath();
        while (!Files.exists(folder.resolve("build/eclipse-formatter.xml"))) {
            folder = folder.resolve("..").normalize();
        }
        return folder;
    }
}
