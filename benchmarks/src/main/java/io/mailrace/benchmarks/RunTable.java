// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.benchmarks.RunRecord.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A run as a table in Markdown, beside an earlier one. */
final class RunTable {
    /** Below this, two runs are the same. */
    private static final double NOISE = 0.05;

    private RunTable() {}

    /** @param before the run to compare with; empty: none is there */
    static String of(RunRecord run, Optional<RunRecord> before) {
        var text = new ArrayList<String>();
        text.add("# Benchmarks " + run.facts().getOrDefault("date", ""));
        text.add("");
        run.facts().forEach((name, value) -> text.add("- " + name + ": " + value));
        before.ifPresent(old -> text.add("- compared with: " + old.facts().getOrDefault("date", "?")
                + ", commit " + old.facts().getOrDefault("commit", "?")
                + (sameMachine(run, old) ? "" : ", **another machine**")));
        text.add("");
        text.add("B/op: allocated in the benchmark's own process. Change: to the run compared"
                + " with; `~` is within " + Math.round(100 * NOISE) + " % or the error.");
        text.add("");
        text.add("| benchmark | parameters | result | ± | unit | B/op | change |");
        text.add("|---|---|---:|---:|---|---:|---:|");
        for (Row row : run.rows()) {
            text.add("| " + row.benchmark() + " | " + row.paramText() + " | "
                    + number(row.score()) + " | " + number(row.error()) + " | " + row.unit()
                    + " | " + number(row.bytesPerOp()) + " | "
                    + before.flatMap(old -> old.like(row)).map(old -> change(row, old))
                            .orElse("new")
                    + " |");
        }
        List<Row> gone = before.map(RunRecord::rows).orElse(List.of()).stream()
                .filter(row -> run.like(row).isEmpty()).toList();
        gone.forEach(row -> text.add("| " + row.benchmark() + " | " + row.paramText()
                + " | | | | | gone |"));
        return String.join("\n", text) + "\n";
    }

    private static boolean sameMachine(RunRecord one, RunRecord other) {
        return one.facts().getOrDefault("machine", "").equals(
                other.facts().getOrDefault("machine", ""));
    }

    /** More is better in every unit we use (operations in some time). */
    static String change(Row now, Row before) {
        if (before.score() <= 0 || !now.unit().equals(before.unit())) {
            return "?";
        }
        double change = now.score() / before.score() - 1;
        double error = Double.isNaN(now.error()) ? 0 : now.error() / Math.max(1e-9, now.score());
        return Math.abs(change) <= Math.max(NOISE, error)
                ? "~"
                : String.format(Locale.ROOT, "%+.0f %%", 100 * change);
    }

    static String number(double value) {
        return Double.isNaN(value)
                ? ""
                : value < 100
                        ? String.format(Locale.ROOT, "%.1f", value)
                        : String.format(Locale.ROOT, "%,.0f", value);
    }
}
