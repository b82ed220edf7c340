// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which sources are warmed up, by which plan, and whether each may begin: its first day has come
 * and the {@link WarmupGate} has nothing against it, which is asked until it has not. Any thread;
 * never blocks after the start.
 */
final class WarmupSources {
    private static final Logger LOG = LoggerFactory.getLogger(WarmupSources.class);
    private static final String PREFIX = "warmup/source/";
    private static final String VERSION = "1";
    private static final long ASK_AGAIN_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final int MAX_TROUBLE = 300;

    /**
     * A source that is warmed up.
     *
     * @param admitted the gate had nothing against it, or was not to be asked
     * @param byOperator it was started by command and stands in no configuration
     */
    private record Member(String plan, Optional<LocalDate> first, boolean admitted,
            boolean byOperator) {

        String encode() {
            return String.join("\n", VERSION, plan, first.map(LocalDate::toString).orElse(""),
                    String.valueOf(admitted), String.valueOf(byOperator));
        }

        static Optional<Member> decode(byte[] stored) {
            String[] parts = new String(stored, StandardCharsets.UTF_8).split("\n", -1);
            if (parts.length != 5 || !parts[0].equals(VERSION)) {
                return Optional.empty();
            }
            try {
                return Optional.of(new Member(parts[1], parts[2].isEmpty() ? Optional.empty()
                        : Optional.of(LocalDate.parse(parts[2])), Boolean.parseBoolean(parts[3]),
                        Boolean.parseBoolean(parts[4])));
            } catch (DateTimeException unreadable) {
                return Optional.empty();
            }
        }
    }

    private final DeliveryConfig config;
    private final TimeSource time;
    private final Memos memos;
    private final WarmupGate gate;
    private final Map<String, Member> members = new ConcurrentHashMap<>();
    private final Map<String, String> troubles = new ConcurrentHashMap<>();
    private final Map<String, Long> asked = new ConcurrentHashMap<>();
    private volatile List<WarmupPlan.Hours> zones = List.of();
    private volatile Runnable changed = () -> {};

    /** Takes up what is on disk: blocks. */
    WarmupSources(DeliveryConfig config, TimeSource time, Memos memos, WarmupGate gate) {
        this.config = config;
        this.time = time;
        this.memos = memos;
        this.gate = gate;
        Map<String, byte[]> stored = memos.beginningWith(PREFIX);
        config.sources().forEach((name, source) -> {
            Optional<Member> old = Optional.ofNullable(stored.get(PREFIX + name))
                    .flatMap(Member::decode);
            Optional<Member> now = source.warmup().map(joined -> new Member(joined.plan(),
                    joined.start(), joined.unchecked() || old.filter(Member::admitted).isPresent(),
                    false))
                    .or(() -> old.filter(Member::byOperator));
            now.filter(one -> config.warmup().plans().containsKey(one.plan()))
                    .ifPresent(one -> members.put(name, one));
        });
        findZones();
    }

    private void findZones() {
        List<WarmupPlan.Hours> found = new ArrayList<>();
        for (Member member : members.values()) {
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

    /** The plan of a source; empty: it is not warmed up. */
    Optional<WarmupPlan> plan(String source) {
        Member member = members.get(source);
        return member == null ? Optional.empty()
                : Optional.ofNullable(config.warmup().plans().get(member.plan()));
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

    /** Whether it may send at all. */
    boolean admitted(String source) {
        Member member = members.get(source);
        return member != null && member.admitted() && begun(member);
    }

    private boolean begun(Member member) {
        WarmupPlan plan = config.warmup().plans().get(member.plan());
        return plan != null && member.first().filter(day -> plan.hours().dayOf(
                time.epochMillis()) < day.toEpochDay()).isEmpty();
    }

    /** Why it may not; a sentence. */
    String whyNot(String source) {
        Member member = members.get(source);
        if (member == null) {
            return "source " + source + " is not warmed up";
        }
        if (!begun(member)) {
            return "the warm-up of source " + source + " begins on " + member.first().map(
                    LocalDate::toString).orElse("");
        }
        return "the warm-up of source " + source + " does not begin: " + troubles.getOrDefault(
                source, "its identity is being checked");
    }

    /** When it is worth to look again. */
    long waitMillis(String source) {
        Member member = members.get(source);
        return member != null && begun(member) && !troubles.containsKey(source)
                ? TimeUnit.SECONDS.toMillis(1)
                : TimeUnit.MINUTES.toMillis(1);
    }

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
            gate.problems(source).whenComplete((problems, bug) -> {
                if (bug != null) {
                    LOG.error("warm-up gate failed source={}", name, bug);
                    troubles.put(name, "its identity could not be checked");
                } else if (problems.isEmpty()) {
                    admit(name, member);
                } else {
                    String trouble = Ascii.clean(String.join("; ", problems), MAX_TROUBLE);
                    if (!trouble.equals(troubles.put(name, trouble))) {
                        LOG.warn("warm-up does not begin source={} reason=\"{}\"", name, trouble);
                    }
                }
            });
        });
    }

    private void admit(String name, Member member) {
        troubles.remove(name);
        put(name, new Member(member.plan(), member.first(), true, member.byOperator()));
        changed.run();
    }

    /** A source begins by an operator's word. */
    void join(String source, String plan, Optional<LocalDate> first, boolean unasked) {
        boolean configured = config.sources().containsKey(source)
                && config.sources().get(source).warmup().isPresent();
        put(source, new Member(plan, first, unasked, !configured));
        asked.remove(source);
        ask();
    }

    private void put(String name, Member member) {
        members.put(name, member);
        findZones();
        memos.write(List.of(Memos.Change.put(PREFIX + name, member.encode().getBytes(
                StandardCharsets.UTF_8))), List.of(), Runnable::run,
                CommitListener.onFailure(why -> LOG.error(
                        "warm-up begun but not on disk source={} reason=\"{}\"", name,
                        why.getMessage())));
    }
}
