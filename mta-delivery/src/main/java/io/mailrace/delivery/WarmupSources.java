// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.WarmupMember.Seen;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which sources are warmed up, by which plan, and whether each may begin: its first day has come
 * and the {@link WarmupGate} has nothing against it, which is asked until it has not. One that
 * cannot be made out any more stays in and sends nothing: the other way it would send all it can
 * from an address nobody knows. Any thread; never blocks after the start.
 */
final class WarmupSources {
    private static final Logger LOG = LoggerFactory.getLogger(WarmupSources.class);
    private static final String PREFIX = "warmup/source/";
    private static final long ASK_AGAIN_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final int MAX_TROUBLE = 300;

    private final DeliveryConfig config;
    private final TimeSource time;
    private final Memos memos;
    private final WarmupGate gate;
    /** Changed under the lock of this, so that what is written is in order. */
    private final Map<String, WarmupMember> members = new ConcurrentHashMap<>();
    private final Map<String, String> troubles = new ConcurrentHashMap<>();
    private final Map<String, Long> asked = new ConcurrentHashMap<>();
    private final Map<String, String> moved = new TreeMap<>();
    private volatile List<WarmupPlan.Hours> zones = List.of();
    private volatile Runnable changed = () -> {};

    /** Takes up what is on disk: blocks. */
    WarmupSources(DeliveryConfig config, TimeSource time, Memos memos, WarmupGate gate) {
        this.config = config;
        this.time = time;
        this.memos = memos;
        this.gate = gate;
        Map<String, byte[]> stored = memos.beginningWith(PREFIX);
        config.sources().values().forEach(source -> restore(source, Optional.ofNullable(
                stored.get(PREFIX + source.name()))));
        findZones();
    }

    private void restore(SourceConfig source, Optional<byte[]> stored) {
        String name = source.name();
        Optional<WarmupMember> old = stored.flatMap(WarmupMember::decode);
        if (stored.isPresent() && old.isEmpty()) {
            LOG.error("warm-up not understood source={}", name);
        }
        Optional<WarmupMember> now = source.warmup()
                .map(joined -> old.orElseGet(() -> WarmupMember.joining(joined.plan(),
                        joined.start(), false, source, config)).configured(joined.plan(),
                                joined.start()))
                .or(() -> old.filter(WarmupMember::byOperator))
                .or(() -> stored.isPresent() && old.isEmpty()
                        ? Optional.of(WarmupMember.UNREADABLE)
                        : Optional.empty());
        if (now.isEmpty()) {
            return;
        }
        WarmupMember member = now.get();
        if (!member.equals(WarmupMember.UNREADABLE)) {
            member = identified(source, member);
        }
        members.put(name, member);
        if (plan(name).isEmpty()) {
            LOG.error("warm-up stands still source={} reason=\"{}\"", name, whyNot(name));
        } else if (!moved.containsKey(name) && !Arrays.equals(member.encode(), stored.orElse(
                new byte[0]))) {
            write(List.of(change(name)));
        }
    }

    /** What was said of another address, or of another name, does not hold for this one. */
    private WarmupMember identified(SourceConfig source, WarmupMember member) {
        Seen before = member.seen();
        Seen now = Seen.of(source);
        WarmupMember made = member.seen(now, config);
        if (now.movedFrom(before)) {
            moved.put(source.name(), "its address was " + shown(before) + ", and is " + shown(
                    now));
            made = made.moved(config);
        } else if (now.renamedFrom(before) && member.admitted()) {
            LOG.info("warm-up checked again source={} reason=\"its EHLO name was {}, and is {}\"",
                    source.name(), before.ehlo(), now.ehlo());
            made = made.admitted(false, "");
        }
        return source.warmup().filter(WarmupConfig.Joined::unchecked).isPresent()
                ? made.admitted(true, made.warning())
                : made;
    }

    private static String shown(Seen seen) {
        return seen.addresses().isEmpty() ? "that which the system chooses" : seen.addresses();
    }

    private void findZones() {
        List<WarmupPlan.Hours> found = new ArrayList<>();
        for (WarmupMember member : members.values()) {
            WarmupPlan plan = config.warmup().plans().get(member.plan());
            if (plan != null && found.stream().noneMatch(one -> one.zone().equals(
                    plan.hours().zone()))) {
                found.add(plan.hours());
            }
        }
        zones = List.copyOf(found);
    }

