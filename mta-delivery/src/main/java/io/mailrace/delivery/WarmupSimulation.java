// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Event;
import io.mailrace.core.Metrics;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/**
 * Weeks of warm-up in simulated time: two warm sources and two new ones, mail to five
 * providers, each a {@link ReceiverModel} that thinks little of the new sources. The warm-up,
 * gates, rates, rules and measures are those of delivery; orderly restarts and crashes with writes
 * under way come in between. Confined to its thread; a run holds the mail that waits in memory.
 */
public final class WarmupSimulation {
    private static final String DOMAIN = "sender.test";
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
    private static final SmtpReply FIRST_CONTACT = SmtpReply.of(451, "4.7.1",
            "Greylisting in action, please come back in 00:05:00");
    private static final SmtpReply LATER = SmtpReply.of(451, "4.7.1",
            "you are sending too fast, rate limited");
    private static final int MINUTES_A_DAY = 24 * 60;
    private static final int RETRY_MINUTES = 15;
    private static final List<String> COLD = List.of("new-1", "new-2");
    private static final List<String> WARM = List.of("old-1", "old-2");
    /** So many messages are settled in one batch of the simulated disk. */
    private static final int BATCH = 20;
    private static final double UNKNOWN_USERS = 0.005;
    private static final double NEWCOMER = 0.05;

    /** How the new sources begin. */
    public enum Way {
        /** As if they were warm. */
        NO_WARM_UP,
        /** By the plan, whatever the replies are. */
        FIXED_PLAN,
        /** By the plan, which holds and steps back when a day was bad. */
        HEALTH_HOLD
    }

    /** When in the day mail comes, in the hours of UTC. */
    public enum Arrivals {
        /** Evenly round the clock. */
        EVEN(0, 24),
        OFFICE(8, 18),
        /** All in one hour. */
        CAMPAIGN(9, 10);

        private final int from;
        private final int to;

        Arrivals(int from, int to) {
            this.from = from;
            this.to = to;
        }

        /** How many times the even rate it is while mail comes. */
        private double peak() {
            return 24.0 / (to - from);
        }

        /** The rate at a minute of the day, 1 for even. */
        private double at(int minute) {
            return minute >= from * 60 && minute < to * 60 ? peak() : 0;
        }
    }

    /**
     * What is simulated.
     *
     * @param plan name of a plan of the configuration
     * @param volume messages a day to all providers together
     * @param greylisting share of first attempts from new sources that small receivers put off
     *        because they are the first contact
     * @param dipDay on that day, 1 for the first, all providers think little of the new sources
     *        again; 0: never
     * @param stops orderly restarts and crashes a day, half of each; 0: none
     */
    public record Setting(Way way, String plan, int days, long volume, Arrivals arrivals,
            double greylisting, int dipDay, int stops, long seed) {
        public Setting {
            if (!(greylisting >= 0 && greylisting <= 1)) {
                throw new IllegalArgumentException("the share of greylisting is from 0 to 1");
            }
            if (days < 1 || days > 3650 || volume < 24 || volume > 100_000_000) {
                throw new IllegalArgumentException("a simulation has 1 to 3650 days of 24 to"
                        + " 100000000 messages");
            }
        }
    }

    /**
     * One day of the new sources together.
     *
     * @param cap messages they may send; 0 without warm-up or when they are warm
     * @param sent attempts from them
     * @param later of them, put off by the receiver
     * @param actions decisions of the day, with their number
     */
    public record Day(int day, long cap, long sent, long accepted, long later, long blocked,
            Map<String, Integer> actions) {}

