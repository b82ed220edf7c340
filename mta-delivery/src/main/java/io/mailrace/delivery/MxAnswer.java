// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.SmtpReply;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.random.RandomGenerator;

/** Where mail of a destination goes. */
sealed interface MxAnswer {

    /**
     * A host that takes mail, with its usable addresses: IPv4 before IPv6.
     *
     * @param dane what its TLSA records say
     */
    record MxHost(String name, int preference, List<InetAddress> addresses, Dane dane) {
        public MxHost {
            addresses = List.copyOf(addresses);
        }

        MxHost(String name, int preference, List<InetAddress> addresses) {
            this(name, preference, addresses, Dane.NONE);
        }
    }

    /**
     * Hosts, most preferred first; at least one has an address.
     *
     * @param secure the names were signed, configured, or allowed by an enforced MTA-STS policy:
     *        that belongs to the domain, others may have the same hosts
     * @param validUntilNanos when to ask again
     */
    record Hosts(List<MxHost> hosts, boolean secure, long validUntilNanos) implements MxAnswer {
        public Hosts {
            hosts = List.copyOf(hosts);
        }

        /** Whether DANE says anything about one of them. */
        boolean dane() {
            return secure && hosts.stream().anyMatch(host -> !(host.dane() instanceof Dane.None));
        }

        /** The names in order of the alphabet: what makes two domains one site. */
        String names() {
            TreeSet<String> names = new TreeSet<>();
            hosts.forEach(host -> names.add(host.name()));
            return String.join(",", names);
        }

        /** The hosts by preference, each time shuffled among equals (RFC 5321 5.1). */
        List<MxHost> shuffled(RandomGenerator random) {
            List<MxHost> order = new ArrayList<>(hosts);
            int from = 0;
            for (int i = 1; i <= order.size(); i++) {
                if (i == order.size()
                        || order.get(i).preference() != order.get(from).preference()) {
                    Collections.shuffle(order.subList(from, i), random);
                    from = i;
                }
            }
            return order;
        }
    }

    /** The DNS, or a rule of ours, says that mail can never get there: it bounces. */
    record Undeliverable(SmtpReply reply) implements MxAnswer {}

    /** Nobody knows at the moment: it is deferred, never bounced. */
    record Unknown(SmtpReply reply) implements MxAnswer {}
}
