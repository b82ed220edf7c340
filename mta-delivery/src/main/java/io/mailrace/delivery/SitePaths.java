// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Disposition;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.SourceGate.Wait;
import io.mailrace.queue.QueueKey;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What shaping says about one site: its provider, its path for each source, which mail must wait,
 * what refusals mean. Confined to the site's event loop.
 */
final class SitePaths {
    private static final int MAX_NAME = 300;

    private final Shaping shaping;
    private final Egress egress;
    private final Warmup warmup;
    private final Provider provider;
    private final String site;
    private final String receiver;
    private final TimeSource time;
    private final Map<EgressSource, EgressPath> paths = new HashMap<>();

    /** @param hosts its MX hosts */
    SitePaths(Shaping shaping, Egress egress, Warmup warmup, Site site, List<String> hosts,
            TimeSource time) {
        this.shaping = shaping;
        this.egress = egress;
        this.warmup = warmup;
        this.time = time;
        this.site = nameOf(site);
        provider = shaping.providers().of(hosts);
        receiver = receiverOf(provider, this.site);
    }

    /** The name of a site in limits and measures. */
    static String nameOf(Site site) {
        String hosts = site.hosts();
        return hosts.length() <= MAX_NAME ? hosts
                : hosts.substring(0, MAX_NAME) + '+' + Integer.toHexString(hosts.hashCode());
    }

    /** A site that no provider covers is its own receiver. */
    static String receiverOf(Provider provider, String site) {
        return provider.name().equals(Provider.DEFAULT) ? site : provider.name();
    }

    EgressPath of(EgressSource source) {
        return paths.computeIfAbsent(source, key -> new EgressPath(
                shaping.gates().of(key, provider, receiver), shaping.measures(), site, time));
    }

    /** Name of the site's provider. */
    String provider() {
        return provider.name();
    }

    Provider.Limits limits() {
        return provider.limits();
    }

    /** What a refusal means; does what its rule says to others than the mail at hand. */
    Ruling judge(Connection connection, Stage stage, SmtpReply reply, @Nullable Attempt attempt) {
        Ruling ruling = shaping.providers().judge(provider, stage, reply);
        EgressPath path = connection.path();
        path.refused(ruling.category(), !ruling.fails());
        if (warmsUp() && (ruling.category() == ReplyClass.BLOCKED
                || ruling.category() == ReplyClass.LISTED)) {
            warmup.blocked(path.source().name(), provider.name(), site, reply.toString());
        }
        if (attempt != null && !ruling.fails()) {
            remember(ruling, attempt, connection);
        }
        ruling.rule().filter(rule -> !rule.actions().isEmpty()).ifPresent(rule -> {
            AdaptivePace adaptive = path.gate().adaptive();
            if (ruling.does(RuleAction.HALVE) && adaptive != null) {
                adaptive.halve();
            }
            shaping.measures().fire(ruling.source(), rule, reply, new Measures.Place(receiver,
                    site, path.source().name(),
                    path.source().block(connection.target().address()),
                    attempt == null ? "" : attempt.authorDomain(), path.gate().connections(),
                    path.connections(), connection.session().messages()));
        });
        return ruling;
    }

    private void remember(Ruling ruling, Attempt attempt, Connection connection) {
        String source = connection.source().name();
        if (ruling.does(RuleAction.OTHER_SOURCE)) {
            egress.memory().leave(attempt.envelope(), source);
        } else if (ruling.category() == ReplyClass.GREYLISTED
                && egress.sticky(poolOf(attempt, connection))) {
            egress.memory().stay(attempt.envelope(), source);
        } else if (ruling.category() != ReplyClass.GREYLISTED) {
            egress.memory().stayNoMore(attempt.envelope());
        }
    }

    /** The connection may serve another pool by now. */
    private static String poolOf(Attempt attempt, Connection connection) {
        PoolShare from = attempt.from();
        return (from == null ? connection.pool() : from).name();
    }