    /**
     * What came of it.
     *
     * @param fullOn day from which the new sources carry four fifths of their even share; 0: never
     * @param over messages that began beyond the cap of an hour or a day
     * @param attempts of all sources
     * @param later refusals for now, of the new sources
     * @param greylisted of the new sources' attempts, beside those
     * @param blocked refusals of the new sources that say they are blocked
     * @param waiting messages not delivered at the end, each with a place in the queue
     * @param events decisions in words, the oldest first
     */
    public record Result(Setting setting, List<Day> days, int fullOn, long over, long attempts,
            long sentByNew, long later, long greylisted, long blocked, long delivered, long bounced,
            long waiting,
            int restarts, int crashes, List<String> events) {

        /** Share of the new sources' attempts that were put off. */
        public double laterShare() {
            return sentByNew == 0 ? 0 : (double) later / sentByNew;
        }

        /** Share of the new sources' attempts that found them blocked. */
        public double blockedShare() {
            return sentByNew == 0 ? 0 : (double) blocked / sentByNew;
        }
    }

    /** A message that is still to be delivered. */
    private record Mail(String provider, boolean first, long dueMinute) {}

    /** A path of a source to a provider. */
    private record Place(String source, String provider) {}

    private static final class SimulatedTime implements TimeSource {
        private long nanos;

        @Override
        public long epochMillis() {
            // a midnight
            return 1_800_057_600_000L + TimeUnit.NANOSECONDS.toMillis(nanos);
        }

        @Override
        public long nanos() {
            return nanos;
        }
    }

    /** A disk that writes in batches: what is not written dies in a crash. */
    private static final class Disk implements Memos {
        private final Map<String, byte[]> written = new TreeMap<>();
        private final ArrayDeque<Runnable> late = new ArrayDeque<>();
        private final List<Event.WarmupStep> events = new ArrayList<>();

        @Override
        public Map<String, byte[]> beginningWith(String prefix) {
            Map<String, byte[]> found = new TreeMap<>();
            each(prefix, found::put);
            return found;
        }

        @Override
        public void each(String prefix, BiConsumer<String, byte[]> visitor) {
            written.forEach((name, value) -> {
                if (name.startsWith(prefix)) {
                    visitor.accept(name, value);
                }
            });
        }

        @Override
        public void write(List<Change> changes, List<Event> added, Executor where,
                CommitListener listener) {
            late.add(() -> {
                changes.forEach(change -> change.value().ifPresentOrElse(
                        value -> written.put(change.name(), value),
                        () -> written.remove(change.name())));
                for (Event event : added) {
                    if (event instanceof Event.WarmupStep step) {
                        events.add(step);
                    }
                }
                where.execute(listener::committed);
            });
        }

        void settle(List<Addition> additions) {
            late.add(() -> additions.forEach(one -> written.put(one.name(), one.appliedTo(
                    written.getOrDefault(one.name(), new byte[0])))));
        }

        void sync() {
            while (!late.isEmpty()) {
                late.removeFirst().run();
            }
        }
    }

    private final Setting setting;
    private final DeliveryConfig config;
    private final Map<String, Double> shares;
    private final SimulatedTime time = new SimulatedTime();
    private final Disk disk = new Disk();
    private final Random random;
    private final Map<String, ReceiverModel> receivers = new HashMap<>();
    private final Map<Place, EgressPath> paths = new HashMap<>();
    private final Map<String, EgressSource> sources = new LinkedHashMap<>();
    private final Measures measures;
    private final SourceWheel wheel;
    private final ArrayDeque<Mail> waiting = new ArrayDeque<>();
    private final Map<Long, List<Mail>> retries = new HashMap<>();
    private final List<Mail> unsettled = new ArrayList<>();
    private final WarmupTally tally = new WarmupTally();
    private Warmup warmup;
    private int restarts;
    private int crashes;

