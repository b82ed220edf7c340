// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.delivery.WarmupTrack.Decision;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** What operators see of warm-up, and do to it. Any thread; never blocks. */
public final class WarmupControl {
    private static final int MAX_WHY = 300;

    /**
     * One source at one provider.
     *
     * @param state {@code warming}, {@code warm}, {@code paused}, {@code waiting}
     * @param step 1 for the first of {@code steps}
     * @param day in the plan's time zone
     * @param cap messages today; 0: none any more
     * @param used first attempts begun today; the counts after it are what became of them
     * @param volume first attempts of all sources at the provider today
     * @param health shares of today in words
     * @param tomorrow what is decided if today ends as it is now
     * @param why why it does not send, or what its receivers may mind; empty: nothing
     */
    public record Row(String source, String provider, String plan, String state, int step,
            int steps, LocalDate day, long cap, long used, long accepted, long deferred,
            long greylisted, long bounced, long complained, long volume, String health,
            String tomorrow,
            String why) {}

    private final DeliveryConfig config;
    private final Warmup warmup;

    WarmupControl(DeliveryConfig config, Warmup warmup) {
        this.config = config;
        this.warmup = warmup;
    }

    /** Every source that is warmed up at every provider it had mail for, by name. */
    public List<Row> status() {
        List<Row> rows = new ArrayList<>();
        Set<String> missing = new LinkedHashSet<>(warmup.sources().names());
        warmup.each((key, track, volume) -> {
            missing.remove(key.source());
            rows.add(row(key, track, volume));
        });
        missing.forEach(source -> rows.add(row(source)));
        return List.copyOf(rows);
    }

    /** Of one that had no mail yet, or whose plan is gone. */
    private Row row(String source) {
        WarmupSources sources = warmup.sources();
        Optional<WarmupPlan> plan = sources.plan(source);
        ZoneId zone = plan.map(one -> one.hours().zone()).orElse(ZoneId.of("UTC"));
        boolean warm = plan.isPresent() && sources.complete(source);
        int steps = plan.map(one -> one.steps(WarmupPlan.DEFAULT)).orElse(0);
        return new Row(source, "-", sources.planName(source), warm ? "warm"
                : sources.paused(source) ? "paused" : "waiting", Math.min(1, steps), steps,
                LocalDate.ofInstant(Instant.ofEpochMilli(warmup.now()), zone), 0, 0, 0, 0, 0, 0, 0,
                0, "", "", warm ? ""
                        : sources.sends(source) ? "it had no mail yet" + warning(source)
                                : sources.whyNot(source));
    }

    private String warning(String source) {
        String text = warmup.sources().warning(source);
        return text.isEmpty() ? "" : "; warning: " + text;
    }

    private Row row(Warmup.Key key, WarmupTrack track, long volume) {
        long now = warmup.now();
        WarmupPlan.Hours hours = track.plan().hours();
        WarmupDay day = track.day(hours.dayOf(now));
        WarmupSources sources = warmup.sources();
        boolean may = sources.sends(key.source());
        String state = track.warm() ? "warm"
                : track.paused(now) || sources.paused(key.source()) ? "paused"
                        : may ? "warming" : "waiting";
        List<String> ills = track.ills(day);
        return new Row(key.source(), key.provider(), track.plan().name(), state,
                track.step() + 1, track.plan().steps(key.provider()),
                LocalDate.ofEpochDay(day.day()), track.cap(volume), day.used(), day.accepted(),
                day.deferred(), day.greylisted(), day.bounced(), day.complained(), volume,
                ills.isEmpty() ? day.finished() == 0 ? "" : "good" : String.join(", ", ills),
                tomorrow(track, day.day()),
                track.warm() ? ""
                        : !may ? sources.whyNot(key.source())
                                : track.paused(now) ? track.pausedWhy()
                                        : warning(key.source()).replaceFirst("^; ", ""));
    }

    private static String tomorrow(WarmupTrack track, long today) {
        WarmupTrack copy = track.copy();
        ZoneId zone = copy.plan().hours().zone();
        List<Decision> decisions = copy.turn(LocalDate.ofEpochDay(today + 1).atStartOfDay(zone)
                .toInstant().toEpochMilli());
        String cap = copy.warm() ? "warm"
                : copy.plan().byShare()
                        ? WarmupPlan.percent(copy.plan().shares().get(copy.step()))
                        : String.format(Locale.ROOT, "%,d", copy.cap(0));
        return decisions.isEmpty() ? cap
                : cap + " (" + decisions.getLast().action().word() + ")";
    }

