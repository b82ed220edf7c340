// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Makes every fault of the table happen to a real daemon with real clients and receivers, and
 * prints what came of it. In each row every acknowledged message must arrive, or its loss must be
 * told where the disk destroyed it. Exit code 0 only if every row holds.
 */
@Command(name = "faults", mixinStandardHelpOptions = true, description = FaultProgram.DESCRIPTION)
public final class FaultProgram implements Callable<Integer> {
    static final String DESCRIPTION = "Makes faults happen and accounts for the mail.";

    /** Makes the fault happen in a lab that is ready. */
    interface Body {
        /** A text when it cannot be made here, else empty. */
        String run(FaultLab lab) throws IOException, InterruptedException;
    }

    /**
     * One fault.
     *
     * @param faultyDisk needs {@link FaultDisk}
     * @param configuration further lines for the daemon
     */
    record Row(String name, String fault, String how, boolean faultyDisk, String configuration,
            Body body) {}

    /** What came of a row. */
    record Result(Row row, FaultLab.Verdict verdict, String skipped) {
        boolean holds() {
            return verdict.problems().isEmpty();
        }

        String line() {
            String outcome = !skipped.isEmpty()
                    ? "skipped: " + skipped
                    : holds() ? "holds" : "**FAILED**: " + String.join("; ", verdict.problems());
            return "| " + String.join(" | ", cell(row.fault() + " (`" + row.name() + "`)"),
                    cell(row.how()), cell(verdict.saw()), cell(verdict.mail()),
                    cell(verdict.recovery()), cell(outcome)) + " |";
        }

        private static String cell(String text) {
            return text.replace("|", "\\|").replace("\n", " ");
        }
    }

    @Option(names = "--only", description = "Names of rows; --list shows them.", arity = "1..*")
    private List<String> only = List.of();
    @Option(names = "--list", description = "Shows the names of the rows.")
    private boolean list;
    @Option(names = "--keep", description = "Keeps the folders with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new FaultProgram()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (list) {
            rows().forEach(row -> System.out.println(row.name() + ": " + row.fault()));
            return 0;
        }
        return run(only, keep, System.out).stream().allMatch(Result::holds) ? 0 : 1;
    }

    static List<Row> rows() {
        List<Row> rows = new ArrayList<>(ProcessRows.rows());
        rows.addAll(DiskRows.rows());
        rows.addAll(DamageRows.rows());
        return rows;
    }

    /** Runs the rows named, or all when none is. */
    static List<Result> run(List<String> names, boolean keep, PrintStream out)
            throws IOException, InterruptedException {
        List<Row> chosen = rows().stream()
                .filter(r -> names.isEmpty() || names.contains(r.name())).toList();
        for (String name : names) {
            if (chosen.stream().noneMatch(r -> r.name().equals(name))) {
                throw new IOException("no such row: " + name + " (--list shows them)");
            }
        }
        out.println("| fault | how it was made | what clients saw | acknowledged mail | how it"
                + " recovered | |\n|---|---|---|---|---|---|");
        List<Result> results = new ArrayList<>();
        for (Row row : chosen) {
            Result result = run(row, keep, out);
            results.add(result);
            out.println(result.line());
            out.flush();
        }
        return results;
    }

    private static Result run(Row row, boolean keep, PrintStream out)
            throws IOException, InterruptedException {
        var nothing = new FaultLab.Verdict("", "", "", List.of());
        if (row.faultyDisk() && FaultDisk.compiler().isEmpty()) {
            return new Result(row, nothing, FaultDisk.NO_COMPILER);
        }
        try (var lab = FaultLab.start(row.faultyDisk(), keep, row.configuration())) {
            if (keep) {
                out.println("<!-- " + row.name() + ": " + lab.folder() + " -->");
            }
            try {
                String skipped = row.body().run(lab);
                return skipped.isEmpty()
                        ? new Result(row, lab.finish(), "")
                        : new Result(row, nothing, skipped);
            } catch (IOException failed) {
                lab.check(false, String.valueOf(failed.getMessage()));
                return new Result(row, lab.finish(), "");
            }
        }
    }
}