    /**
     * @param config whose providers, rules and plans hold
     * @throws IllegalArgumentException with a sentence for people when there is no such plan
     */
    public WarmupSimulation(DeliveryConfig config, Setting setting) {
        this.setting = setting;
        random = new Random(setting.seed());
        WarmupPlan plan = config.warmup().plans().get(setting.plan());
        if (plan == null) {
            throw new IllegalArgumentException("there is no plan named " + setting.plan()
                    + "; known are: " + String.join(", ", config.warmup().plans().keySet()));
        }
        this.config = configOf(config, plan, setting.way());
        shares = shares(config.providers());
        Memos forgotten = new Disk();
        measures = new Measures(time, forgotten, new DeliveryMeters(new Metrics()));
        Gates gates = new Gates(time, forgotten);
        this.config.sources().forEach((name, source) -> sources.put(name, new EgressSource(source,
                time)));
        shares.forEach((name, share) -> {
            Provider provider = config.providers().named(name).orElseThrow();
            // an address of good name could send three times its even part while mail comes
            int perHour = (int) Math.max(24, setting.volume() * share / 4 / 24 * 3
                    * setting.arrivals().peak());
            ReceiverModel model = new ReceiverModel(new ReceiverModel.Rules(
                    ReceiverModel.Counting.SLIDING_HOUR, perHour, 0, repliesOf(name)), time);
            receivers.put(name, model);
            sources.forEach((source, egress) -> {
                model.thinks(source, COLD.contains(source) ? NEWCOMER : 1);
                paths.put(new Place(source, name), new EgressPath(gates.of(egress, provider,
                        SitePaths.receiverOf(provider, name)), measures, name, time));
            });
        });
        List<EgressSource> even = List.copyOf(sources.values());
        int[] weights = new int[even.size()];
        java.util.Arrays.fill(weights, 1);
        wheel = new SourceWheel("default", even, weights);
        warmup = begin();
    }

    private static DeliveryConfig configOf(DeliveryConfig config, WarmupPlan plan, Way way) {
        WarmupPlan.Rules rules = plan.rules();
        WarmupPlan used = way == Way.HEALTH_HOLD ? plan
                : new WarmupPlan(plan.name(), plan.caps(), plan.shares(), 0, plan.badDays(),
                        new WarmupPlan.Rules(1, 1, 1, rules.minSample(), 1, 1, Duration.ZERO,
                                rules.idleDays()),
                        plan.hours(), plan.engaged());
        Map<String, SourceConfig> sources = new LinkedHashMap<>();
        WARM.forEach(name -> sources.put(name, SourceConfig.plain(name, "mta.test")));
        COLD.forEach(name -> {
            SourceConfig source = SourceConfig.plain(name, "mta.test");
            sources.put(name, way == Way.NO_WARM_UP ? source
                    : source.warmedUp(new WarmupConfig.Joined(plan.name(), Optional.empty(),
                            true)));
        });
        return new DeliveryConfig(config.hostname(), config.delivery(), sources,
                Map.of(DeliveryConfig.DEFAULT, PoolConfig.even(DeliveryConfig.DEFAULT,
                        sources.keySet())),
                config.providers(), List.of(), Map.of(), List.of(),
                new WarmupConfig(Map.of(used.name(), used)), config.tlsReports(), config.dns());
    }

    /** Who gets which part of the mail: five providers, fewer when fewer are configured. */
    private static Map<String, Double> shares(Providers providers) {
        double[] parts = {0.4, 0.25, 0.15, 0.1};
        Map<String, Double> shares = new LinkedHashMap<>();
        double left = 1;
        for (String name : List.of("gmail", "outlook", "yahoo", "apple")) {
            if (providers.named(name).isPresent()) {
                double part = parts[shares.size()];
                shares.put(name, part);
                left -= part;
            }
        }
        shares.put(Provider.DEFAULT, left);
        return shares;
    }

    private static ReceiverModel.Replies repliesOf(String provider) {
        return switch (provider) {
            case "outlook" -> ReceiverModel.Replies.outlook();
            case "yahoo" -> ReceiverModel.Replies.yahoo();
            case "gmail" -> ReceiverModel.Replies.gmail();
            default -> new ReceiverModel.Replies(LATER, LATER,
                    SmtpReply.of(550, "5.1.1", "no such user"),
                    SmtpReply.of(554, "5.7.1", "refused, blocked using our list"));
        };
    }

    private Warmup begin() {
        Warmup begun = new Warmup(config, time, disk, new Metrics(), WarmupGate.OPEN);
        begun.sweep();
        disk.sync();
        return begun;
    }

    // ------------------------------------------------------------------ running

