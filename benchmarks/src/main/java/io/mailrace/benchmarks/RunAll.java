// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * All benchmarks in one run: every hot class, then messages per hour in one row for each question
 * instead of all combinations. Writes JSON, a table and a chart named by the date to
 * {@code benchmarks/results}, beside the last run there that is committed.
 */
@Command(name = "benchmarks/run all", mixinStandardHelpOptions = true)
public final class RunAll implements Callable<Integer> {
    private static final String USUAL_PLACE = "${sys:mailrace.root:-.}/benchmarks/results";
    private static final String WHOLE = "MessagesPerHourBenchmark";
    private static final DateTimeFormatter NAME = DateTimeFormatter
            .ofPattern("yyyy-MM-dd-HHmm", Locale.ROOT).withZone(ZoneOffset.UTC);
    private static final long GIT_SECONDS = 10;

    /** What a row of messages per hour is like unless it says otherwise. */
    private static final Map<String, List<String>> USUAL = Map.of("size", List.of("10240"),
            "recipients", List.of("1"), "tls", List.of("none"), "dkim", List.of("false"),
            "durability", List.of("sync"), "sessions", List.of("100"), "chunking",
            List.of("false"), "events", List.of("off"));
    private static final List<Map<String, List<String>>> QUESTIONS = List.of(
            Map.of("size", List.of("2048", "10240", "30720", "102400")),
            Map.of("recipients", List.of("10")), Map.of("tls", List.of("in", "out", "both")),
            Map.of("dkim", List.of("true"), "tls", List.of("none", "both")),
            Map.of("durability", List.of("async")), Map.of("sessions", List.of("1", "20", "500")),
            Map.of("chunking", List.of("true")), Map.of("events", List.of("on")));
    private static final List<Map<String, List<String>>> QUICK_QUESTIONS = List.of(Map.of(),
            Map.of("dkim", List.of("true")));
    private static final Map<String, String> QUICK_PARTS = Map.of("bytes", "10240", "bodyBytes",
            "10240", "engine", "streaming", "key", "RSA-2048", "writers", "100", "dots", "false");

    @Option(names = "--quick", description = "A few minutes: shorter, fewer parameters.")
    private boolean quick;

    @Option(names = "--only", paramLabel = "REGEX", defaultValue = "", description = {
            "Only benchmarks whose name has it."})
    private String only = "";

