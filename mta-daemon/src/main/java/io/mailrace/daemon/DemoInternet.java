// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.mailrace.delivery.ReceiverModel.Replies;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The internet of the demo: a DNS server and 13 providers on loopback addresses that share one
 * port, so that {@code delivery.port} and MX records lead to them as they would lead to port 25.
 * Three are models of large receivers; their MX hosts have names such receivers have, so that the
 * shipped rules know them. Only this DNS server is asked about those names.
 */
final class DemoInternet implements AutoCloseable {
    private static final String NET = "127.0.77.";
    private static final int LAST_ADDRESS = 15;
    private static final int MAX_TRIES = 20;

    private final DnsResponder dns = DnsResponder.start(InetAddress.getLoopbackAddress());
    private final EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1,
            new DefaultThreadFactory("provider", true), NioIoHandler.newFactory());
    private final List<SimulatedProvider> providers = new ArrayList<>();
    private final Map<DemoPlace, DemoReceiver> receivers = new EnumMap<>(DemoPlace.class);
    private final Optional<SslContext> tls;
    private final SimulatedInbox inbox;
    private int port;

    private DemoInternet(SslContext tls, SimulatedInbox inbox) {
        this.tls = Optional.of(tls);
        this.inbox = inbox;
    }

    /**
     * Starts everything; blocks until it listens.
     *
     * @param messages how many will be sent: the limits of the large receivers go by it
     */
    static DemoInternet start(SslContext tls, SimulatedInbox inbox, TimeSource time, int messages)
            throws IOException, InterruptedException {
        var internet = new DemoInternet(tls, inbox);
        internet.receiver(DemoPlace.GMAIL, Replies.gmail(), false, messages, time);
        internet.receiver(DemoPlace.OUTLOOK, Replies.outlook(), true, messages, time);
        internet.receiver(DemoPlace.YAHOO, Replies.yahoo(), false, messages, time);
        try {
            internet.build();
            return internet;
        } catch (IOException | InterruptedException | RuntimeException failed) {
            internet.close();
            throw failed;
        }
    }

    private void receiver(DemoPlace place, Replies replies, boolean byDomain, int messages,
            TimeSource time) {
        receivers.put(place, new DemoReceiver(replies, byDomain, place.expected(messages), time));
    }

    private void build() throws IOException, InterruptedException {
        SimulatedProvider bigmail = provider("mx.bigmail.test", SimulatedBehaviour.PLAIN, tls);
        listenOnCommonPort(bigmail, 1);
        host(bigmail, 2, "mx2.bigmail.test");
        dns.address("mx1.bigmail.test", NET + 1);
        for (DemoPlace place : List.of(DemoPlace.BIGMAIL, DemoPlace.BIGMAIL_EU,
                DemoPlace.BIGMAIL_ASIA)) {
            dns.mx(place.domain(), 10, "mx1.bigmail.test").mx(place.domain(), 10,
                    "mx2.bigmail.test");
        }
        // nobody listens on .3: the next MX host must be tried
        dns.mx("post.test", 10, "mx1.post.test").address("mx1.post.test", NET + 3);
        dns.mx("post.test", 20, "mx2.post.test");
        host(provider("mx2.post.test", SimulatedBehaviour.PLAIN, tls), 4, "mx2.post.test");
        simple(DemoPlace.OLD, 5, new DemoBehaviours.Old(), Optional.empty());
        simple(DemoPlace.GREYLIST, 6, new DemoBehaviours.Greylisting(), tls);
        simple(DemoPlace.STRICT, 7, new DemoBehaviours.Strict(), tls);
        simple(DemoPlace.CUT, 8, new DemoBehaviours.Cutting(), tls);
        simple(DemoPlace.BUSY, 9, new DemoBehaviours.Busy(), tls);
        simple(DemoPlace.SLOW, 10, new DemoBehaviours.Slow(), tls);
        simple(DemoPlace.DNS_TROUBLE, 11, SimulatedBehaviour.PLAIN, tls);
        dns.failing(DemoPlace.DNS_TROUBLE.domain(), 3);
        dns.nullMx(DemoPlace.NULL_MX.domain());
        large(DemoPlace.GMAIL, 13, "gmail-smtp-in.l.google.com");
        large(DemoPlace.OUTLOOK, 14, "outlook-com.olc.protection.outlook.com");
        large(DemoPlace.YAHOO, 15, "mta5.am0.yahoodns.net");
        // the sender's own domain has no MX record: its address is used (RFC 5321 5.1)
        host(provider("shop.test", SimulatedBehaviour.PLAIN, tls), 12, "shop.test");
    }

    private void large(DemoPlace place, int last, String mx)
            throws IOException, InterruptedException {
        dns.mx(place.domain(), 5, mx);
        host(provider(mx, receiverAt(place), tls), last, mx);
    }

    /** The model of the large receiver at that place. */
    DemoReceiver receiverAt(DemoPlace place) {
        DemoReceiver receiver = receivers.get(place);
        if (receiver == null) {
            throw new IllegalArgumentException("no large receiver is at " + place);
        }
        return receiver;
    }

    private void simple(DemoPlace place, int last, SimulatedBehaviour behaviour,
            Optional<SslContext> certificate) throws IOException, InterruptedException {
        String mx = "mx." + place.domain();
        dns.mx(place.domain(), 10, mx);
        host(provider(mx, behaviour, certificate), last, mx);
    }

    private SimulatedProvider provider(String name, SimulatedBehaviour behaviour,
            Optional<SslContext> certificate) {
        var provider = new SimulatedProvider(loops, name, behaviour, certificate, inbox);
        providers.add(provider);
        return provider;
    }

    private void host(SimulatedProvider provider, int last, String name)
            throws IOException, InterruptedException {
        provider.listen(new InetSocketAddress(NET + last, port));
        dns.address(name, NET + last);
    }

    /** The system chooses the port for the first address; the others must follow. */
    private void listenOnCommonPort(SimulatedProvider first, int last)
            throws IOException, InterruptedException {
        IOException lastFailure = new IOException("no port");
        for (int i = 0; i < MAX_TRIES; i++) {
            int candidate = first.listen(new InetSocketAddress(NET + last, 0)).getPort();
            try {
                for (int other = last + 1; other <= LAST_ADDRESS; other++) {
                    new ServerSocket(candidate, 1, InetAddress.getByName(NET + other)).close();
                }
                port = candidate;
                return;
            } catch (IOException taken) {
                lastFailure = taken;
            }
        }
        throw lastFailure;
    }

    DnsResponder dns() {
        return dns;
    }

    /** Where every provider listens. */
    int port() {
        return port;
    }

    int providerCount() {
        return providers.size();
    }

    long connections() {
        return providers.stream().mapToLong(SimulatedProvider::connections).sum();
    }

    long encrypted() {
        return providers.stream().mapToLong(SimulatedProvider::encrypted).sum();
    }

    @Override
    public void close() {
        providers.forEach(SimulatedProvider::close);
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        dns.close();
    }
}
