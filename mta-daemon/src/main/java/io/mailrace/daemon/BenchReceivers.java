// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The receivers of a measurement: {@link BenchOptions#DOMAINS} domains on as many loopback
 * addresses that share one port, and the DNS that leads there. Any thread.
 */
final class BenchReceivers implements AutoCloseable {
    private static final String NET = "127.0.79.";
    private static final int MAX_TRIES = 20;
    /** Nobody listens there. */
    private static final int DEAD = 200;

    private final DnsResponder dns = DnsResponder.start(InetAddress.getLoopbackAddress());
    private final SimulatedProvider provider;
    private int port;

    private BenchReceivers(SimulatedProvider provider) {
        this.provider = provider;
    }

    /** Listening when this returns. The loops stay the caller's. */
    static BenchReceivers start(BenchOptions options, SimulatedInbox inbox, EventLoopGroup loops)
            throws IOException, InterruptedException {
        var behaviour = new SimulatedBehaviour() {
            @Override
            public List<String> extensions() {
                List<String> all = SimulatedBehaviour.super.extensions();
                return options.chunking()
                        ? all
                        : all.stream().filter(word -> !word.equals("CHUNKING")).toList();
            }

            @Override
            public Duration roundTrip() {
                return options.roundTrip();
            }

            @Override
            public Duration endDelay() {
                return options.replyDelay();
            }
        };
        var receivers = new BenchReceivers(new SimulatedProvider(loops, "sink.test", behaviour,
                options.tlsOut()
                        ? Optional.of(SimulatedCertificate.serverContext("sink.test"))
                        : Optional.empty(),
                inbox));
        try {
            receivers.port = receivers.provider.listenOnCommonPort(NET, BenchOptions.DOMAINS,
                    MAX_TRIES);
        } catch (IOException | InterruptedException | RuntimeException failed) {
            receivers.close();
            throw failed;
        }
        for (int i = 1; i <= BenchOptions.DOMAINS; i++) {
            receivers.dns.address("mx" + i + ".sink.test", NET + i);
            receivers.dns.mx("d" + i + ".test", 10, "mx" + i + ".sink.test");
        }
        receivers.dns.address("mx.dead.test", NET + DEAD);
        receivers.dns.mx(BenchMessage.DEAD_DOMAIN, 10, "mx.dead.test");
        // reports of failure come back here, and count as what nobody sent
        receivers.dns.mx(BenchMessage.DOMAIN, 10, "mx1.sink.test");
        return receivers;
    }

    int port() {
        return port;
    }

    int dnsPort() {
        return dns.address().getPort();
    }

    @Override
    public void close() {
        provider.close();
        dns.close();
    }
}