    /** Runs all its days. Once. */
    public Result run() {
        Map<String, Double> arrived = new HashMap<>();
        long minutes = (long) setting.days() * MINUTES_A_DAY;
        for (long minute = 0; minute < minutes; minute++) {
            if (minute == (setting.dipDay() - 1L) * MINUTES_A_DAY) {
                receivers.values().forEach(model -> COLD.forEach(source -> model.thinks(source,
                        NEWCOMER)));
            }
            List<Mail> due = retries.remove(minute);
            if (due != null) {
                waiting.addAll(due);
            }
            long of = minute;
            shares.forEach((provider, share) -> {
                double now = arrived.merge(provider, setting.volume() * share / MINUTES_A_DAY
                        * setting.arrivals().at((int) (of % MINUTES_A_DAY)), Double::sum);
                for (; now >= 1; now--) {
                    waiting.add(new Mail(provider, true, 0));
                }
                arrived.put(provider, now);
            });
            minute(minute);
            if (setting.stops() > 0 && random.nextInt(MINUTES_A_DAY) < setting.stops()) {
                stop();
            }
            time.nanos = (minute + 1) * MINUTE;
            if ((minute + 1) % MINUTES_A_DAY == 0) {
                endOfDay();
            }
        }
        return tally.result(setting, waitingCount(), restarts, crashes, disk.events.stream()
                .map(WarmupSimulation::line).toList());
    }

    private long waitingCount() {
        return waiting.size() + retries.values().stream().mapToLong(List::size).sum();
    }

    private static String line(Event.WarmupStep step) {
        return java.time.Instant.ofEpochMilli(step.epochMillis()).toString().substring(0, 10) + " "
                + step.source() + " at " + step.provider() + ": " + step.action() + ", step "
                + step.step() + ", cap " + step.cap() + ": " + step.why();
    }

    /** Sends what may go now; the minute is spread over what is sent. */
    private void minute(long minute) {
        int count = waiting.size();
        Set<String> stuckFirst = new HashSet<>();
        Set<String> stuckAgain = new HashSet<>();
        for (int i = 0; i < count; i++) {
            time.nanos = minute * MINUTE + MINUTE * i / Math.max(1, count);
            Mail mail = waiting.removeFirst();
            Set<String> stuck = mail.first() ? stuckFirst : stuckAgain;
            if (stuck.contains(mail.provider()) || !send(mail, minute)) {
                stuck.add(mail.provider());
                waiting.addLast(mail);
            }
            if (disk.late.size() >= BATCH) {
                sync();
            }
        }
        sync();
    }

    private void sync() {
        disk.sync();
        unsettled.clear();
    }

    private boolean send(Mail mail, long minute) {
        boolean warming = setting.way() != Way.NO_WARM_UP;
        if (warming && mail.first()) {
            for (int i = 0; i < COLD.size(); i++) {
                String source = COLD.get((int) ((minute + i) % COLD.size()));
                Optional<Warmup.Pass> pass = pass(source, mail.provider());
                if (pass.isPresent()) {
                    attempt(mail, source, pass, minute);
                    return true;
                }
            }
        }
        SourceWheel.Turn turn = wheel.next(one -> (!warming || !warmup.cold(one.name(),
                mail.provider())) && path(one.name(), mail.provider()).peek() == null);
        if (turn == null || path(turn.source().name(), mail.provider()).take() != null) {
            return false;
        }
        attempt(mail, turn.source().name(), Optional.empty(), minute);
        return true;
    }

    private EgressPath path(String source, String provider) {
        return java.util.Objects.requireNonNull(paths.get(new Place(source, provider)));
    }

    private Optional<Warmup.Pass> pass(String source, String provider) {
        EgressPath path = path(source, provider);
        if (!warmup.cold(source, provider) || warmup.room(source, provider).all() < 1
                || path.take() != null) {
            return Optional.empty();
        }
        Warmup.Pass pass = warmup.take(source, provider);
        if (pass == null) {
            disk.sync();
            pass = warmup.take(source, provider);
        }
        if (pass == null) {
            path.giveBack(time.nanos());
        }
        return Optional.ofNullable(pass);
    }