    /**
     * How the warm-up of a source goes on, at each provider it has to do with.
     *
     * @param provider empty: each of them
     * @param plan empty: that of the source
     * @param volume first attempts a day to each provider; empty: as many as yesterday, or as today
     *        when that is more
     * @throws IllegalArgumentException with a sentence for people when that makes no sense
     */
    public List<WarmupForecast> plan(String source, String provider, Optional<String> plan,
            OptionalLong volume) {
        checkSource(source);
        checkProvider(provider);
        Optional<WarmupPlan> own = warmup.sources().plan(source);
        WarmupPlan which = plan.map(this::planOf).or(() -> own).orElseThrow(
                () -> new IllegalArgumentException("source " + source
                        + " is not warmed up: name a plan of " + String.join(", ",
                                config.warmup().plans().keySet())));
        List<WarmupForecast> all = new ArrayList<>();
        Set<String> done = new LinkedHashSet<>();
        boolean asItIs = own.filter(which::equals).isPresent();
        warmup.each((key, track, today) -> {
            if (asItIs && key.source().equals(source) && (provider.isEmpty()
                    || key.provider().equals(provider))) {
                done.add(key.provider());
                all.add(WarmupForecast.of(key, track, volume.orElseGet(() -> volumeOf(
                        key.provider(), track.plan())), warmup.sources().part(source),
                        warmup.now()));
            }
        });
        for (String name : config.providers().names()) {
            boolean asked = name.equals(provider)
                    || (provider.isEmpty() && (volumeOf(name, which) > 0
                            || (all.isEmpty() && name.equals(Provider.DEFAULT))));
            if (asked && done.add(name)) {
                WarmupTrack track = new WarmupTrack(which, name);
                if (asItIs && warmup.sources().complete(source)) {
                    track.step(which.steps(name), "");
                }
                all.add(WarmupForecast.of(new Warmup.Key(source, name), track,
                        volume.orElseGet(() -> volumeOf(name, which)),
                        warmup.sources().part(source), warmup.now()));
            }
        }
        return all;
    }

    private long volumeOf(String provider, WarmupPlan plan) {
        long today = plan.hours().dayOf(warmup.now());
        return Math.max(warmup.volume(provider, plan.hours(), today),
                warmup.volume(provider, plan.hours(), today - 1));
    }

    // ------------------------------------------------------------------ changes

    /**
     * Begins to warm up a source that is not, or lets one begin that waits for its check.
     *
     * @param plan empty: that of the configuration
     * @param first first day; empty: at once
     * @param unchecked whatever is wrong with its PTR, names and SPF
     */
    public void start(String source, Optional<String> plan, Optional<LocalDate> first,
            boolean unchecked) {
        SourceConfig known = checkSource(source);
        String name = plan.or(() -> warmup.sources().plan(source).map(WarmupPlan::name))
                .or(() -> known.warmup().map(WarmupConfig.Joined::plan))
                .orElseThrow(() -> new IllegalArgumentException("name a plan of "
                        + String.join(", ", config.warmup().plans().keySet())));
        checkWarm(planOf(name), source);
        if (warmup.sources().admitted(source)) {
            throw new IllegalArgumentException("source " + source + " is warmed up already; see"
                    + " mailrace warmup status");
        }
        if (known.warmup().filter(one -> !one.plan().equals(name)).isPresent()) {
            throw new IllegalArgumentException("the configuration says plan "
                    + known.warmup().get().plan() + " for source " + source);
        }
        warmup.start(source, name, first, unchecked);
    }

    private void checkWarm(WarmupPlan plan, String source) {
        Set<String> warm = new LinkedHashSet<>(config.sources().keySet());
        warm.removeAll(warmup.sources().names());
        warm.remove(source);
        WarmupConfig.lacksWarm(plan, source, config.pools(), warm).ifPresent(why -> {
            throw new IllegalArgumentException(why);
        });
    }

    /**
     * Ends what {@link #start} began: the source sends as any other, from now on.
     *
     * @throws IllegalArgumentException when it is not warmed up, or by the configuration
     */
    public void stop(String source, String why) {
        SourceConfig known = checkSource(source);
        if (known.warmup().isPresent()) {
            throw new IllegalArgumentException("the configuration says that source " + source
                    + " is warmed up: take warmup out of it there, or use mailrace warmup"
                    + " complete");
        }
        if (!warmup.sources().has(source)) {
            throw new IllegalArgumentException("source " + source + " is not warmed up");
        }
        warmup.stop(source, reason(why));
    }