    @Option(names = "--results", paramLabel = "DIR", defaultValue = USUAL_PLACE)
    private Path results = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new RunAll()).execute(args));
    }

    @Override
    public Integer call() throws RunnerException, IOException, InterruptedException {
        var rows = new ArrayList<RunRecord.Row>();
        if (!WHOLE.matches(".*" + only + ".*") || only.isEmpty()) {
            rows.addAll(rows(new Runner(parts().build()).run()));
        }
        if (WHOLE.matches(".*" + only + ".*")) {
            for (var question : quick ? QUICK_QUESTIONS : QUESTIONS) {
                rows.addAll(rows(new Runner(whole(question).build()).run()));
            }
        }
        Files.createDirectories(results);
        RunRecord run = new RunRecord(facts(), rows);
        Optional<RunRecord> before = lastCommitted(results, quick ? "quick" : "full");
        write(run, before);
        return rows.isEmpty() ? 1 : 0;
    }

    private ChainedOptionsBuilder parts() {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("io\\.mailrace\\..*" + only + ".*").exclude(WHOLE)
                .addProfiler(GCProfiler.class).shouldFailOnError(true);
        if (quick) {
            QUICK_PARTS.forEach((name, value) -> options.param(name, value));
            options.warmupIterations(1).warmupTime(TimeValue.milliseconds(500))
                    .measurementIterations(2).measurementTime(TimeValue.milliseconds(500));
        }
        return options;
    }

    private ChainedOptionsBuilder whole(Map<String, List<String>> question) {
        ChainedOptionsBuilder options = new OptionsBuilder().include(WHOLE)
                .shouldFailOnError(true);
        var params = new TreeMap<>(USUAL);
        params.putAll(question);
        params.forEach((name, values) -> options.param(name, values.toArray(String[]::new)));
        if (quick) {
            options.warmupIterations(4).measurementIterations(3);
        }
        return options;
    }

    private static List<RunRecord.Row> rows(Collection<RunResult> all) {
        return all.stream().map(RunAll::row).toList();
    }

    @SuppressWarnings("rawtypes") // as JMH has them
    private static RunRecord.Row row(RunResult result) {
        String name = result.getParams().getBenchmark();
        String method = name.substring(name.lastIndexOf('.') + 1);
        String type = name.substring(name.lastIndexOf('.', name.length() - method.length() - 2) + 1,
                name.length() - method.length() - 1).replace("Benchmark", "");
        var params = new TreeMap<String, String>();
        result.getParams().getParamsKeys().forEach(key -> params.put(key,
                result.getParams().getParam(key)));
        Result<?> primary = result.getPrimaryResult();
        double bytes = result.getSecondaryResults().entrySet().stream()
                .filter(entry -> entry.getKey().endsWith("gc.alloc.rate.norm"))
                .mapToDouble(entry -> entry.getValue().getScore()).findFirst().orElse(Double.NaN);
        return new RunRecord.Row(type + "." + method, params, primary.getScore(),
                primary.getScoreError(), primary.getScoreUnit(), bytes);
    }

    private Map<String, String> facts() throws IOException, InterruptedException {
        var facts = new LinkedHashMap<String, String>();
        facts.put("date", Instant.ofEpochMilli(TimeSource.system().epochMillis())
                .truncatedTo(ChronoUnit.SECONDS).toString());
        facts.put("mode", quick ? "quick" : "full");
        facts.put("commit", git("rev-parse", "--short", "HEAD").strip()
                + (git("status", "--porcelain", "--untracked-files=no").isBlank()
                        ? ""
                        : " and changes"));
        facts.put("machine", machine());
        facts.put("java", Runtime.version().toString());
        return facts;
    }

    private static String machine() throws IOException {
        int cores = Runtime.getRuntime().availableProcessors();
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name")).findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip()).orElse("?") + ", "
                    + cores + " cores";
        } catch (NoSuchFileException notLinux) {
            return cores + " cores";
        }
    }

    /** The newest of the files in the folder that are committed and of that mode. */
    private static Optional<RunRecord> lastCommitted(Path folder, String mode)
            throws IOException, InterruptedException {
        List<String> names = git("ls-files", folder.toAbsolutePath().toString()).lines()
                .filter(name -> name.endsWith(".json")).sorted().toList().reversed();
        for (String name : names) {
            Path file = folder.resolve(Path.of(name).getFileName());
            if (Files.exists(file)) {
                RunRecord run = RunRecord.read(Files.readAllBytes(file));
                if (run.facts().getOrDefault("mode", "").equals(mode)) {
                    return Optional.of(run);
                }
            }
        }
        return Optional.empty();
    }

    /** What git says; empty without git or repository. */
    private static String git(String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("git"));
        command.addAll(List.of(arguments));
        try {
            Process asking = new ProcessBuilder(command)
                    .directory(Path.of(System.getProperty("mailrace.root", ".")).toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD).start();
            String said = new String(asking.getInputStream().readAllBytes(),
                    StandardCharsets.UTF_8);
            return asking.waitFor(GIT_SECONDS, TimeUnit.SECONDS) && asking.exitValue() == 0
                    ? said
                    : "";
        } catch (IOException noGit) {
            return "";
        }
    }

    private void write(RunRecord run, Optional<RunRecord> before) throws IOException {
        String name = NAME.format(Instant.parse(run.facts().getOrDefault("date", "")))
                + (quick ? "-quick" : "");
        Files.write(results.resolve(name + ".json"), run.json());
        String table = RunTable.of(run, before);
        Files.writeString(results.resolve(name + ".md"), table);
        List<RunRecord.Row> whole = run.of("MessagesPerHour.messages");
        if (!whole.isEmpty()) {
            Files.writeString(results.resolve(name + ".svg"), RunChart.of("Messages per hour",
                    run.facts().getOrDefault("machine", "") + ", clients and receivers on the"
                            + " same cores, " + run.facts().getOrDefault("date", ""),
                    whole, before));
        }
        System.out.println(table);
        System.out.println("written: " + results.resolve(name) + ".json, .md and .svg");
    }
}