    /** Runs {@code listener}, on any thread, when a source may begin. */
    void onChange(Runnable listener) {
        changed = listener;
    }

    /**
     * Why sources have to begin anew, by name: each sends from another address than before. Their
     * memos are not written yet: they belong into the batch of their tracks.
     */
    Map<String, String> moved() {
        return Map.copyOf(moved);
    }

    /** What is to be written of a member. */
    Memos.Change change(String name) {
        WarmupMember member = members.get(name);
        return member == null ? Memos.Change.remove(PREFIX + name)
                : Memos.Change.put(PREFIX + name, member.encode());
    }

    boolean none() {
        return members.isEmpty();
    }

    Set<String> names() {
        return Set.copyOf(members.keySet());
    }

    /** One of the plans of each time zone that is in use. */
    List<WarmupPlan.Hours> zones() {
        return zones;
    }

    /** Whether it is warmed up, or cannot be because its plan is gone. */
    boolean has(String source) {
        return members.containsKey(source);
    }

    /** The plan of a source; empty: it is not warmed up, or its plan is gone. */
    Optional<WarmupPlan> plan(String source) {
        WarmupMember member = members.get(source);
        return member == null ? Optional.empty() : planOf(member.plan());
    }

    /** The plan of that name, if the configuration has it. */
    Optional<WarmupPlan> planOf(String name) {
        return Optional.ofNullable(config.warmup().plans().get(name));
    }

    /** Any plan, to read what was written by one that is gone. */
    Optional<WarmupPlan> anyPlan() {
        return config.warmup().plans().values().stream().findFirst();
    }

    /** The name of the plan of a source, whether there is such a plan or not; may be empty. */
    String planName(String source) {
        WarmupMember member = members.get(source);
        return member == null ? "" : member.plan();
    }

    /**
     * The part of the mail that its weight gives it in the pool where that is largest: a source
     * that is warmed up gets no more than a warm one would, whatever its cap.
     */
    double part(String source) {
        double most = 0;
        for (PoolConfig pool : config.pools().values()) {
            int all = pool.sources().values().stream().mapToInt(Integer::intValue).sum();
            most = Math.max(most, (double) pool.sources().getOrDefault(source, 0) / all);
        }
        return most == 0 ? 1 : most;
    }

    /** Whether it has begun. */
    boolean admitted(String source) {
        WarmupMember member = members.get(source);
        return member != null && member.admitted() && begun(member);
    }

    /** Whether it may send at all. */
    boolean sends(String source) {
        WarmupMember member = members.get(source);
        return member != null && member.admitted() && member.paused().isEmpty() && begun(member);
    }

    boolean paused(String source) {
        WarmupMember member = members.get(source);
        return member != null && member.paused().isPresent();
    }

    /** Whether it is warm wherever it gets mail for. */
    boolean complete(String source) {
        WarmupMember member = members.get(source);
        return member != null && member.complete();
    }

    /** Whether mail for a provider that is new to a source was counted at the default one. */
    boolean isNewer(String provider, String than) {
        WarmupMember member = members.get(than);
        return member != null && !member.providers().isEmpty()
                && !member.providers().contains(provider);
    }

    /** What the gate minds though it let the source begin; empty: nothing. */
    String warning(String source) {
        WarmupMember member = members.get(source);
        return member == null ? "" : member.warning();
    }

    private boolean begun(WarmupMember member) {
        WarmupPlan plan = config.warmup().plans().get(member.plan());
        return plan != null && member.first().filter(day -> plan.hours().dayOf(
                time.epochMillis()) < day.toEpochDay()).isEmpty();
    }

    /** Why it may not; a sentence. */
    String whyNot(String source) {
        WarmupMember member = members.get(source);
        if (member == null) {
            return "source " + source + " is not warmed up";
        }
        String subject = "the warm-up of source " + source;
        if (member.plan().isEmpty()) {
            return subject + " stands still: what is stored of it cannot be read; start it by a"
                    + " plan, or stop it";
        }
        if (plan(source).isEmpty()) {
            return subject + " stands still: its plan " + member.plan() + " is in no"
                    + " configuration any more; start it by another, or stop it";
        }
        if (member.paused().isPresent()) {
            return subject + " is paused: " + member.paused().get();
        }
        return begun(member)
                ? subject + " does not begin: " + troubles.getOrDefault(source,
                        "its identity is being checked")
                : subject + " begins on " + member.first().map(LocalDate::toString).orElse("");
    }

