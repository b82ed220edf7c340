// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Prints the capacity of machines by {@link CapacityModel}; with {@code --check} holds the model
 * against this machine, and fails when they differ: {@link CapacityCheck}.
 */
@Command(name = "benchmarks/capacity", mixinStandardHelpOptions = true)
public final class Capacity implements Callable<Integer> {
    private static final String USUAL_PLACE = "${sys:mailrace.root:-.}/benchmarks/capacity.conf";

    @Option(names = "--file", paramLabel = "FILE", defaultValue = USUAL_PLACE)
    private Path file = Path.of("");

    @Option(names = "--check", description = "Measure here what can be measured.")
    private boolean check;

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "10")
    private int seconds;

    @Option(names = "--warm-up", paramLabel = "SECONDS", defaultValue = "20")
    private int warmUp;

    @Option(names = "--sessions", paramLabel = "N", defaultValue = "100")
    private int sessions;

    @Option(names = "--tolerance", paramLabel = "PART", defaultValue = "0.3", description = {
            "How far a measurement may be from the model (default: ${DEFAULT-VALUE})."})
    private double tolerance;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Capacity()).execute(args));
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        CapacityModel model = CapacityModel.read(file);
        System.out.println("Measured: " + model.costs().where());
        System.out.println();
        System.out.println(model.table());
        for (CapacityModel.Machine machine : model.machines()) {
            System.out.println(machine.name() + ", signed");
            System.out.println(model.shown(machine, true).indent(2));
        }
        return !check || new CapacityCheck(model, new CapacityCheck.Plan(warmUp, seconds, sessions,
                tolerance)).run() ? 0 : 1;
    }
}
