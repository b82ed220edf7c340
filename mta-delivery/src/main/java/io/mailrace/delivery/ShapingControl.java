// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.MailAddress;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Selection;
import io.mailrace.queue.SetAction;
import io.mailrace.queue.Spool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Predicate;

/** What operators see of shaping, and do to it. Any thread; never blocks. */
public final class ShapingControl {
    private static final Duration MAX = Duration.ofDays(3650);

    /**
     * A measure in force. Times are wall-clock milliseconds since 1970.
     *
     * @param subject whom, such as {@code source a at gmail}
     * @param what such as {@code suspended}, {@code slowed to 1/min}
     * @param rule as {@code provider/rule}, or {@code operator}
     * @param why the reply that brought it about, or the operator's words
     * @param stopUntil nothing is sent before that; 0: it does not stop
     */
    public record Status(long id, String subject, String what, String rule, String why,
            long since, long stopUntil, long until) {}

    /**
     * What one source does at one receiver.
     *
     * @param ratePerSecond found by itself; infinite when nothing is found or looked for
     * @param messages begun since the start
     */
    public record PathStatus(String source, String receiver, int connections,
            int mostConnections, double ratePerSecond, long messages) {}

    private final DeliveryConfig config;
    private final Shaping shaping;
    private final Spool spool;
    private final Predicate<String> knownReceiver;

    ShapingControl(DeliveryConfig config, Shaping shaping, Spool spool,
            Predicate<String> knownReceiver) {
        this.config = config;
        this.shaping = shaping;
        this.spool = spool;
        this.knownReceiver = knownReceiver;
    }

    /** Everything in force, that which ends first in front. */
    public List<Status> measures() {
        return shaping.measures().all().stream().map(ShapingControl::status).toList();
    }

    private static Status status(Measure one) {
        return new Status(one.id(), one.subject().text(), one.what(), one.rule(), one.why(),
                one.since(), one.stopUntil(), one.until());
    }

    /** Every source at every receiver it has to do with. */
    public List<PathStatus> paths() {
        List<PathStatus> all = new ArrayList<>();
        for (SourceGate gate : shaping.gates().all()) {
            AdaptivePace adaptive = gate.adaptive();
            all.add(new PathStatus(gate.source().name(), gate.receiver(), gate.connections(),
                    gate.most(), adaptive == null ? Double.POSITIVE_INFINITY
                            : adaptive.perSecond(),
                    gate.used()));
        }
        return all;
    }

    /**
     * Stops something until it is ended or the time is over; its mail is kept and no attempt
     * counted.
     *
     * @param kind source, subnet, receiver, signing-domain or tenant
     * @param name of it; empty for a receiver
     * @param receiver a provider or the hosts of a site; empty: everywhere
     * @throws IllegalArgumentException with a sentence for people when that makes no sense
     */
    public Status suspend(String kind, String name, String receiver, Duration lasts, String why) {
        if (lasts.compareTo(Duration.ofSeconds(1)) < 0 || lasts.compareTo(MAX) > 0) {
            throw new IllegalArgumentException("a suspension lasts 1 s to 3650 days");
        }
        Subject subject = subject(kind, name, receiver);
        if (subject.kind() == Subject.Kind.SOURCE && !config.sources().containsKey(name)) {
            throw new IllegalArgumentException("there is no source named " + Ascii.clean(name, 60)
                    + "; known are: " + String.join(", ", config.sources().keySet()));
        }
        if (!receiver.isEmpty() && config.providers().named(receiver).isEmpty()
                && !knownReceiver.test(receiver)) {
            throw new IllegalArgumentException("there is no provider named "
                    + Ascii.clean(receiver, 60) + " and no site of that name has mail; known "
                    + "providers are: " + String.join(", ", config.providers().all().stream()
                            .map(Provider::name).toList()));
        }
        return status(shaping.measures().suspend(subject, lasts, why));
    }

    private static Subject subject(String kind, String name, String receiver) {
        Subject.Kind what = List.of(Subject.Kind.values()).stream()
                .filter(one -> one.word().equals(kind)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "kind must be source, subnet, receiver, signing-domain or tenant"));
        boolean lower = what == Subject.Kind.SIGNING_DOMAIN || what == Subject.Kind.TENANT;
        return new Subject(what, receiver, lower ? Ascii.lower(name) : name);
    }

    /**
     * Ends everything that stops that very subject, put in force by an operator or by a rule; what
     * was ended.
     *
     * @throws IllegalArgumentException with a sentence for people when that makes no sense
     */
    public List<Status> resume(String kind, String name, String receiver, String why) {
        Subject subject = subject(kind, name, receiver);
        List<Status> ended = new ArrayList<>();
        for (Measure one : shaping.measures().all()) {
            if (one.subject().equals(subject) && one.stopUntil() > 0) {
                end(one.id(), why).ifPresent(ended::add);
            }
        }
        return ended;
    }

    /** Ends a measure; mail that waited for it goes at once. Empty when there is none such. */
    public Optional<Status> end(long id, String why) {
        Optional<Measure> ended = shaping.measures().cancel(id, why);
        ended.ifPresent(this::release);
        return ended.map(ShapingControl::status);
    }

    /** Lengthens a measure; empty when there is none of that number. */
    public Optional<Status> extend(long id, Duration by, String why) {
        if (by.isNegative() || by.compareTo(MAX) > 0) {
            throw new IllegalArgumentException("it can be extended by 0 s to 3650 days");
        }
        return shaping.measures().extend(id, by, why).map(ShapingControl::status);
    }

    /** A recipient who gets no more mail. */
    public record Suppressed(String address, long since, String why) {}

    /** Those whose address has that part, in order, at most {@code max}. Reads the disk: blocks. */
    public List<Suppressed> suppressed(String part, int max) {
        return shaping.suppressions().list(Ascii.lower(part), max).stream().map(
                one -> new Suppressed(one.address(), one.since(), one.why())).toList();
    }

    /** How many there are. */
    public int suppressedCount() {
        return shaping.suppressions().size();
    }

    /** Adds one; {@code false} when the list is full. The listener hears when it is on disk. */
    public boolean suppress(MailAddress address, String why, Executor where,
            CommitListener listener) {
        return shaping.suppressions().add(address, why, where, listener);
    }

    /** Takes one off; {@code false} when it is not on the list. */
    public boolean unsuppress(MailAddress address, String why, Executor where,
            CommitListener listener) {
        return shaping.suppressions().remove(address, why, where, listener);
    }

    private void release(Measure ended) {
        DeliveryParts.unpark(spool, Measures.sentence(ended)::equals);
        if (ended.subject().kind() == Subject.Kind.SIGNING_DOMAIN) {
            spool.operations().start(Selection.ofAuthor(ended.subject().name()),
                    new SetAction.RetryNow(), "end of measure " + ended.id());
        }
    }
}
