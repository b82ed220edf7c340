// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Rate;
import io.mailrace.core.RoutingHints;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a submitter may do, and in whose name. Immutable.
 *
 * @param tenant lower-case letters, digits and {@code . - _ @}
 * @param domains of senders and From fields, {@code *.shop.test} for all below; empty: any
 * @param lane all his mail takes it; empty: he may choose
 * @param lanes he may choose from
 * @param pool his mail leaves by it unless a route names another; empty: none of his own
 * @param rate of messages; empty: any
 * @param rcptRate of recipients; empty: any
 * @param maxSize of a message in octets, beside that of the server
 * @param maxHold how far ahead he may date his mail (RFC 4865); zero: not at all
 * @param control header fields he may steer with
 */
record UserRights(String tenant, List<String> domains, Optional<Lane> lane, Set<Lane> lanes,
        Optional<String> pool, Optional<Rate> rate, Optional<Rate> rcptRate, long maxSize,
        Duration maxHold, Set<ControlField> control) {

    /** Of a client that may send without logging in. */
    static final UserRights WITHOUT_LOGIN = of("default");

    UserRights {
        domains = List.copyOf(domains);
        lanes = Set.copyOf(lanes);
        control = Set.copyOf(control);
    }

    /** All rights but to hold mail, for this tenant. */
    static UserRights of(String tenant) {
        return new UserRights(tenant, List.of(), Optional.empty(), EnumSet.allOf(Lane.class),
                Optional.empty(), Optional.empty(), Optional.empty(), Long.MAX_VALUE,
                Duration.ZERO, EnumSet.allOf(ControlField.class));
    }

    /** Whether he may choose this lane for a message. */
    boolean mayChoose(Lane wanted) {
        return lane.isEmpty() && lanes.contains(wanted);
    }

    /** The lanes he may ask for without being refused: the one he has, or those he may choose. */
    Set<Lane> lanesHeMayAsk() {
        return lane.map(Set::of).orElse(lanes);
    }

    /** Whether he may send as this; the null reverse-path names nobody. */
    boolean maySendAs(MailAddress sender) {
        return sender.isNull() || covers(sender.domain());
    }

    /**
     * Whether he may write this into From.
     *
     * @param from the domains of its mailboxes; none when that is not sure
     */
    boolean mayWriteAs(List<String> from) {
        return domains.isEmpty() || (!from.isEmpty() && from.stream().allMatch(this::covers));
    }

    private boolean covers(String domain) {
        for (String pattern : domains) {
            if (pattern.startsWith("*.")
                    ? domain.length() >= pattern.length() && domain.endsWith(pattern.substring(1))
                    : domain.equals(pattern)) {
                return true;
            }
        }
        return domains.isEmpty();
    }

    /** The way of a message: what it asks for as far as he may, then what is laid down for him. */
    RoutingHints route(RoutingHints asked) {
        Optional<Lane> chosen = asked.lane().filter(
                wanted -> control.contains(ControlField.LANE) && lanes.contains(wanted));
        Optional<String> leaves = asked.pool().filter(
                wanted -> control.contains(ControlField.POOL));
        return new RoutingHints(lane.or(() -> chosen), leaves.or(() -> pool), asked.fields());
    }
}
