// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.DnsResponder;
import io.mailrace.daemon.SimulatedBehaviour;
import java.io.IOException;
import java.net.InetAddress;
import java.util.Optional;

/**
 * A {@link LoadSink} on several loopback addresses with one port, and a DNS server whose MX records
 * lead there: d1.test to the first address, d2.test to the second, and so on.
 */
public final class SinkNetwork implements AutoCloseable {
    /** Who takes no mail for the time being. */
    public enum Refusing {
        NONE,
        /** The first domain. */
        ONE, ALL
    }

    private static final Optional<String> LATER = Optional.of("451 4.3.2 come again");
    private static final String NET = "127.0.78.";

    private final DnsResponder dns = DnsResponder.start(InetAddress.getLoopbackAddress());
    private final LoadSink sink;
    private volatile Refusing refusing = Refusing.NONE;
    private final int domains;
    private int port;

    private SinkNetwork(int domains, SimulatedBehaviour behaviour) {
        this.domains = domains;
        sink = new LoadSink(behaviour, Optional.empty());
    }

    /** Listening when this returns; at most 250 domains, each with an address of its own. */
    public static SinkNetwork start(int domains) throws IOException, InterruptedException {
        SinkNetwork[] self = new SinkNetwork[1];
        self[0] = new SinkNetwork(domains, new SimulatedBehaviour() {
            @Override
            public Optional<String> mail(String sender) {
                return self[0].refusing == Refusing.ALL ? LATER : Optional.empty();
            }

            @Override
            public Optional<String> recipient(String sender, String recipient) {
                return self[0].refusing == Refusing.ONE && recipient.endsWith("@d1.test")
                        ? LATER
                        : Optional.empty();
            }
        });
        return self[0].listen(domains);
    }

    /** As {@link #start(int)}: any number of domains over a few addresses. */
    static SinkNetwork start(int domains, int addresses, SimulatedBehaviour behaviour)
            throws IOException, InterruptedException {
        return new SinkNetwork(domains, behaviour).listen(addresses);
    }

    /** As {@link #start(int)}, with receivers that behave as told. */
    public static SinkNetwork start(int domains, SimulatedBehaviour behaviour)
            throws IOException, InterruptedException {
        return start(domains, domains, behaviour);
    }

    private SinkNetwork listen(int addresses) throws IOException, InterruptedException {
        var network = this;
        network.port = network.sink.listen(NET, addresses);
        for (int i = 1; i <= addresses; i++) {
            network.dns.address("mx" + i + ".sink.test", NET + i);
        }
        for (int i = 1; i <= domains; i++) {
            network.dns.mx("d" + i + ".test", 10,
                    "mx" + (1 + (i - 1) % addresses) + ".sink.test");
        }
        // reports of failure come back here
        network.dns.mx("load.test", 10, "mx1.sink.test");
        return network;
    }

    /** From now on every message is refused for the time being, or taken again. */
    public void refuse(boolean all) {
        refuse(all ? Refusing.ALL : Refusing.NONE);
    }

    /** From now on mail for these is refused for the time being, and all other is taken. */
    public void refuse(Refusing some) {
        refusing = some;
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