    /** When it is worth to look again. */
    long waitMillis(String source) {
        WarmupMember member = members.get(source);
        return member != null && begun(member) && member.paused().isEmpty()
                && !troubles.containsKey(source)
                        ? TimeUnit.SECONDS.toMillis(1)
                        : TimeUnit.MINUTES.toMillis(1);
    }

    // ------------------------------------------------------------------ the gate

    /** Asks the gate about each source that waits for it, at most every ten minutes. */
    void ask() {
        members.forEach((name, member) -> {
            SourceConfig source = config.sources().get(name);
            Long last = asked.get(name);
            if (source == null || member.admitted() || !begun(member)
                    || (last != null && time.nanos() - last < ASK_AGAIN_NANOS)) {
                return;
            }
            asked.put(name, time.nanos());
            gate.ask(source).whenComplete((answer, bug) -> {
                if (bug != null) {
                    LOG.error("warm-up gate failed source={}", name, bug);
                    troubles.put(name, "its identity could not be checked");
                } else if (answer.problems().isEmpty()) {
                    admit(name, sentence(answer.warnings()));
                } else {
                    String trouble = sentence(answer.problems());
                    if (!trouble.equals(troubles.put(name, trouble))) {
                        LOG.warn("warm-up does not begin source={} reason=\"{}\"", name, trouble);
                    }
                }
            });
        });
    }

    private static String sentence(List<String> of) {
        String all = String.join(" ", of).replaceFirst("\\.$", "");
        return Ascii.clean(all.length() <= MAX_TROUBLE ? all
                : all.substring(0, MAX_TROUBLE - 3) + "...", MAX_TROUBLE);
    }

    /** The answer is about the source, whatever was done to its plan meanwhile. */
    private void admit(String name, String warning) {
        troubles.remove(name);
        if (!warning.isEmpty()) {
            LOG.warn("warm-up begins all the same source={} warning=\"{}\"", name, warning);
        }
        if (update(name, member -> member.admitted(true, warning))) {
            changed.run();
        }
    }

    // ------------------------------------------------------------------ operators

    /** A source begins by an operator's word. */
    void join(String name, String plan, Optional<LocalDate> first, boolean unasked) {
        SourceConfig source = config.sources().get(name);
        if (source == null) {
            return;
        }
        WarmupMember made = WarmupMember.joining(plan, first, source.warmup().isEmpty(), source,
                config).admitted(unasked, "");
        WarmupMember member = source.warmup().map(joined -> made.instead(joined.start().map(
                LocalDate::toString).orElse(""))).orElse(made);
        synchronized (this) {
            WarmupMember old = members.get(name);
            put(name, old == null ? member : member.after(old));
        }
        troubles.remove(name);
        asked.remove(name);
        ask();
    }

    /** It is not warmed up any more. */
    synchronized void leave(String name) {
        members.remove(name);
        troubles.remove(name);
        asked.remove(name);
        findZones();
        write(List.of(change(name)));
    }

    void pause(String name, Optional<String> why) {
        update(name, member -> member.paused(why));
    }

    void complete(String name, boolean now) {
        update(name, member -> member.complete(now));
    }

    /** Whether there was such a member. */
    private synchronized boolean update(String name, UnaryOperator<WarmupMember> change) {
        WarmupMember member = members.get(name);
        if (member == null) {
            return false;
        }
        WarmupMember made = change.apply(member);
        if (!made.equals(member)) {
            put(name, made);
        }
        return true;
    }

    private synchronized void put(String name, WarmupMember member) {
        members.put(name, member);
        findZones();
        write(List.of(change(name)));
    }

    private void write(List<Memos.Change> changes) {
        memos.write(changes, List.of(), Runnable::run, CommitListener.onFailure(why -> LOG.error(
                "warm-up changed but not on disk: a restart undoes it reason=\"{}\"",
                why.getMessage())));
    }
}
