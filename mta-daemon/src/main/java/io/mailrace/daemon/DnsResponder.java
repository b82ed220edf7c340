// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/**
 * A small authoritative DNS server over UDP for the demo and for tests: it knows the records it was
 * given, says NXDOMAIN to every other name, and SERVFAIL as often as it was told to. One thread
 * ({@code dns-responder}) answers one query after the other; records may be added by any thread.
 * Loopback only: it does not defend itself.
 */
public final class DnsResponder implements AutoCloseable {
    private static final int MAX_QUERY = 4096;
    private static final int PLAIN_UDP = 512;
    private static final int EDNS_UDP = 1232;
    private static final long TTL_SECONDS = 60;

    /** Its last number: negative answers may be kept for a second. */
    private static final SOARecord ROOT_SOA = new SOARecord(/* name= */ Name.root, DClass.IN,
            TTL_SECONDS, /* host= */ name("ns.test"), name("hostmaster.test"), 1, 3600, 600, 86400,
            1);

    private final DatagramSocket socket;
    private final Map<Name, List<Record>> records = new ConcurrentHashMap<>();
    private final Map<Name, AtomicInteger> failures = new ConcurrentHashMap<>();
    private final LongAdder queries = new LongAdder();

    private DnsResponder(DatagramSocket socket) {
        this.socket = socket;
    }

    /** Listens on an ephemeral port of the address. */
    public static DnsResponder start(InetAddress address) {
        try {
            var responder = new DnsResponder(new DatagramSocket(0, address));
            Thread.ofPlatform().daemon().name("dns-responder").start(responder::serve);
            return responder;
        } catch (IOException noPort) {
            throw new UncheckedIOException("no UDP port for the DNS responder", noPort);
        }
    }

    public InetSocketAddress address() {
        return (InetSocketAddress) socket.getLocalSocketAddress();
    }

    /** Queries answered so far. */
    public long queries() {
        return queries.sum();
    }

    public DnsResponder mx(String domain, int preference, String host) {
        return add(new MXRecord(name(domain), DClass.IN, TTL_SECONDS, preference, name(host)));
    }

    /** The domain takes no mail (RFC 7505). */
    public DnsResponder nullMx(String domain) {
        return add(new MXRecord(name(domain), DClass.IN, TTL_SECONDS, 0, Name.root));
    }

    /** An A or AAAA record, by the kind of address. */
    public DnsResponder address(String host, String address) {
        try {
            InetAddress parsed = InetAddress.getByName(address);
            return add(parsed.getAddress().length == 4
                    ? new ARecord(name(host), DClass.IN, TTL_SECONDS, parsed)
                    : new AAAARecord(name(host), DClass.IN, TTL_SECONDS, parsed));
        } catch (UnknownHostException notAnAddress) {
            throw new IllegalArgumentException("not an address: " + address, notAnAddress);
        }
    }

    /** A TXT record of several character strings, each at most 255 octets. */
    public DnsResponder txt(String name, List<String> strings) {
        return add(new TXTRecord(name(name), DClass.IN, TTL_SECONDS, strings));
    }

    /** Answers the next queries of the name, of any type, with SERVFAIL. */
    public DnsResponder failing(String name, int times) {
        failures.put(name(name), new AtomicInteger(times));
        return this;
    }

    /** Any other record. */
    DnsResponder add(Record record) {
        records.computeIfAbsent(record.getName(), n -> new CopyOnWriteArrayList<>()).add(record);
        return this;
    }

    private static Name name(String text) {
        try {
            return Name.fromString(text.endsWith(".") ? text : text + ".");
        } catch (TextParseException notAName) {
            throw new IllegalArgumentException("not a DNS name: " + text, notAName);
        }
    }

    private void serve() {
        byte[] buffer = new byte[MAX_QUERY];
        while (!socket.isClosed()) {
            var packet = new DatagramPacket(buffer, buffer.length);
            try {
                socket.receive(packet);
                byte[] answer = answer(Arrays.copyOf(packet.getData(), packet.getLength()));
                if (answer != null) {
                    socket.send(new DatagramPacket(answer, answer.length,
                            packet.getSocketAddress()));
                }
            } catch (IOException closedOrUnreachable) {
                // the asker is gone, or close() was called and the loop ends
            }
        }
    }

    /** The reply to a query; null when it is not one. */
    private byte @Nullable [] answer(byte[] wire) {
        Message query;
        try {
            query = new Message(wire);
        } catch (IOException garbage) {
            return null;
        }
        Record question = query.getQuestion();
        if (question == null || query.getHeader().getFlag(Flags.QR)) {
            return null;
        }
        queries.increment();
        var reply = new Message(query.getHeader().getID());
        reply.getHeader().setFlag(Flags.QR);
        reply.getHeader().setFlag(Flags.AA);
        reply.getHeader().setFlag(Flags.RA);
        if (query.getHeader().getFlag(Flags.RD)) {
            reply.getHeader().setFlag(Flags.RD);
        }
        reply.addRecord(question, Section.QUESTION);
        OPTRecord opt = query.getOPT();
        if (opt != null) {
            reply.addRecord(new OPTRecord(EDNS_UDP, 0, 0), Section.ADDITIONAL);
        }
        fill(reply, query.getHeader().getOpcode(), question);
        return reply.toWire(opt == null ? PLAIN_UDP : Math.max(PLAIN_UDP, opt.getPayloadSize()));
    }

    private void fill(Message reply, int opcode, Record question) {
        if (opcode != Opcode.QUERY || question.getDClass() != DClass.IN) {
            reply.getHeader().setRcode(Rcode.NOTIMP);
            return;
        }
        Name name = question.getName();
        AtomicInteger failing = failures.get(name);
        if (failing != null && failing.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
            reply.getHeader().setRcode(Rcode.SERVFAIL);
            return;
        }
        List<Record> known = records.getOrDefault(name, List.of());
        for (Record record : known) {
            if (record.getType() == question.getType() || question.getType() == Type.ANY) {
                reply.addRecord(record, Section.ANSWER);
            }
        }
        if (reply.getSection(Section.ANSWER).isEmpty()) {
            if (known.isEmpty() && !hasNamesBelow(name)) {
                reply.getHeader().setRcode(Rcode.NXDOMAIN);
            }
            reply.addRecord(ROOT_SOA, Section.AUTHORITY);
        }
    }

    /** A name without records of its own exists when others are below it (RFC 8020). */
    private boolean hasNamesBelow(Name name) {
        return records.keySet().stream().anyMatch(known -> known.subdomain(name));
    }

    @Override
    public void close() {
        socket.close();
    }
}
