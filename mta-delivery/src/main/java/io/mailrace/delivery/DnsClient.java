// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Metrics;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Resolver;
import org.xbill.DNS.ResolverConfig;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/**
 * Asks the configured resolvers, one after the other, a bounded number of times; at most a bounded
 * number of questions is under way, further ones wait in order. Any thread; answers come on a
 * thread of dnsjava's or, through {@link CompletableFuture}, on the asker's.
 */
final class DnsClient {
    /** What a question gave. */
    sealed interface Answer {}

    /**
     * NOERROR, with records or without.
     *
     * @param secure a trusted resolver says that it is signed
     */
    record Found(Message message, boolean secure) implements Answer {}

    /** The name does not exist. */
    record NoSuchName(Message message, boolean secure) implements Answer {}

    /** Nobody answered sensibly: says nothing about the name. */
    record Failed(String why) implements Answer {}

    private record Waiting(Name name, int type, CompletableFuture<Answer> answer) {}

    private final DnsConfig config;
    private final List<Resolver> servers;
    private final boolean trusted;
    private final int tries;
    private final int bound;
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
    private int underWay;
    private int turn;
    private final LongAdder answered;
    private final LongAdder noSuchName;
    private final LongAdder failed;

    DnsClient(DnsConfig config, Metrics metrics) {
        this(config, addresses(config), trusts(config), metrics);
    }

    private DnsClient(DnsConfig config, List<InetSocketAddress> addresses, boolean trusted,
            Metrics metrics) {
        this.config = config;
        this.trusted = trusted;
        servers = new ArrayList<>();
        for (InetSocketAddress address : addresses) {
            SimpleResolver server = new SimpleResolver(address);
            server.setTimeout(config.timeout());
            servers.add(server);
        }
        tries = config.tries();
        bound = config.concurrentQueries();
        answered = counter(metrics, "answered");
        noSuchName = counter(metrics, "no-such-name");
        failed = counter(metrics, "failed");
    }

    private static boolean trusts(DnsConfig config) {
        return switch (config.dnssec()) {
            case TRUSTED -> true;
            case OFF -> false;
            case AUTO -> addresses(config).stream().allMatch(one -> one.getAddress() != null
                    && one.getAddress().isLoopbackAddress());
        };
    }

    private static LongAdder counter(Metrics metrics, String result) {
        return metrics.counter("delivery_dns_queries_total", "DNS questions by result",
                Map.of("result", result));
    }

    /** The configured servers, or those of the system, or one on this machine. */
    static List<InetSocketAddress> addresses(DnsConfig config) {
        if (!config.servers().isEmpty()) {
            return config.servers();
        }
        List<InetSocketAddress> system = ResolverConfig.getCurrentConfig().servers();
        return system.isEmpty()
                ? List.of(new InetSocketAddress(java.net.InetAddress.getLoopbackAddress(), 53))
                : system;
    }

    /** Whether the resolvers' word that an answer was signed is believed. */
    boolean trusted() {
        return trusted;
    }

    /** Asks that server alone, and believes its word. */
    DnsClient only(InetSocketAddress server) {
        return new DnsClient(config, List.of(server), true, new Metrics());
    }

    /** Never completes exceptionally. */
    CompletableFuture<Answer> ask(Name name, int type) {
        Waiting question = new Waiting(name, type, new CompletableFuture<>());
        synchronized (this) {
            if (underWay >= bound) {
                waiting.add(question);
                return question.answer();
            }
            underWay++;
        }
        send(question, 0, "no server");
        return question.answer();
    }

    private void send(Waiting question, int tried, String lastTrouble) {
        if (tried >= tries) {
            finish(question, new Failed(lastTrouble));
            return;
        }
        Resolver server = next();
        Message query = Message.newQuery(Record.newRecord(question.name(), question.type(),
                DClass.IN));
        if (trusted) {
            query.getHeader().setFlag(Flags.AD); // tell us whether it is signed (RFC 6840 5.7)
        }
        try {
            server.sendAsync(query).whenComplete((reply, error) -> {
                String trouble = error != null ? troubleOf(error) : troubleIn(reply, question);
                if (reply == null || !trouble.isEmpty()) {
                    send(question, tried + 1, trouble);
                } else {
                    boolean secure = trusted && reply.getHeader().getFlag(Flags.AD);
                    finish(question, reply.getRcode() == Rcode.NXDOMAIN
                            ? new NoSuchName(reply, secure)
                            : new Found(reply, secure));
                }
            });
        } catch (RuntimeException unsendable) {
            send(question, tried + 1, String.valueOf(unsendable.getMessage()));
        }
    }

    private synchronized Resolver next() {
        turn = (turn + 1) % servers.size();
        return servers.get(turn);
    }

    private static String troubleOf(Throwable error) {
        Throwable cause = error.getCause() == null ? error : error.getCause();
        return cause.getMessage() == null ? cause.getClass().getSimpleName()
                : cause.getMessage();
    }

    /** What is wrong with an answer; empty when it may be believed. */
    private static String troubleIn(@Nullable Message reply, Waiting question) {
        if (reply == null) {
            return "no answer";
        }
        Record asked = reply.getQuestion();
        if (asked == null || asked.getType() != question.type()
                || !asked.getName().equals(question.name())) {
            return "the answer is to another question";
        }
        int rcode = reply.getRcode();
        return rcode == Rcode.NOERROR || rcode == Rcode.NXDOMAIN ? ""
                : Rcode.string(rcode) + " for " + Type.string(question.type());
    }

    private void finish(Waiting question, Answer answer) {
        switch (answer) {
            case Found found -> answered.increment();
            case NoSuchName none -> noSuchName.increment();
            case Failed none -> failed.increment();
        }
        Waiting next;
        synchronized (this) {
            next = waiting.poll();
            if (next == null) {
                underWay--;
            }
        }
        question.answer().complete(answer);
        if (next != null) {
            // Not from here: a chain of answers that fail at once would deepen the stack.
            Thread.ofVirtual().name("dns-next").start(() -> send(next, 0, "no server"));
        }
    }
}
