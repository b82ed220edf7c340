// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.Type;

/**
 * The DNS as one run of checks sees it: each question is asked once, and none after the run's time
 * is over. At most {@value #MAX_KEPT} answers are kept; further ones are asked again. Any thread;
 * methods block, so run them on virtual threads.
 */
final class DnsLook {
    private static final int MAX_KEPT = 10_000;
    private static final int MAX_TROUBLE = 120;

    private record Question(Name name, int type) {}

    /** Addresses of a host in one or both families; {@code trouble} says why one is missing. */
    record Addresses(List<InetAddress> found, String trouble) {
        Addresses {
            found = List.copyOf(found);
        }
    }

    private final DnsClient dns;
    private final TimeSource time;
    private final long endNanos;
    private final ConcurrentMap<Question, CompletableFuture<DnsChain.Result>> asked;

    DnsLook(DnsClient dns, TimeSource time, Duration limit) {
        this(dns, time, time.nanos() + limit.toNanos());
    }

    private DnsLook(DnsClient dns, TimeSource time, long endNanos) {
        this.dns = dns;
        this.time = time;
        this.endNanos = endNanos;
        asked = new ConcurrentHashMap<>();
    }

    /** The same run by another client, with answers of its own. */
    DnsLook through(DnsClient other) {
        return new DnsLook(other, time, endNanos);
    }

    /** An impossible name does not exist. */
    DnsChain.Result ask(String host, int type) {
        Name name = DnsNames.of(host);
        return name == null
                ? new DnsChain.Result(List.of(), false, "", 0, false, Name.root)
                : ask(name, type);
    }

    DnsChain.Result ask(Name name, int type) {
        Question question = new Question(name, type);
        CompletableFuture<DnsChain.Result> answer = asked.get(question);
        if (answer == null) {
            CompletableFuture<DnsChain.Result> mine = new CompletableFuture<>();
            answer = asked.size() < MAX_KEPT ? asked.putIfAbsent(question, mine) : null;
            if (answer == null) {
                answer = mine;
                DnsChain.follow(dns, name, type).whenComplete((found, bug) -> mine.complete(
                        bug == null ? found : failed(name, String.valueOf(bug.getMessage()))));
            }
        }
        try {
            return cleaned(answer.get(Math.max(0, endNanos - time.nanos()),
                    TimeUnit.NANOSECONDS));
        } catch (TimeoutException slow) {
            return failed(name, "no answer in time");
        } catch (ExecutionException bug) {
            throw new IllegalStateException(bug);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return failed(name, "interrupted");
        }
    }

    private static DnsChain.Result cleaned(DnsChain.Result found) {
        return found.trouble().isEmpty() ? found
                : failed(found.end(), Ascii.clean(found.trouble(), MAX_TROUBLE));
    }

    private static DnsChain.Result failed(Name name, String why) {
        return new DnsChain.Result(List.of(), true, why, 0, false, name);
    }

    /** What the host has of that one's family. */
    Addresses addresses(String host, InetAddress family) {
        DnsChain.Result found = ask(host, family.getAddress().length == 4 ? Type.A : Type.AAAA);
        List<InetAddress> addresses = new ArrayList<>();
        for (Record one : found.records()) {
            if (one instanceof ARecord a) {
                addresses.add(a.getAddress());
            } else if (one instanceof AAAARecord aaaa) {
                addresses.add(aaaa.getAddress());
            }
        }
        return new Addresses(addresses, found.trouble());
    }

    /** The texts at a name, the strings of each joined; as Latin-1, for nobody may trust them. */
    static List<String> texts(DnsChain.Result found) {
        List<String> texts = new ArrayList<>();
        for (Record one : found.records()) {
            if (one instanceof TXTRecord txt) {
                StringBuilder text = new StringBuilder();
                txt.getStringsAsByteArrays().forEach(part -> text.append(new String(part,
                        StandardCharsets.ISO_8859_1)));
                texts.add(text.toString());
            }
        }
        return texts;
    }
}
