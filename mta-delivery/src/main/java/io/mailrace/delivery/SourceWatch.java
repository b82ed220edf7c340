// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cidr;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks whether each source's addresses are on this machine and where its proxy is: a source that
 * lacks them sends nothing, or only by the family it has, until they come back. Has a thread of its
 * own, {@code source-watch}, for what it asks may block.
 */
final class SourceWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SourceWatch.class);
    private static final int EVERY_SECONDS = 30;

    /** The machine, as far as sources have to do with it. May block. */
    interface Machine {
        /** The addresses of its interfaces. */
        Set<InetAddress> addresses() throws IOException;

        /** Whether an address that no interface has can be bound nevertheless. */
        boolean binds(InetAddress address);

        /** The address of a host. */
        InetAddress find(String host) throws UnknownHostException;

        /** The one we run on. */
        static Machine real() {
            return new Machine() {
                @Override
                public Set<InetAddress> addresses() throws SocketException {
                    Set<InetAddress> all = new HashSet<>();
                    for (NetworkInterface one : Collections.list(NetworkInterface
                            .getNetworkInterfaces())) {
                        all.addAll(Collections.list(one.getInetAddresses()));
                    }
                    return all;
                }

                @Override
                public boolean binds(InetAddress address) {
                    // of a routed block, such as 127.0.0.0/8, interfaces list but one
                    try (DatagramSocket socket = new DatagramSocket(new InetSocketAddress(address,
                            0))) {
                        return socket.isBound();
                    } catch (SocketException unusable) {
                        return false;
                    }
                }

                @Override
                public InetAddress find(String host) throws UnknownHostException {
                    return InetAddress.getByName(host);
                }
            };
        }
    }

    private final Collection<EgressSource> sources;
    private final Machine machine;
    private final Consumer<String> cameBack;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon(true).name("source-watch").factory());

    /** @param cameBack is told, on the watch's thread, the sentence that holds no more */
    SourceWatch(Collection<EgressSource> sources, Machine machine, Consumer<String> cameBack) {
        this.sources = sources;
        this.machine = machine;
        this.cameBack = cameBack;
    }

    /** Looks now, which may block, and from now on now and then. */
    void start() {
        look();
        thread.scheduleWithFixedDelay(this::look, EVERY_SECONDS, EVERY_SECONDS, TimeUnit.SECONDS);
    }

    /** One look. The one catch-all of the watch. */
    void look() {
        try {
            sources.forEach(this::lookForProxy);
            Set<InetAddress> here = machine.addresses();
            sources.forEach(source -> lookForAddresses(source, here));
        } catch (IOException | RuntimeException unknown) {
            LOG.warn("addresses of this machine not known reason=\"{}\"", unknown.getMessage());
        }
    }

    private void lookForAddresses(EgressSource source, Set<InetAddress> here) {
        Set<InetAddress> missing = new HashSet<>();
        for (InetAddress address : source.config().bound()) {
            if (!here.contains(address) && !machine.binds(address)) {
                missing.add(address);
            }
        }
        Set<InetAddress> before = source.lacking();
        if (missing.equals(before)) {
            return;
        }
        String was = source.whyLacking();
        source.lacks(missing);
        if (missing.isEmpty()) {
            LOG.info("source has its addresses again source={}", source.name());
        } else {
            LOG.warn("source suspended reason=\"{}\"", source.whyLacking());
        }
        if (!was.isEmpty()) {
            cameBack.accept(was);
        }
    }

    private void lookForProxy(EgressSource source) {
        EgressProxy proxy = source.config().proxy().orElse(null);
        if (proxy == null) {
            return;
        }
        try {
            InetAddress address = Cidr.parseAddress(proxy.host()).isPresent()
                    ? Cidr.parseAddress(proxy.host()).get()
                    : machine.find(proxy.host());
            String was = source.proxyKnown() ? "" : source.whyResting();
            source.proxyAddress(new InetSocketAddress(address, proxy.port()));
            source.blocked("");
            if (!was.isEmpty()) {
                cameBack.accept(was);
            }
        } catch (UnknownHostException unknown) {
            if (source.proxyKnown()) {
                return; // the address it had is the best guess
            }
            source.blocked("source " + source.name() + ": proxy " + proxy
                    + " cannot be used: its name has no address");
            LOG.warn("source suspended reason=\"{}\"", source.whyResting());
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
