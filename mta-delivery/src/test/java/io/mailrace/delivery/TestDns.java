// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.PTRRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.ReverseMap;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.TLSARecord;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.Type;

/** A DNS server on a loopback port: answers what it was told, NXDOMAIN to the rest. */
final class TestDns implements AutoCloseable {
    /** Instead of an rcode: no answer at all, and bytes that are no answer. */
    static final int SILENT = -1;
    static final int JUNK = -2;
    static final int OTHER_QUESTION = -3;

    private final DatagramSocket socket;
    private final Map<String, List<Record>> records = new ConcurrentHashMap<>();
    private final Map<String, Integer> rcodes = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> asked = new ConcurrentHashMap<>();
    private final Set<String> signed = ConcurrentHashMap.newKeySet();
    private volatile long ttl = 300;

    TestDns() throws IOException {
        socket = new DatagramSocket(0, InetAddress.getByName("127.0.0.1"));
        Thread.ofPlatform().daemon(true).name("test-dns").start(this::serve);
    }

    String address() {
        return "127.0.0.1:" + socket.getLocalPort();
    }

    void ttl(long seconds) {
        ttl = seconds;
    }

    TestDns mx(String domain, int preference, String host) {
        return add(domain, new MXRecord(name(domain), DClass.IN, ttl, preference, name(host)));
    }

    TestDns a(String host, String address) {
        try {
            InetAddress parsed = InetAddress.getByName(address);
            return add(host, address.contains(":")
                    ? new AAAARecord(name(host), DClass.IN, ttl, parsed)
                    : new ARecord(name(host), DClass.IN, ttl, parsed));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    /** Answers about names that end so are signed. */
    TestDns signed(String suffix) {
        signed.add(suffix);
        return this;
    }

    /** Forgets what was said of the name, then says this. */
    TestDns tlsa(String name, int usage, int selector, int matching, byte[] association) {
        records.remove(name);
        return add(name, new TLSARecord(name(name), DClass.IN, ttl, usage, selector, matching,
                association));
    }

    /** One more of them. */
    TestDns more(String name, int usage, int selector, int matching, byte[] association) {
        return add(name, new TLSARecord(name(name), DClass.IN, ttl, usage, selector, matching,
                association));
    }

    TestDns txt(String name, String text) {
        records.remove(name);
        return add(name, new TXTRecord(name(name), DClass.IN, ttl, text));
    }

    /** One more text at the name. */
    TestDns moreTxt(String name, String text) {
        return add(name, new TXTRecord(name(name), DClass.IN, ttl, text));
    }

    /** The name of an address. */
    TestDns ptr(String address, String host) {
        try {
            Name reverse = ReverseMap.fromAddress(address);
            return add(reverse.toString(true), new PTRRecord(reverse, DClass.IN, ttl,
                    name(host)));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    /** As resolvers know it. */
    TestDns root() {
        return add(".", new NSRecord(Name.root, DClass.IN, ttl, name("ns.root.test")));
    }

    TestDns cname(String from, String to) {
        return add(from, new CNAMERecord(name(from), DClass.IN, ttl, name(to)));
    }

    /** Every question about the name, or only of one type ({@code name/TYPE}), gets this. */
    TestDns rcode(String name, int rcode) {
        rcodes.put(name, rcode);
        return this;
    }

    void forget(String name) {
        rcodes.remove(name);
        records.remove(name);
    }

    int asked(String name, int type) {
        AtomicInteger count = asked.get(name + "/" + Type.string(type));
        return count == null ? 0 : count.get();
    }

    private TestDns add(String name, Record record) {
        records.computeIfAbsent(name, key -> new ArrayList<>()).add(record);
        return this;
    }

    private static Name name(String text) {
        try {
            return Name.fromString(text, Name.root);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    private void serve() {
        byte[] buffer = new byte[4096];
        while (!socket.isClosed()) {
            DatagramPacket in = new DatagramPacket(buffer, buffer.length);
            try {
                socket.receive(in);
                byte[] out = answer(new Message(java.util.Arrays.copyOf(buffer,
                        in.getLength())));
                if (out.length > 0) {
                    socket.send(new DatagramPacket(out, out.length, in.getSocketAddress()));
                }
            } catch (IOException closed) {
                // the loop looks whether it was closed
            }
        }
    }

    private byte[] answer(Message query) {
        Record question = query.getQuestion();
        String name = question.getName().toString(true);
        String typed = name + "/" + Type.string(question.getType());
        asked.computeIfAbsent(typed, key -> new AtomicInteger()).incrementAndGet();
        Message reply = new Message(query.getHeader().getID());
        reply.getHeader().setFlag(Flags.QR);
        reply.addRecord(question, Section.QUESTION);
        if (query.getHeader().getFlag(Flags.AD) && signed.stream().anyMatch(name::endsWith)) {
            reply.getHeader().setFlag(Flags.AD);
        }
        Integer told = rcodes.getOrDefault(typed, rcodes.get(name));
        if (told != null && told < 0) {
            return switch (told) {
                case JUNK -> new byte[]{1, 2, 3, 4, 5};
                case OTHER_QUESTION -> otherQuestion(query, question);
                default -> new byte[0];
            };
        }
        List<Record> found = records.get(name);
        if (told != null) {
            reply.getHeader().setRcode(told);
        } else if (found == null) {
            reply.getHeader().setRcode(Rcode.NXDOMAIN);
        }
        if (told == null && found != null) {
            List.copyOf(found).stream().filter(one -> one.getType() == question.getType()
                    || one.getType() == Type.CNAME)
                    .forEach(one -> reply.addRecord(one, Section.ANSWER));
        }
        if (reply.getSection(Section.ANSWER).isEmpty()) {
            reply.addRecord(new SOARecord(name("test"), DClass.IN, ttl, name("ns.test"),
                    name("root.test"), 1, 3600, 600, 86_400, ttl), Section.AUTHORITY);
        }
        return reply.toWire();
    }

    private static byte[] otherQuestion(Message query, Record question) {
        Message reply = new Message(query.getHeader().getID());
        reply.getHeader().setFlag(Flags.QR);
        reply.addRecord(Record.newRecord(name("other.test"), question.getType(), DClass.IN),
                Section.QUESTION);
        return reply.toWire();
    }

    @Override
    public void close() {
        socket.close();
    }
}
