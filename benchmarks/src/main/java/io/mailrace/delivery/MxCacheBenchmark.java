// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.daemon.DnsResponder;
import java.net.InetAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The hosts of a domain that was asked for lately, among a thousand. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class MxCacheBenchmark {
    private static final int DOMAINS = 1000;

    private final Destination[] destinations = new Destination[DOMAINS];
    private @Nullable DnsResponder dns;
    private @Nullable MxResolver resolver;
    private int next;

    @Setup
    public void setUp() {
        DnsResponder responder = DnsResponder.start(InetAddress.getLoopbackAddress());
        dns = responder;
        var source = ConfigSource.ofText("dns { servers = [\"127.0.0.1:"
                + responder.address().getPort() + "\"] }\ndelivery { mta-sts { enabled = false },"
                + " allow-destinations = [\"127.0.0.0/8\"] }");
        var made = new MxResolver(DeliveryConfig.from(source.root(), "mta.test"),
                TimeSource.system(), new Metrics());
        resolver = made;
        for (int i = 0; i < DOMAINS; i++) {
            responder.mx("d" + i + ".test", 10, "mx" + i + ".test");
            responder.address("mx" + i + ".test", "127.0.9." + i % 250);
            destinations[i] = Destination.parse("d" + i + ".test");
            made.resolve(destinations[i]).join();
        }
    }

    @TearDown
    public void tearDown() {
        if (dns != null) {
            dns.close();
        }
    }

    @Benchmark
    public Object resolve() {
        MxResolver known = resolver;
        if (known == null) {
            throw new IllegalStateException("not set up");
        }
        next = (next + 1) % DOMAINS;
        return known.resolve(destinations[next]).join();
    }
}