    /** Whether sources are warmed up here: a configured next hop knows us. */
    boolean warmsUp() {
        return !warmup.idle() && !site.contains("://");
    }

    /**
     * Everything is decided: recipients that bounced by a rule which says so get no more mail, but
     * only by a reply about them: one about the message says nothing about each of several.
     *
     * @param source it went by; empty: none
     */
    void finished(Attempt attempt, String source) {
        if (warmsUp()) {
            attempt.additions(warmup.finished(source, provider.name(), attempt.first(),
                    attempt.pass(), source.isEmpty() || !attempt.reached() ? Optional.empty()
                            : outcome(attempt)));
        }
        boolean again = false;
        for (int i = 0; i < attempt.recipients(); i++) {
            again |= attempt.disposition(i) instanceof Disposition.Deferred;
            if (attempt.refusedAlone(i)
                    && attempt.disposition(i) instanceof Disposition.Bounced bounced
                    && shaping.providers().suppresses(bounced.cause().rule())) {
                shaping.suppressions().add(attempt.envelope().recipients().get(i).address(),
                        bounced.cause().rule() + ": " + bounced.reply());
            }
        }
        if (!again) {
            egress.memory().forget(attempt.envelope());
        }
    }

    /** What became of a message, for its source; empty: nothing was tried. */
    private static Optional<WarmupDay.Outcome> outcome(Attempt attempt) {
        boolean bounced = false;
        boolean deferred = false;
        boolean greylisted = false;
        for (int i = 0; i < attempt.recipients(); i++) {
            Disposition disposition = attempt.disposition(i);
            bounced |= disposition instanceof Disposition.Bounced;
            if (disposition instanceof Disposition.Deferred later && later.next().counted()) {
                boolean grey = later.cause().category() == ReplyClass.GREYLISTED;
                greylisted |= grey;
                deferred |= !grey;
            }
        }
        if (attempt.delivered()) {
            return Optional.of(WarmupDay.Outcome.ACCEPTED);
        }
        return bounced ? Optional.of(WarmupDay.Outcome.BOUNCED)
                : deferred ? Optional.of(WarmupDay.Outcome.DEFERRED)
                        : greylisted ? Optional.of(WarmupDay.Outcome.GREYLISTED)
                                : Optional.empty();
    }

    /** For how long all mail of a queue must wait; null when it may go now. */
    @Nullable
    Wait queueWait(QueueKey key) {
        Measures measures = shaping.measures();
        Wait wait = measures.aboutMail() ? measures.tenantWait(receiver, site, key.tenant()) : null;
        if (wait != null) {
            return wait;
        }
        for (Limit limit : queueLimits(key)) {
            long nanos = limit.peek();
            if (nanos > 0) {
                return new Wait(nanos, limit.name());
            }
        }
        return null;
    }

    /** The limits each mail of a queue must pass. */
    List<Limit> queueLimits(QueueKey key) {
        return shaping.mailLimits().ofQueue(key.tenant(), provider.name());
    }

    /**
     * For how long this mail must wait for its author's domain; null when it may go now: then it
     * has taken one of each limit.
     */
    @Nullable
    Wait mailWait(Attempt attempt) {
        String domain = attempt.authorDomain();
        Measures measures = shaping.measures();
        Wait wait = measures.aboutMail() ? measures.mailWait(receiver, site, domain) : null;
        if (wait != null) {
            return wait;
        }
        List<Limit> limits = shaping.mailLimits().ofMail(attempt.queue().key().tenant(),
                provider.name(), domain);
        long now = time.nanos();
        for (int i = 0; i < limits.size(); i++) {
            if (limits.get(i).take() > 0) {
                limits.subList(0, i).forEach(limit -> limit.giveBack(now));
                return new Wait(limits.get(i).queueUp(), limits.get(i).name());
            }
        }
        attempt.permits(limits, now);
        return null;
    }
}
