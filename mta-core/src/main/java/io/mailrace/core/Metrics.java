// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;

/**
 * The counters and gauges of one daemon, by name. Modules add to them; the daemon shows them on
 * {@code /metrics}. Any thread. Names are {@code module_noun_unit}; a label set is part of a
 * counter's identity, so its values must be few (a stage, a reason, never an address or a domain).
 */
public final class Metrics {
    /** Identity of a meter. */
    public record Name(String name, Map<String, String> labels) implements Comparable<Name> {
        public Name {
            labels = Map.copyOf(labels);
        }

        @Override
        public int compareTo(Name other) {
            return toString().compareTo(other.toString());
        }

        @Override
        public String toString() {
            return name + new TreeMap<>(labels);
        }
    }

    private record Gauge(String help, LongSupplier value) {}

    private record Counter(String help, LongAdder value) {}

    private final Map<Name, Counter> counters = new ConcurrentSkipListMap<>();
    private final Map<Name, Gauge> gauges = new ConcurrentSkipListMap<>();

    /** The counter of that name, made on first use. Keep it: the look-up is not free. */
    public LongAdder counter(String name, String help) {
        return counter(name, help, Map.of());
    }

    /** The counter of that name and label set, made on first use. */
    public LongAdder counter(String name, String help, Map<String, String> labels) {
        return counters.computeIfAbsent(new Name(name, labels),
                n -> new Counter(help, new LongAdder())).value();
    }

    /** A value read when somebody looks. Must not block. A second one of the name replaces it. */
    public void gauge(String name, String help, LongSupplier value) {
        gauge(name, help, Map.of(), value);
    }

    /** A value of that name and label set, as above. */
    public void gauge(String name, String help, Map<String, String> labels, LongSupplier value) {
        gauges.put(new Name(name, labels), new Gauge(help, value));
    }

    /** What a reader of metrics is given for each counter: identity, help, value. */
    public interface Visitor {
        void meter(Name name, String help, LongSupplier value);
    }

    public void eachCounter(Visitor visitor) {
        counters.forEach((name, c) -> visitor.meter(name, c.help(), c.value()::sum));
    }

    public void eachGauge(Visitor visitor) {
        gauges.forEach((name, g) -> visitor.meter(name, g.help(), g.value()));
    }

    /** All values by their identity's text, for tests and the demo. */
    public Map<String, Long> snapshot() {
        Map<String, Long> all = new TreeMap<>();
        BiConsumer<Name, Long> add = (name, value) -> all.put(
                name.labels().isEmpty() ? name.name() : name.toString(), value);
        eachCounter((name, help, value) -> add.accept(name, value.getAsLong()));
        eachGauge((name, help, value) -> add.accept(name, value.getAsLong()));
        return all;
    }
}
