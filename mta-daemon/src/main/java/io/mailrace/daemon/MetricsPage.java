// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Metrics;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.netty4.NettyAllocatorMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The page Prometheus reads: the modules' counters and gauges, and those of the JVM. Modules add
 * meters as they go; each look takes in the new ones. Thread-safe.
 */
final class MetricsPage implements AutoCloseable {
    static final String TYPE = "text/plain; version=0.0.4; charset=utf-8";
    private static final Logger LOG = LoggerFactory.getLogger(MetricsPage.class);

    private final Metrics metrics;
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(
            PrometheusConfig.DEFAULT);
    private final Set<Metrics.Name> known = new HashSet<>();
    /** The registry holds what its counters read weakly; somebody must hold it. */
    private final List<LongSupplier> held = new ArrayList<>();
    private final JvmGcMetrics collector = new JvmGcMetrics();

    MetricsPage(Metrics metrics) {
        this.metrics = metrics;
        new JvmMemoryMetrics().bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        new FileDescriptorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        collector.bindTo(registry);
        if (ByteBufAllocator.DEFAULT instanceof ByteBufAllocatorMetricProvider provider) {
            new NettyAllocatorMetrics(provider).bindTo(registry);
        }
    }

    synchronized String render() {
        metrics.eachCounter((name, help, value) -> add(name, help, value, true));
        metrics.eachGauge((name, help, value) -> add(name, help, value, false));
        return registry.scrape(TYPE);
    }

    private void add(Metrics.Name name, String help, LongSupplier value, boolean counter) {
        if (!known.add(name)) {
            return;
        }
        List<Tag> tags = name.labels().entrySet().stream()
                .map(label -> Tag.of(label.getKey(), label.getValue())).toList();
        try {
            if (counter) {
                held.add(value);
                FunctionCounter.builder(name.name(), value, LongSupplier::getAsLong)
                        .description(help).tags(tags).register(registry);
            } else {
                Gauge.builder(name.name(), value, LongSupplier::getAsLong).description(help)
                        .tags(tags).strongReference(true).register(registry);
            }
        } catch (IllegalArgumentException refused) {
            LOG.error("metric cannot be shown name={}", name, refused);
        }
    }

    @Override
    public synchronized void close() {
        collector.close();
        registry.close();
    }
}