    private void attempt(Mail mail, String source, Optional<Warmup.Pass> pass, long minute) {
        EgressPath path = path(source, mail.provider());
        boolean cold = COLD.contains(source);
        pass.ifPresent(one -> {
            WarmupPlan plan = warmup.sources().plan(source).orElseThrow();
            long cap = warmup.cap(one.key());
            tally.began(one.key(), one.ticket(), cap, mostInAnHour(plan, cap));
        });
        boolean greylists = cold && mail.first() && mail.provider().equals(Provider.DEFAULT)
                && setting.greylisting() > 0 && random.nextDouble() < setting.greylisting();
        SmtpReply reply = greylists ? FIRST_CONTACT
                : java.util.Objects.requireNonNull(receivers.get(mail.provider())).offer(source,
                        DOMAIN, random.nextDouble() >= UNKNOWN_USERS);
        WarmupDay.Outcome outcome = WarmupDay.Outcome.ACCEPTED;
        boolean blocked = false;
        if (reply.isPositive()) {
            path.accepted();
        } else {
            Ruling ruling = refused(reply, mail.provider(), path);
            blocked = ruling.category() == ReplyClass.BLOCKED
                    || ruling.category() == ReplyClass.LISTED;
            if (blocked && setting.way() == Way.HEALTH_HOLD) {
                // of the small receivers not always the same
                warmup.blocked(source, mail.provider(), "site" + minute % 10, reply.toString());
            }
            outcome = ruling.fails() ? WarmupDay.Outcome.BOUNCED
                    : ruling.category() == ReplyClass.GREYLISTED ? WarmupDay.Outcome.GREYLISTED
                            : WarmupDay.Outcome.DEFERRED;
            if (outcome != WarmupDay.Outcome.BOUNCED) {
                long due = minute + RETRY_MINUTES;
                retries.computeIfAbsent(due, key -> new ArrayList<>()).add(new Mail(
                        mail.provider(), false, due));
            }
        }
        disk.settle(warmup.finished(source, mail.provider(), mail.first(), pass, Optional.of(
                outcome)));
        tally.finished(cold, outcome, blocked);
        unsettled.add(mail);
    }

    private static long mostInAnHour(WarmupPlan plan, long cap) {
        if (plan.byShare()) {
            return Long.MAX_VALUE;
        }
        long even = Math.ceilDiv(cap, (long) plan.hours().count());
        return plan.hours().per() == WarmupPlan.Per.HOUR ? even : 2 * even;
    }

    private Ruling refused(SmtpReply reply, String provider, EgressPath path) {
        Provider of = config.providers().named(provider).orElseThrow();
        Ruling ruling = config.providers().judge(of, Stage.END_OF_DATA, reply);
        path.refused(ruling.category(), !ruling.fails());
        ruling.rule().ifPresent(rule -> measures.fire(ruling.source(), rule, reply,
                new Measures.Place(provider, provider, path.source().name(), Optional.empty(),
                        DOMAIN, path.gate().most(), path.gate().most(), 1)));
        return ruling;
    }

    /** The process ends and begins anew: in order, or in the middle of its writes. */
    private void stop() {
        if (random.nextBoolean()) {
            restarts++;
            warmup.close();
            disk.sync();
        } else {
            crashes++;
            crash();
        }
        warmup = begin();
    }

    /** Some mail is sent and not settled when the process dies: it goes again. */
    private void crash() {
        unsettled.clear();
        int begun = Math.min(waiting.size(), BATCH / 2);
        long minute = time.nanos / MINUTE;
        for (int i = 0; i < begun; i++) {
            Mail mail = waiting.removeFirst();
            if (!send(mail, minute)) {
                waiting.addFirst(mail);
                break;
            }
        }
        disk.late.clear();
        unsettled.forEach(waiting::addFirst);
        unsettled.clear();
    }

    private void endOfDay() {
        long[] cap = new long[1];
        warmup.each((key, track, volume) -> cap[0] += track.cap(volume));
        disk.sync();
        tally.endOfDay(cap[0], setting, disk.events);
        measures.sweep();
    }
}
