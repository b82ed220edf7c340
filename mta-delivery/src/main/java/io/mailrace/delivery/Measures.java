// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Ascii;
import io.mailrace.core.Event;
import io.mailrace.core.Rate;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What rules and operators have put in force: suspensions, slower rates, fewer connections, held
 * domains. On disk with the event that tells of it, so a restart changes nothing. Any thread; never
 * blocks after the start. At most {@value #MAX} are in force; what comes beyond is logged and not
 * done.
 */
final class Measures {
    private static final Logger LOG = LoggerFactory.getLogger(Measures.class);
    static final int MAX = 20_000;
    static final String OPERATOR = "operator";
    private static final String PREFIX = "measure/";
    private static final int MAX_WHY = 500;
    private static final int MAX_COUNTED = 20_000;
    /** While recovering, one more connection each time this has passed. */
    static final Duration RECOVERY_STEP = Duration.ofMinutes(2);
    private static final int RECOVERED = 10;
    private static final Duration ALERT_EVERY = Duration.ofMinutes(10);
    /** Being said again lengthens it; but not for less than this part of it. */
    private static final int WORTH_WRITING = 10;

    /**
     * Where a reply was said.
     *
     * @param receiver of the site: its provider, or itself
     * @param site name of the site
     * @param block of the source's address as receivers see it; empty when unknown
     * @param domain author's domain of the mail; empty when none is at hand
     * @param connections of the source to the receiver now
     * @param siteConnections of these to the site
     * @param sent messages begun on the connection
     */
    record Place(String receiver, String site, String source, Optional<String> block,
            String domain, int connections, int siteConnections, int sent) {

        /** Connections of the source to what a measure is about. */
        private int connections(Subject subject) {
            return subject.receiver().equals(site) && !site.equals(receiver) ? siteConnections
                    : connections;
        }
    }

    private final TimeSource time;
    private final Memos memos;
    private final DeliveryMeters meters;
    /** The inner maps are never changed, only replaced. */
    private final Map<Subject, Map<RuleAction, Measure>> inForce = new ConcurrentHashMap<>();
    private final Map<Subject, EvenRate> rates = new ConcurrentHashMap<>();
    private final Cache<String, ArrayDeque<Long>> said;
    private final AtomicLong lastId = new AtomicLong();
    private volatile long version;
    private volatile boolean aboutMail;
    private volatile Runnable changed = () -> {};

    /** Takes up what was in force: reads the disk, blocks. */
    Measures(TimeSource time, Memos memos, DeliveryMeters meters) {
        this.time = time;
        this.memos = memos;
        this.meters = meters;
        said = Caffeine.newBuilder().maximumSize(MAX_COUNTED).executor(Runnable::run)
                .expireAfterAccess(Duration.ofDays(1)).ticker(time::nanos).build();
        memos.beginningWith(PREFIX).forEach((name, value) -> Measure.decode(value).ifPresentOrElse(
                measure -> {
                    lastId.accumulateAndGet(measure.id(), Math::max);
                    keep(measure);
                }, () -> LOG.warn("measure not understood name={}", name)));
        sweep();
    }

    /** Runs {@code listener}, on any thread, whenever something was put in force or ended early. */
    void onChange(Runnable listener) {
        changed = listener;
    }

    /** Changes with everything that is put in force or ends. */
    long version() {
        return version;
    }

    // ------------------------------------------------------------------ what is in force

    /**
     * What is left of a source at a site of a receiver; what is in force against one of its blocks
     * holds for all it sends.
     */
    Narrowing narrowing(String source, List<String> blocks, String receiver, String site) {
        List<Measure> all = new ArrayList<>();
        collect(all, Subject.source(receiver, source));
        collect(all, Subject.source("", source));
        collect(all, Subject.receiver(receiver));
        if (!site.equals(receiver)) {
            collect(all, Subject.source(site, source));
            collect(all, Subject.receiver(site));
        }
        blocks.forEach(name -> collect(all, Subject.subnet(receiver, name)));
        return all.isEmpty() ? Narrowing.NONE
                : narrow(all, site.equals(receiver) ? "" : site, time.epochMillis());
    }

    private void collect(List<Measure> all, Subject subject) {
        Map<RuleAction, Measure> of = inForce.get(subject);
        if (of != null) {
            long now = time.epochMillis();
            of.values().stream().filter(one -> !one.over(now)).forEach(all::add);
        }
    }

    /** @param site what is about it holds for its own connections; empty: for all */
    private Narrowing narrow(List<Measure> all, String site, long now) {
        long stopped = 0;
        int connections = Integer.MAX_VALUE;
        int atSite = Integer.MAX_VALUE;
        int messages = Integer.MAX_VALUE;
        EvenRate slow = null;
        long slowest = 0;
        boolean ipv4 = false;
        long valid = Long.MAX_VALUE;
        Measure why = null;
        for (Measure one : all) {
            valid = Math.min(valid, one.until());
            if (one.stopUntil() > now) {
                valid = Math.min(valid, one.stopUntil());
                if (one.stopUntil() > stopped) {
                    stopped = one.stopUntil();
                    why = one;
                }
            }
            int most = connections(one, now);
            if (!site.isEmpty() && one.subject().receiver().equals(site)) {
                atSite = Math.min(atSite, most);
            } else {
                connections = Math.min(connections, most);
            }
            switch (one.action()) {
                case RECOVER -> valid = Math.min(valid,
                        Math.max(now, one.stopUntil()) + RECOVERY_STEP.toMillis());
                case FEWER_MESSAGES -> messages = Math.min(messages, one.number());
                case SLOW -> {
                    long spacing = one.rate().map(Rate::spacingNanos).orElse(0L);
                    if (spacing > slowest) {
                        slowest = spacing;
                        slow = rateOf(one.subject(), spacing);
                    }
                }
                case DROP_IPV6 -> ipv4 = true;
                case HALVE, ONE_CONNECTION, SUSPEND, HOLD_DOMAIN, SPLIT, OTHER_SOURCE, SUPPRESS,
                        ALERT ->
                    {
                    }
            }
            if (why == null) {
                why = one;
            }
        }
        return new Narrowing(stopped, connections, atSite, messages, slow, ipv4, why, valid);
    }

    /** How many connections it leaves. */
    private static int connections(Measure one, long now) {
        return switch (one.action()) {
            case HALVE -> one.number();
            case ONE_CONNECTION -> 1;
            case RECOVER -> (int) Math.min(Integer.MAX_VALUE,
                    1 + Math.max(0, now - one.stopUntil()) / RECOVERY_STEP.toMillis());
            default -> Integer.MAX_VALUE;
        };
    }

    /** Whether {@link #mailWait} and {@link #tenantWait} can have an answer at all. */
    boolean aboutMail() {
        return aboutMail;
    }

    /**
     * For how long mail of an author's domain must wait; null when it may go now.
     *
     * @param domain empty: it has none, as that of a null sender may
     */
    SourceGate.@Nullable Wait mailWait(String receiver, String site, String domain) {
        return domain.isEmpty() ? null
                : firstWait(Subject.signingDomain(receiver, domain),
                        Subject.signingDomain("", domain), Subject.signingDomain(site, domain));
    }

    /** As {@link #mailWait}, but asks only for what stops it: takes no place in a line. */
    SourceGate.@Nullable Wait domainStop(String receiver, String site, String domain) {
        for (String at : domain.isEmpty() ? List.<String>of() : List.of(receiver, "", site)) {
            for (Measure one : inForce.getOrDefault(Subject.signingDomain(at, domain), Map.of())
                    .values()) {
                if (one.stopUntil() > time.epochMillis()) {
                    return mailWait(one);
                }
            }
        }
        return null;
    }

    /** For how long all mail of a tenant must wait; null when it may go now. */
    SourceGate.@Nullable Wait tenantWait(String receiver, String site, String tenant) {
        return firstWait(Subject.tenant(receiver, tenant), Subject.tenant("", tenant),
                Subject.tenant(site, tenant));
    }

    private SourceGate.@Nullable Wait firstWait(Subject... subjects) {
        for (Subject subject : subjects) {
            for (Measure one : inForce.getOrDefault(subject, Map.of()).values()) {
                SourceGate.Wait wait = mailWait(one);
                if (wait != null) {
                    return wait;
                }
            }
        }
        return null;
    }

    private SourceGate.@Nullable Wait mailWait(Measure one) {
        long now = time.epochMillis();
        if (one.over(now)) {
            return null;
        }
        if (one.stopUntil() > now) {
            return new SourceGate.Wait(TimeUnit.MILLISECONDS.toNanos(one.stopUntil() - now),
                    sentence(one));
        }
        Optional<Rate> slow = switch (one.action()) {
            case SLOW -> one.rate();
            // doubled with each step: ten a minute first
            case RECOVER -> Optional.of(new Rate(10L << Math.min(20,
                    (now - one.stopUntil()) / RECOVERY_STEP.toMillis()), Rate.Unit.MINUTE));
            default -> Optional.empty();
        };
        if (slow.isEmpty()) {
            return null;
        }
        EvenRate rate = rateOf(one.subject(), slow.get().spacingNanos());
        if (rate.take() == 0) {
            return null;
        }
        // who would have its turn only when all is over goes then
        long left = TimeUnit.MILLISECONDS.toNanos(one.until() - now);
        return new SourceGate.Wait(Math.min(rate.queueUp(), left), sentence(one));
    }

    private EvenRate rateOf(Subject subject, long spacingNanos) {
        EvenRate rate = rates.computeIfAbsent(subject,
                key -> new EvenRate(key.text(), spacingNanos, time));
        rate.spacing(spacingNanos);
        return rate;
    }

    /** One line for people: what, whom, until when, by which rule and why. */
    static String sentence(Measure one) {
        return one.subject().text() + " is " + one.what() + " by " + one.rule() + ": "
                + one.why();
    }

    /** Everything in force, that which ends first in front. */
    List<Measure> all() {
        long now = time.epochMillis();
        List<Measure> all = new ArrayList<>();
        inForce.values().forEach(of -> of.values().stream().filter(one -> !one.over(now))
                .forEach(all::add));
        all.sort(Comparator.comparingLong(Measure::until).thenComparingLong(Measure::id));
        return all;
    }

    // ------------------------------------------------------------------ rules

    /** A rule met a reply: does what it says, when it was said often enough. */
    void fire(String ruleName, ReplyRule rule, SmtpReply reply, Place place) {
        List<Subject> subjects = rule.scopes().stream()
                .flatMap(scope -> subject(scope, place).stream()).toList();
        String first = subjects.isEmpty() ? "" : subjects.getFirst().text();
        if (!oftenEnough(ruleName, rule, first)) {
            return;
        }
        for (RuleAction action : rule.actions()) {
            switch (action) {
                case SLOW, HALVE, ONE_CONNECTION, SUSPEND, RECOVER, HOLD_DOMAIN, DROP_IPV6,
                        FEWER_MESSAGES ->
                    subjects.forEach(subject -> put(ruleName, rule, action, subject, reply,
                            place));
                case ALERT -> alert(ruleName, first, reply);
                case SPLIT, OTHER_SOURCE, SUPPRESS -> {
                    // about the mail at hand
                }
            }
        }
    }

    private static Optional<Subject> subject(RuleScope scope, Place place) {
        return switch (scope) {
            case SOURCE -> Optional.of(Subject.source(place.receiver(), place.source()));
            case SITE -> Optional.of(Subject.source(place.site(), place.source()));
            case SUBNET -> Optional.of(place.block()
                    .map(block -> Subject.subnet(place.receiver(), block))
                    .orElseGet(() -> Subject.source(place.receiver(), place.source())));
            case PROVIDER -> Optional.of(Subject.receiver(place.receiver()));
            case SIGNING_DOMAIN -> place.domain().isEmpty()
                    ? Optional.empty()
                    : Optional.of(Subject.signingDomain(place.receiver(), place.domain()));
            case RECIPIENT, MESSAGE, CONNECTION -> Optional.empty();
        };
    }

    private boolean oftenEnough(String ruleName, ReplyRule rule, String subject) {
        ReplyRule.Trigger trigger = rule.trigger();
        if (trigger.times() <= 1) {
            return true;
        }
        ArrayDeque<Long> times = said.get(ruleName + " " + subject, key -> new ArrayDeque<>());
        long now = time.nanos();
        synchronized (times) {
            times.addLast(now);
            while (now - times.getFirst() > trigger.within().toNanos()
                    || times.size() > trigger.times()) {
                times.removeFirst();
            }
            return times.size() >= trigger.times();
        }
    }

    private void alert(String ruleName, String subject, SmtpReply reply) {
        meters.alert();
        ArrayDeque<Long> told = said.get("alert " + ruleName + " " + subject,
                key -> new ArrayDeque<>());
        synchronized (told) {
            long now = time.nanos();
            if (!told.isEmpty() && now - told.getLast() < ALERT_EVERY.toNanos()) {
                return;
            }
            told.clear();
            told.addLast(now);
        }
        LOG.warn("alert rule={} subject=\"{}\" reply=\"{}\"", ruleName, subject, reply);
        write(List.of(), List.of(new Event.RuleFired(time.epochMillis(), ruleName, subject,
                RuleAction.ALERT.word(), 0, Ascii.clean(reply.toString(), MAX_WHY))));
    }

    private void put(String ruleName, ReplyRule rule, RuleAction action, Subject subject,
            SmtpReply reply, Place place) {
        long lasts = rule.duration().toMillis();
        int number = switch (action) {
            case HALVE -> Math.max(1, place.connections(subject) / 2);
            case FEWER_MESSAGES -> Math.max(1, place.sent() - 1);
            default -> 0;
        };
        put(subject, action, rule.rate(), number, ruleName,
                Ascii.clean(reply.toString(), MAX_WHY), lasts);
    }

    // ------------------------------------------------------------------ putting in force, ending

    /** An operator's suspension. */
    Measure suspend(Subject subject, Duration lasts, String why) {
        return put(subject, RuleAction.SUSPEND, Optional.empty(), 0, OPERATOR,
                Ascii.clean(why, MAX_WHY), lasts.toMillis());
    }

    private Measure put(Subject subject, RuleAction action, Optional<Rate> rate, int number,
            String rule, String why, long lastsMillis) {
        long now = time.epochMillis();
        boolean stops = action == RuleAction.SUSPEND || action == RuleAction.HOLD_DOMAIN
                || action == RuleAction.RECOVER;
        long stop = stops ? now + lastsMillis : 0;
        long until = action == RuleAction.RECOVER
                ? stop + RECOVERED * RECOVERY_STEP.toMillis()
                : now + lastsMillis;
        if (inForce.size() >= MAX && !inForce.containsKey(subject)) {
            LOG.error("too many measures are in force: not done subject=\"{}\" action={}",
                    subject.text(), action.word());
            return new Measure(0, subject, action, rate, number, rule, why, now, 0, now);
        }
        Measure wanted = new Measure(lastId.incrementAndGet(), subject, action, rate, number,
                rule, why, now, stop, until);
        @Nullable
        Measure[] before = new Measure[1];
        Map<RuleAction, Measure> after = inForce.compute(subject, (key, of) -> {
            Measure old = of == null ? null : of.get(action);
            before[0] = old;
            return old == null || old.over(now) ? with(of, wanted)
                    : with(of, longer(old, wanted, lastsMillis));
        });
        Measure measure = Objects.requireNonNull(after.get(action));
        if (measure.equals(before[0])) {
            return measure; // said again so soon that nothing changed
        }
        took(measure);
        LOG.warn("in force {} until={}", sentence(measure),
                java.time.Instant.ofEpochMilli(measure.until()));
        write(List.of(Memos.Change.put(memoOf(measure), measure.encode())),
                List.of(fired(measure, measure.action().word())));
        changed.run();
        return measure;
    }

    /** What stays in force when it is said again; the old one when that is not worth a write. */
    private static Measure longer(Measure old, Measure wanted, long lastsMillis) {
        int number = old.number() == 0 || wanted.number() == 0 ? old.number()
                : Math.min(old.number(), wanted.number());
        if (wanted.until() - old.until() < lastsMillis / WORTH_WRITING
                && number == old.number()) {
            return old;
        }
        return new Measure(old.id(), old.subject(), old.action(), wanted.rate(), number,
                wanted.rule(), wanted.why(), old.since(),
                Math.max(wanted.stopUntil(), old.stopUntil()),
                Math.max(wanted.until(), old.until()));
    }

    private static Map<RuleAction, Measure> with(@Nullable Map<RuleAction, Measure> of,
            Measure measure) {
        Map<RuleAction, Measure> after = new EnumMap<>(RuleAction.class);
        if (of != null) {
            after.putAll(of);
        }
        after.put(measure.action(), measure);
        return after;
    }

    private void keep(Measure measure) {
        inForce.compute(measure.subject(), (key, of) -> with(of, measure));
        took(measure);
    }

    private void took(Measure measure) {
        Subject.Kind kind = measure.subject().kind();
        if (kind == Subject.Kind.SIGNING_DOMAIN || kind == Subject.Kind.TENANT) {
            aboutMail = true;
        }
        bump();
    }

    private synchronized void bump() {
        version++;
    }

    /** Ends a measure at once; empty when there is none of that number. */
    Optional<Measure> cancel(long id, String why) {
        Optional<Measure> found = all().stream().filter(one -> one.id() == id).findFirst();
        found.ifPresent(one -> {
            remove(one);
            LOG.info("ended {} reason=\"{}\"", sentence(one), why);
            write(List.of(Memos.Change.remove(memoOf(one))), List.of(new Event.RuleFired(
                    time.epochMillis(), OPERATOR, one.subject().text(), "cancel "
                            + one.action().word(),
                    0, Ascii.clean(why, MAX_WHY))));
            changed.run();
        });
        return found;
    }

    /** Makes a measure end that much later; empty when there is none of that number. */
    Optional<Measure> extend(long id, Duration by, String why) {
        return all().stream().filter(one -> one.id() == id).findFirst().map(one -> {
            long more = by.toMillis();
            Measure longer = one.lasting(one.stopUntil() == 0 ? 0 : one.stopUntil() + more,
                    one.until() + more);
            keep(longer);
            write(List.of(Memos.Change.put(memoOf(longer), longer.encode())),
                    List.of(new Event.RuleFired(time.epochMillis(), OPERATOR,
                            longer.subject().text(), "extend " + longer.action().word(),
                            longer.until(), Ascii.clean(why, MAX_WHY))));
            changed.run();
            return longer;
        });
    }

    /** Forgets what is over. Now and then. */
    void sweep() {
        long now = time.epochMillis();
        List<Memos.Change> gone = new ArrayList<>();
        boolean mail = false;
        for (Subject subject : inForce.keySet()) {
            inForce.computeIfPresent(subject, (key, of) -> {
                Map<RuleAction, Measure> left = new EnumMap<>(RuleAction.class);
                for (Measure one : of.values()) {
                    if (one.over(now)) {
                        gone.add(Memos.Change.remove(memoOf(one)));
                    } else {
                        left.put(one.action(), one);
                    }
                }
                return left.isEmpty() ? null : left;
            });
        }
        for (Subject subject : inForce.keySet()) {
            mail |= subject.kind() == Subject.Kind.SIGNING_DOMAIN
                    || subject.kind() == Subject.Kind.TENANT;
        }
        rates.keySet().retainAll(inForce.keySet());
        aboutMail = mail;
        if (!gone.isEmpty()) {
            bump();
            write(gone, List.of());
        }
    }

    private void remove(Measure measure) {
        inForce.computeIfPresent(measure.subject(), (key, of) -> {
            Map<RuleAction, Measure> left = new EnumMap<>(of);
            left.remove(measure.action());
            return left.isEmpty() ? null : left;
        });
        bump();
    }

    private static String memoOf(Measure measure) {
        return PREFIX + String.format(Locale.ROOT, "%019d", measure.id());
    }

    private Event fired(Measure measure, String action) {
        return new Event.RuleFired(time.epochMillis(), measure.rule(), measure.subject().text(),
                action, measure.until(), measure.why());
    }

    private void write(List<Memos.Change> changes, List<Event> events) {
        memos.write(changes, events, Runnable::run,
                CommitListener.onFailure(why -> LOG.error(
                        "measure in force but not on disk: a restart forgets it reason=\"{}\"",
                        why.getMessage())));
    }
}
