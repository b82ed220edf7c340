// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.MxAnswer.MxHost;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Where mail of a destination goes, and what must be proven there: MX hosts, provider, DANE and
 * MTA-STS put together. Any thread; never blocks.
 */
final class NextHops {
    /** What came of it. */
    sealed interface NextHop {}

    /**
     * A site.
     *
     * @param sts why the domain's announced MTA-STS policy could not be read; mail goes without
     */
    record To(Site site, Hosts hosts, Optional<Https.Failed> sts) implements NextHop {}

    /** It has no next hop: now, or for good. */
    record Nowhere(SmtpReply reply, boolean forGood) implements NextHop {}

    /** A bound of our own keeps us from knowing for a moment: nobody was asked. */
    record Busy(String why) implements NextHop {}

    /** A route says that it is thrown away, and counts as delivered. */
    record Discarded() implements NextHop {}

    private final DeliveryConfig config;
    private final MxResolver resolver;
    private final StsPolicies policies;

    NextHops(DeliveryConfig config, MxResolver resolver, StsPolicies policies) {
        this.config = config;
        this.resolver = resolver;
        this.policies = policies;
    }

    /** Whether a question about it is under way. */
    boolean asking(String destination) {
        return resolver.asking(destination) || policies.asking(destination);
    }

    /** Completes exceptionally only by a bug. */
    CompletableFuture<NextHop> of(Destination destination) {
        if (destination instanceof Destination.Blackhole) {
            return CompletableFuture.completedFuture(new Discarded());
        }
        CompletableFuture<StsPolicies.Found> sts = destination instanceof Destination.Domain domain
                && config.delivery().peerTls().sts()
                && config.delivery().tls() != TlsPolicy.OFF
                        ? policies.of(domain.name())
                        : CompletableFuture.completedFuture(StsPolicies.Found.NONE);
        return resolver.resolve(destination).thenCombine(sts, (answer, policy) -> switch (answer) {
            case Hosts hosts -> site(destination, hosts, policy);
            case MxAnswer.Undeliverable never -> new Nowhere(never.reply(), true);
            case MxAnswer.Unknown unknown -> new Nowhere(unknown.reply(), false);
        });
    }

    private NextHop site(Destination destination, Hosts hosts, StsPolicies.Found found) {
        Provider provider = config.providers().of(hosts.hosts().stream().map(MxHost::name)
                .toList());
        TlsPolicy policy = destination instanceof Destination.SmartHost via ? policy(via)
                : provider.limits().tls().orElse(config.delivery().tls());
        if (policy == TlsPolicy.OFF) {
            return to(destination, hosts, TlsDemand.of(policy), Optional.empty());
        }
        Optional<Https.Failed> unasked = found.trouble().filter(Https.Failed::unasked);
        if (unasked.isPresent() && !allByDane(hosts)) {
            // our own bound must not open what the domain may want closed
            return new Busy("the MTA-STS policy of the domain cannot be fetched now: "
                    + unasked.get().why());
        }
        StsPolicy sts = found.policy();
        TlsDemand demand = new TlsDemand(policy, hosts.dane(), sts.mode());
        if (sts.mode() != StsPolicy.Mode.ENFORCE) {
            return to(destination, hosts, demand, found.trouble());
        }
        // a host with TLSA records is judged by these, whatever the policy names (RFC 8461 2)
        List<MxHost> allowed = hosts.hosts().stream().filter(host -> sts.allows(host.name())
                || byDane(hosts, host)).toList();
        return allowed.isEmpty()
                ? new Nowhere(SmtpReply.of(451, "4.7.5", "no MX host of the domain is allowed by "
                        + "its MTA-STS policy: " + hosts.names()), false)
                : to(destination, new Hosts(allowed, true, hosts.validUntilNanos()), demand,
                        found.trouble());
    }

    private static boolean byDane(Hosts hosts, MxHost host) {
        return hosts.secure() && host.dane() instanceof Dane.Records;
    }

    /** Then no policy matters. */
    private static boolean allByDane(Hosts hosts) {
        return hosts.hosts().stream().allMatch(host -> byDane(hosts, host));
    }

    /** A password goes over TLS only, unless that is off: in the clear nothing could be sent. */
    private TlsPolicy policy(Destination.SmartHost via) {
        SmartHostConfig host = config.smartHost(via.text());
        TlsPolicy policy = host.tls().orElse(config.delivery().tls());
        boolean implicit = via.protocol() == Destination.Protocol.SMTPS;
        return switch (policy) {
            case OPPORTUNISTIC -> implicit || host.login().isPresent() ? TlsPolicy.REQUIRED
                    : policy;
            case OFF -> implicit ? TlsPolicy.REQUIRED : policy;
            case REQUIRED, VERIFIED -> policy;
        };
    }

    private NextHop to(Destination destination, Hosts hosts, TlsDemand demand,
            Optional<Https.Failed> trouble) {
        return new To(destination instanceof Destination.SmartHost via
                ? new Site(via.site(), via.port(), demand)
                : new Site(hosts.names(), config.delivery().port(), demand), hosts, trouble);
    }
}
