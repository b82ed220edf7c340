// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.ConfigSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * How many messages a machine can do, from what one costs: the least of what CPU, syncs, disk and
 * network allow. All inputs stand in one file. Immutable.
 */
record CapacityModel(Costs costs, Assumptions assumptions, List<Machine> machines) {
    private static final double MICROS = 1e6;
    private static final int HOUR = 3600;
    /** Received, and sent once. Each byte crosses the network card twice, once each way. */
    private static final double SMTP_OVERHEAD = 1.1;

    /** How a processor computes RSA: eight at once by one of two codes, or one by one. */
    enum Rsa {
        IFMA, FMA, PLAIN
    }

    /** What a message costs on one core of the reference machine. */
    record Costs(String where, double messageMicros, double dkimRestMicros, double rsaIfmaMicros,
            double rsaFmaMicros, double rsaPlainMicros, double size, double written, int batch) {

        double micros(boolean signed, Rsa rsa) {
            if (!signed) {
                return messageMicros;
            }
            return messageMicros + dkimRestMicros + switch (rsa) {
                case IFMA -> rsaIfmaMicros;
                case FMA -> rsaFmaMicros;
                case PLAIN -> rsaPlainMicros;
            };
        }
    }

    /** What is taken for granted. */
    record Assumptions(double use, double hyperThreading, int sessions) {}

    /**
     * A machine.
     *
     * @param speed of one core, the reference machine being 1
     * @param steady which part of its CPU it has for long
     */
    record Machine(String name, int vcpus, int threadsPerCore, Rsa rsa, double speed,
            double syncMillis, double diskMbyte, double networkMbit, double steady) {

        /** Cores of the reference machine that it is worth. */
        double cores(Assumptions assumptions) {
            double cores = (double) vcpus / threadsPerCore;
            return cores * (threadsPerCore > 1 ? assumptions.hyperThreading() : 1) * speed;
        }
    }

    /** Which bound is the least. */
    enum Bound {
        CPU, SYNC, DISK, NETWORK
    }

    /** Messages a second that each bound allows. */
    record Capacity(double cpu, double sync, double disk, double network) {
        double perSecond() {
            return Math.min(Math.min(cpu, sync), Math.min(disk, network));
        }

        double perHour() {
            return perSecond() * HOUR;
        }

        /** With that part of the CPU, when there are no more credits. */
        Capacity steady(double part) {
            return new Capacity(cpu * part, sync, disk, network);
        }

        Bound bound() {
            double least = perSecond();
            return cpu == least ? Bound.CPU
                    : sync == least ? Bound.SYNC : disk == least ? Bound.DISK : Bound.NETWORK;
        }
    }

    CapacityModel {
        machines = List.copyOf(machines);
    }

    static CapacityModel read(Path file) {
        ConfigReader root = ConfigSource.ofFile(file).root();
        ConfigReader measured = root.section("measured");
        var costs = new Costs(measured.string("where"), number(measured, "message-micros"),
                number(measured, "dkim-rest-micros"), number(measured, "rsa-ifma-micros"),
                number(measured, "rsa-fma-micros"), number(measured, "rsa-plain-micros"),
                number(measured, "size"), number(measured, "written"),
                (int) number(measured, "batch"));
        ConfigReader assumed = root.section("assumed");
        var assumptions = new Assumptions(number(assumed, "use"),
                number(assumed, "hyper-threading"), (int) number(assumed, "sessions"));
        var machines = new ArrayList<Machine>();
        ConfigReader all = root.section("machines");
        for (String name : all.keys()) {
            ConfigReader one = all.section(name);
            machines.add(new Machine(name, (int) number(one, "vcpus"),
                    (int) number(one, "threads-per-core"), one.choice("rsa", Rsa.class),
                    number(one, "speed"), number(one, "sync-millis"), number(one, "disk-mbyte"),
                    number(one, "network-mbit"), number(one, "steady")));
        }
        machines.sort(Comparator.comparingDouble((Machine m) -> m.cores(assumptions))
                .thenComparingDouble(Machine::diskMbyte));
        return new CapacityModel(costs, assumptions, machines);
    }

    private static double number(ConfigReader reader, String key) {
        double value = Double.parseDouble(reader.string(key));
        if (!(value > 0)) {
            throw new IllegalArgumentException(key + " must be greater than 0");
        }
        return value;
    }

    /** What the machine does with so many cores of the reference machine's kind. */
    Capacity of(Machine machine, boolean signed) {
        double cpu = machine.cores(assumptions) * assumptions.use() * MICROS
                / costs.micros(signed, machine.rsa());
        return new Capacity(cpu, syncBound(machine.syncMillis(), assumptions.sessions()),
                machine.diskMbyte() * 1e6 / costs.written(),
                machine.networkMbit() * 1e6 / 8 / (costs.size() * SMTP_OVERHEAD));
    }

    /**
     * Messages a second that get their 250 when a sync takes that long: those that wait share one,
     * and a client's next message comes when the sync after its last one has begun: so it waits for
     * the rest of that and for its own.
     */
    double syncBound(double syncMillis, int sessions) {
        double inBatches = costs.batch() * 1000 / syncMillis;
        double byClients = sessions * 1000 / (2 * syncMillis);
        return Math.min(inBatches, byClients);
    }

    /** The arithmetic of a machine, as text. */
    String shown(Machine machine, boolean signed) {
        Capacity capacity = of(machine, signed);
        return String.format(Locale.ROOT,
                """
                        cores    %d vCPU / %d%s x speed %.2f = %.2f
                        CPU      %.2f x %.2f x 1,000,000 us / %.0f us = %,.0f/s
                        sync     %d x 1000 / %.1f ms or %d x 1000 / (2 x %.1f ms) = %,.0f/s
                        disk     %.0f MB/s / %,.0f octets written = %,.0f/s
                        network  %.0f Mbit/s / 8 / (%,.0f octets x %.1f) = %,.0f/s
                        least    %s: %,.0f/s = %,.0f messages per hour
                        """,
                machine.vcpus(), machine.threadsPerCore(),
                machine.threadsPerCore() > 1
                        ? String.format(Locale.ROOT, " x %.2f", assumptions.hyperThreading())
                        : "",
                machine.speed(), machine.cores(assumptions), machine.cores(assumptions),
                assumptions.use(), costs.micros(signed, machine.rsa()), capacity.cpu(),
                costs.batch(), machine.syncMillis(), assumptions.sessions(),
                machine.syncMillis(), capacity.sync(), machine.diskMbyte(), costs.written(),
                capacity.disk(), machine.networkMbit(), costs.size(), SMTP_OVERHEAD,
                capacity.network(), capacity.bound(), capacity.perSecond(), capacity.perHour());
    }

    /** All machines in a table of Markdown; rates in millions of messages per hour. */
    String table() {
        var text = new ArrayList<String>();
        text.add("| machine | vCPU | signed, M/hour | held by | for days | unsigned, M/hour"
                + " | held by | for days |");
        text.add("|---|---:|---:|---|---:|---:|---|---:|");
        for (Machine machine : machines) {
            Capacity signed = of(machine, true);
            Capacity plain = of(machine, false);
            text.add(String.format(Locale.ROOT,
                    "| %s | %d | %.1f | %s | %.1f | %.1f | %s | %.1f |", machine.name(),
                    machine.vcpus(), signed.perHour() / 1e6, signed.bound(),
                    signed.steady(machine.steady()).perHour() / 1e6, plain.perHour() / 1e6,
                    plain.bound(), plain.steady(machine.steady()).perHour() / 1e6));
        }
        return String.join("\n", text) + "\n";
    }
}
