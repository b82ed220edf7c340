// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.DnsResponder;
import io.mailrace.daemon.SimulatedBehaviour;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Optional;

/**
 * A {@link LoadSink} on several loopback addresses with one port, and a DNS server whose MX records
 * lead there: d1.test to the first address, d2.test to the second, and so on.
 */
public final class SinkNetwork implements AutoCloseable {
    private static final String NET = "127.0.78.";

    private final DnsResponder dns = DnsResponder.start(InetAddress.getLoopbackAddress());
    private final LoadSink sink;
    private final int domains;
    private int port;

    private SinkNetwork(int domains, SimulatedBehaviour behaviour) {
        this.domains = domains;
        sink = new LoadSink(behaviour, Optional.empty());
    }

    /** Listening when this returns; at most 250 domains. */
    public static SinkNetwork start(int domains) throws IOException, InterruptedException {
        return start(domains, SimulatedBehaviour.PLAIN);
    }

    /** As {@link #start(int)}, with receivers that behave as told. */
    public static SinkNetwork start(int domains, SimulatedBehaviour behaviour)
            throws IOException, InterruptedException {
        var network = new SinkNetwork(domains, behaviour);
        network.port = freePort();
        for (int i = 1; i <= domains; i++) {
            network.sink.listen(new InetSocketAddress(NET + i, network.port));
            network.dns.mx("d" + i + ".test", 10, "mx" + i + ".sink.test")
                    .address("mx" + i + ".sink.test", NET + i);
        }
        // reports of failure come back here
        network.dns.mx("load.test", 10, "mx1.sink.test");
        return network;
    }

    /** A port nobody uses now; it stays free unless somebody is given it meanwhile. */
    static int freePort() throws IOException {
        try (ServerSocket any = new ServerSocket(0)) {
            return any.getLocalPort();
        }
    }

    public LoadSink sink() {
        return sink;
    }

    public int domains() {
        return domains;
    }

    public int port() {
        return port;
    }

    public int dnsPort() {
        return dns.address().getPort();
    }

    @Override
    public void close() {
        sink.close();
        dns.close();
    }
}
