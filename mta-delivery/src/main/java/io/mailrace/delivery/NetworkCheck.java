// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cidr;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.DkimKey;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * What receivers and the network will make of this configuration: resolvers, sources, author's
 * domains, block lists, the way out. Asks the configured resolvers only; a question that is not
 * answered gives a finding that is unknown, not a failure. Any thread; each method blocks, at most
 * for the time given and {@value #LAST_PORT_SECONDS} s, and throws nothing.
 */
public final class NetworkCheck {
    private static final int MAX_PROBES = 3;
    private static final String PROBED_DOMAIN = "gmail.com";

    private final DeliveryConfig config;
    private final DnsClient client;
    private final DnsLook dns;

    private NetworkCheck(DeliveryConfig config, DnsClient client, DnsLook dns) {
        this.config = config;
        this.client = client;
        this.dns = dns;
    }

    /** @param limit after which no question to the DNS is waited for */
    public static NetworkCheck of(DeliveryConfig config, TimeSource time, Duration limit) {
        DnsClient client = new DnsClient(config.dns(), new Metrics());
        return new NetworkCheck(config, client, new DnsLook(client, time, limit));
    }

    /** The names of the sources, in their order. */
    public List<String> sources() {
        return List.copyOf(config.sources().keySet());
    }

    /** What receivers see of a source: addresses and EHLO name. */
    public String seen(String source) {
        SourceConfig of = source(source);
        List<String> parts = new ArrayList<>(of.seen().stream().map(
                InetAddress::getHostAddress).toList());
        if (parts.isEmpty()) {
            parts.add("address by the " + (of.proxy().isPresent() ? "proxy" : "system"));
        }
        parts.add("EHLO " + of.ehlo());
        return String.join(", ", parts);
    }

    private SourceConfig source(String name) {
        SourceConfig source = config.sources().get(name);
        if (source == null) {
            throw new IllegalArgumentException("there is no source named " + name);
        }
        return source;
    }

    /** Whether each resolver answers, and whether answers are known to be signed. */
    public List<Finding> resolvers() {
        List<Finding> findings = new ArrayList<>();
        List<InetSocketAddress> servers = DnsClient.addresses(config.dns());
        List<DnsLook> looks = servers.stream().map(client::only).map(dns::through).toList();
        int silent = 0;
        boolean validates = true;
        for (int i = 0; i < servers.size(); i++) {
            InetSocketAddress server = servers.get(i);
            String shown = server.getAddress() == null ? server.getHostString()
                    : server.getAddress().getHostAddress() + " port " + server.getPort();
            DnsChain.Result found = looks.get(i).ask(Name.root, Type.NS);
            validates &= found.secure();
            silent += found.trouble().isEmpty() ? 0 : 1;
            findings.add(resolver(shown, found));
        }
        if (silent == servers.size()) {
            findings.add(Finding.fail("resolver", "No resolver answers: no mail can be sent.",
                    "Run a resolver on this machine, such as unbound, and set dns.servers to it."));
            return findings;
        }
        findings.add(dnssec(validates));
        return findings;
    }

    private static Finding resolver(String server, DnsChain.Result root) {
        if (!root.trouble().isEmpty()) {
            return Finding.warn("resolver", "The resolver " + server + " does not answer: "
                    + root.trouble() + ".",
                    "Start it, or take it out of dns.servers or"
                            + " /etc/resolv.conf.");
        }
        return root.records().isEmpty()
                ? Finding.warn("resolver", "The resolver " + server + " does not know the root of"
                        + " the DNS: what it says of others' names may be wrong.",
                        "Set dns.servers to a resolver that knows the whole DNS, such as unbound"
                                + " on this machine.")
                : Finding.ok("resolver", "The resolver " + server + " answers.");
    }

    private Finding dnssec(boolean validates) {
        if (validates && client.trusted() && config.delivery().dane()) {
            return Finding.ok("dnssec", "DNSSEC is validated: DANE is active.");
        }
        return Finding.ok("dnssec", "DANE is inactive: " + (!validates
                ? "not every resolver validates DNSSEC. One on this machine, such as unbound,"
                        + " would make it active."
                : client.trusted() ? "it is switched off (delivery.dane, delivery.tls)."
                        : "the resolvers are not on this machine; dns.dnssec = trusted says that"
                                + " the way to them is safe."));
    }

    /** Names and SPF of what the source sends from. */
    public List<Finding> source(String name, List<String> senderDomains) {
        return SourceCheck.of(dns, source(name), senderDomains).findings();
    }

    /** One block list about all addresses of all sources. */
    public List<Finding> blockList(String list) {
        List<InetAddress> addresses = publicAddresses();
        return addresses.isEmpty() ? List.of() : new BlocklistCheck(dns, list).of(addresses);
    }

    private List<InetAddress> publicAddresses() {
        return config.sources().values().stream().flatMap(one -> one.seen().stream()).filter(
                one -> !OwnAddresses.isPrivate(one)).distinct().toList();
    }

    /**
     * Keys, SPF, DMARC and MX of an author's domain.
     *
     * @param keys that sign its mail
     */
    public List<Finding> domain(String domain, List<DkimKey> keys) {
        List<Finding> findings = new ArrayList<>(new SenderSpf(dns).of(domain,
                publicAddresses()));
        findings.addAll(0, new DomainCheck(dns, domain).of(keys));
        return findings;
    }

    /**
     * Whether the source reaches mail servers, by each family it has.
     *
     * @param probe {@code host} or {@code host:port}; empty: the MX hosts of gmail.com
     */
    public List<Finding> port(String name, String probe) {
        SourceConfig source = source(name);
        if (source.proxy().isPresent()) {
            return List.of(Finding.unknown("port", "It sends through " + source.proxy().get()
                    + "; whether that reaches mail servers is not tried.", ""));
        }
        int port = config.delivery().port();
        Optional<Destination.HostPort> given = Destination.hostAndPort(probe.isEmpty()
                ? PROBED_DOMAIN
                : probe, port);
        if (given.isEmpty()) {
            return List.of(Finding.unknown("port", "The probe " + probe + " is not a host.",
                    "Write it as HOST or HOST:PORT."));
        }
        List<String> hosts = probe.isEmpty() ? mxOf(PROBED_DOMAIN) : List.of(given.get().host());
        List<InetAddress> senders = source.addresses().isEmpty()
                ? List.of(new InetSocketAddress(0).getAddress())
                : source.addresses();
        List<Finding> findings = new ArrayList<>();
        for (InetAddress sender : senders) {
            List<InetSocketAddress> servers = hosts.stream().flatMap(host -> addresses(host,
                    sender.isAnyLocalAddress() ? 4 : sender.getAddress().length).limit(1))
                    .limit(MAX_PROBES).map(one -> new InetSocketAddress(one, given.get().port()))
                    .toList();
            findings.add(servers.isEmpty()
                    ? Finding.unknown("port", "No address to try a connection to was found"
                            + " for " + given.get().host() + ".",
                            "Name one with --probe"
                                    + " HOST:PORT.")
                    : PortCheck.of(source, sender, servers));
        }
        return findings;
    }

    private List<String> mxOf(String domain) {
        List<MXRecord> hosts = new ArrayList<>();
        for (Record one : dns.ask(domain, Type.MX).records()) {
            if (one instanceof MXRecord mx) {
                hosts.add(mx);
            }
        }
        return hosts.stream().sorted(Comparator.comparingInt(MXRecord::getPriority)).map(
                one -> DnsNames.text(one.getTarget())).toList();
    }

    private Stream<InetAddress> addresses(String host, int bytes) {
        Optional<InetAddress> literal = Cidr.parseAddress(host);
        if (literal.isPresent()) {
            return literal.stream().filter(one -> one.getAddress().length == bytes);
        }
        return dns.ask(host, bytes == 4 ? Type.A : Type.AAAA).records().stream().flatMap(
                one -> switch (one) {
                    case ARecord a -> Stream.of(a.getAddress());
                    case AAAARecord six -> Stream.of(six.getAddress());
                    default -> Stream.<InetAddress>of();
                });
    }
}
