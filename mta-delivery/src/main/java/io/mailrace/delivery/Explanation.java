// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Rate;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.MxAnswer.MxHost;
import io.mailrace.delivery.SourceGate.Wait;
import io.mailrace.queue.QueueKey;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How mail of one queue would leave now: names with their values, in order, for people and
 * programs. A name may come several times.
 */
public record Explanation(List<Line> lines) {

    /** One fact. */
    public record Line(String name, String value) {}

    public Explanation {
        lines = List.copyOf(lines);
    }

    /** What to ask. */
    record About(QueueKey queue, String domain, Site site, Hosts hosts) {}

    static Explanation of(DeliveryParts parts, About about) {
        List<Line> lines = new ArrayList<>();
        Shaping shaping = parts.shaping();
        DeliveryConfig config = parts.config();
        Provider provider = shaping.providers().of(about.hosts().hosts().stream()
                .map(MxHost::name).toList());
        String site = SitePaths.nameOf(about.site());
        String receiver = SitePaths.receiverOf(provider, site);
        about.hosts().hosts().forEach(host -> lines.add(new Line("next-hop", host.name() + " ["
                + host.addresses().stream().map(InetAddress::getHostAddress)
                        .collect(Collectors.joining(", "))
                + "] port " + about.site().port())));
        lines.add(new Line("provider", provider.name()));
        lines.add(new Line("site", site));
        lines.add(new Line("tls", about.site().tls().toString()));
        PoolConfig pool = config.poolOf(about.queue(), provider.name());
        if (pool == null) {
            lines.add(new Line("waits", "there is no pool named " + about.queue().pool()));
            return new Explanation(lines);
        }
        for (PoolConfig one : PoolConfig.chain(config.pools(), pool)) {
            if (!one.equals(pool)) {
                lines.add(new Line("overflow", "pool " + one.name()
                        + ", when no source before may send for 5 s"));
            }
            one.sources().forEach((name, weight) -> {
                EgressSource source = parts.egress().sources().get(name);
                if (source != null) {
                    lines.add(source(parts, new SourceAt(source, weight, provider, receiver,
                            site)));
                }
            });
        }
        limits(lines, provider, config.delivery());
        waits(lines, shaping, about, provider, receiver, site);
        return new Explanation(lines);
    }

    private record SourceAt(EgressSource source, int weight, Provider provider, String receiver,
            String site) {}

    private static Line source(DeliveryParts parts, SourceAt at) {
        EgressSource source = at.source();
        SourceGate gate = parts.shaping().gates().of(source, at.provider(), at.receiver());
        EgressPath path = new EgressPath(gate, parts.shaping().measures(), at.site(),
                parts.time());
        StringBuilder text = new StringBuilder(source.name()).append(", weight ")
                .append(at.weight())
                .append(addresses(source.config()))
                .append(", ehlo ").append(source.ehlo()).append(", ")
                .append(gate.connections()).append(" of ").append(gate.most())
                .append(" connections");
        AdaptivePace adaptive = gate.adaptive();
        if (adaptive != null && Double.isFinite(adaptive.perSecond())) {
            text.append(String.format(java.util.Locale.ROOT, ", adaptive rate %.3f/s",
                    adaptive.perSecond()));
        }
        boolean cold = !at.site().contains("://") && parts.warmup().cold(source.name(),
                at.provider().name());
        if (cold) {
            text.append(": ").append(parts.warmup().sentence(source.name(),
                    at.provider().name()));
        }
        Wait wait = path.peek();
        if (source.resting()) {
            text.append(": rests: ").append(source.whyResting());
        } else if (!source.lacking().isEmpty()) {
            text.append(": ").append(source.whyLacking());
        } else if (wait != null) {
            text.append(": waits ").append(seconds(wait)).append(": ").append(wait.why());
        }
        return new Line("source", text.toString());
    }

    private static String addresses(SourceConfig source) {
        StringBuilder text = new StringBuilder();
        source.addresses().forEach(one -> text.append(", address ")
                .append(one.getHostAddress()));
        if (text.isEmpty()) {
            text.append(source.proxy().isPresent() ? ", address by the proxy"
                    : ", address by the system");
        }
        source.seen().stream().filter(one -> !source.addresses().contains(one))
                .forEach(one -> text.append(", seen as ").append(one.getHostAddress()));
        source.proxy().ifPresent(proxy -> text.append(", through ").append(proxy));
        return text.toString();
    }

    private static String seconds(Wait wait) {
        return Math.max(1, wait.nanos() / 1_000_000_000) + " s";
    }

    private static void limits(List<Line> lines, Provider provider,
            DeliveryConfig.Settings settings) {
        Provider.Limits limits = provider.limits();
        lines.add(new Line("limit", "connections: " + limits.connections()
                + " from each source, " + settings.connectionsPerSite()
                + " to the site, " + settings.connections() + " in all"));
        lines.add(new Line("limit", "on a connection: " + Math.min(
                limits.messagesPerConnection(), settings.messagesPerConnection())
                + " messages; in a transaction: " + Math.min(limits.recipientsPerTransaction(),
                        settings.recipientsPerTransaction())
                + " recipients"));
        String rates = limits.rates().stream().map(Rate::toString).collect(Collectors.joining(
                ", "));
        lines.add(new Line("limit", "rate from each source: " + (rates.isEmpty() ? "none" : rates)
                + (limits.adaptive() ? ", adaptive" : "")));
    }

    private static void waits(List<Line> lines, Shaping shaping, About about, Provider provider,
            String receiver, String site) {
        Measures measures = shaping.measures();
        Wait tenant = measures.tenantWait(receiver, site, about.queue().tenant());
        Wait domain = measures.domainStop(receiver, site, about.domain());
        Stream.of(tenant, domain).filter(java.util.Objects::nonNull).forEach(wait -> lines.add(
                new Line("waits", seconds(wait) + ": " + wait.why())));
        List<Limit> all = new ArrayList<>(shaping.mailLimits().ofQueue(about.queue().tenant(),
                provider.name()));
        all.addAll(shaping.mailLimits().ofMail(about.queue().tenant(), provider.name(),
                about.domain()));
        for (Limit limit : all) {
            long nanos = limit.peek();
            lines.add(new Line("limit", limit.name() + (nanos == 0 ? ""
                    : ": reached, for " + seconds(new Wait(nanos, "")))));
        }
    }
}