    /**
     * Sends nothing new from the source until it is resumed; its first attempts go otherwise.
     *
     * @param provider empty: at all of them, also those it gets mail for later
     * @return whether it is warmed up; the same below
     */
    public boolean pause(String source, String provider, String why) {
        if (!provider.isEmpty()) {
            return order(source, provider, track -> track.pause(reason(why)));
        }
        boolean known = isOne(source);
        if (known) {
            warmup.pause(source, true, reason(why));
        }
        return known;
    }

    /** Ends a pause, whoever began it. */
    public boolean resume(String source, String provider, String why) {
        if (!provider.isEmpty() && warmup.sources().paused(source)) {
            throw new IllegalArgumentException("source " + source + " is paused at all providers:"
                    + " resume it without one");
        }
        if (provider.isEmpty() && isOne(source) && warmup.sources().paused(source)) {
            warmup.pause(source, false, reason(why));
        }
        return order(source, provider, track -> track.resume(reason(why)));
    }

    /**
     * Goes to a step, 1 for the first; beyond the last: it is warm. Empty: the next one. At all
     * providers means those it had mail for; but it is warm, or not, at later ones too.
     */
    public boolean step(String source, String provider, OptionalLong to, String why) {
        if (to.isPresent() && (to.getAsLong() < 1 || to.getAsLong() > 10_000)) {
            throw new IllegalArgumentException("a step is a number from 1");
        }
        if (provider.isEmpty() && to.isPresent() && isOne(source)) {
            WarmupPlan plan = warmup.sources().plan(source).orElseThrow();
            int steps = config.providers().names().stream().mapToInt(plan::steps).max().orElse(0);
            if (to.getAsLong() > steps) {
                return complete(source, provider, why);
            }
            warmup.notComplete(source);
        }
        return order(source, provider, track -> track.step(to.isPresent()
                ? (int) to.getAsLong() - 1
                : track.step() + 1, reason(why)));
    }

    /** It is warm at once, at one provider or at all, also those it gets mail for later. */
    public boolean complete(String source, String provider, String why) {
        if (!provider.isEmpty()) {
            return order(source, provider, track -> track.step(track.plan().steps(provider),
                    reason(why)));
        }
        boolean known = isOne(source);
        if (known) {
            warmup.complete(source, reason(why));
        }
        return known;
    }

    /** Begins the plan anew. */
    public boolean reset(String source, String provider, String why) {
        if (provider.isEmpty() && isOne(source)) {
            warmup.notComplete(source);
        }
        return order(source, provider, track -> track.reset(reason(why)));
    }

    /** Adds messages of today that recipients called spam, as the provider reports them. */
    public void complaints(String source, String provider, long count) {
        checkSource(source);
        checkProvider(provider);
        if (count < 1 || count > 1_000_000_000) {
            throw new IllegalArgumentException("count must be a number from 1");
        }
        if (!warmup.complained(source, provider, count)) {
            throw new IllegalArgumentException("source " + source + " is not warmed up at "
                    + provider);
        }
    }

    private boolean order(String source, String provider, Warmup.Order order) {
        boolean known = isOne(source);
        checkProvider(provider);
        if (known && provider.isEmpty()) {
            warmup.orderAll(source, order);
        }
        return known && (provider.isEmpty() || warmup.order(source, provider, order));
    }

    /** Whether a source is warmed up; by a plan that there is. */
    private boolean isOne(String source) {
        checkSource(source);
        if (warmup.sources().has(source) && warmup.sources().plan(source).isEmpty()) {
            throw new IllegalArgumentException(warmup.sources().whyNot(source));
        }
        return warmup.sources().has(source);
    }

    private static String reason(String why) {
        return Ascii.clean(why, MAX_WHY);
    }

    private SourceConfig checkSource(String source) {
        SourceConfig known = config.sources().get(source);
        if (known == null) {
            throw new IllegalArgumentException("there is no source named " + Ascii.clean(source,
                    60) + "; known are: " + String.join(", ", config.sources().keySet()));
        }
        return known;
    }

    private void checkProvider(String provider) {
        if (!provider.isEmpty() && !config.providers().names().contains(provider)) {
            throw new IllegalArgumentException("there is no provider named " + Ascii.clean(
                    provider, 60) + "; known are: "
                    + String.join(", ",
                            config.providers().names()));
        }
    }

    private WarmupPlan planOf(String name) {
        WarmupPlan plan = config.warmup().plans().get(name);
        if (plan == null) {
            throw new IllegalArgumentException("there is no plan named " + Ascii.clean(name, 60)
                    + "; known are: " + String.join(", ", config.warmup().plans().keySet()));
        }
        return plan;
    }
}
