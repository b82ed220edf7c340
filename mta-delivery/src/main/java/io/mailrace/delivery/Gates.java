// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Rate;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.Memos;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * The limits of all sources at all receivers. Any thread; never blocks after the start. Those of
 * sites of the default provider are forgotten when they were not used for a day; at most
 * {@value #MAX_SITES} of them, and {@value #MAX_LIMITS} counts, are kept.
 */
final class Gates implements AutoCloseable {
    private static final int MAX_SITES = 50_000;
    private static final int MAX_LIMITS = 200_000;

    private record Key(String source, String receiver) {}

    private final TimeSource time;
    private final Memos memos;
    private final Map<String, byte[]> stored = new ConcurrentHashMap<>();
    private final Map<Key, SourceGate> named = new ConcurrentHashMap<>();
    private final Cache<Key, SourceGate> sites;
    private final Cache<String, Limit> limits;
    private volatile Consumer<CalendarCap> freed = cap -> {};
    /** Kept for good: gates hold them for as long as they please. */
    private final Map<String, Limit> ofSources = new ConcurrentHashMap<>();

    /** Reads the counts of the calendar: blocks. */
    Gates(TimeSource time, Memos memos) {
        this.time = time;
        this.memos = memos;
        stored.putAll(memos.beginningWith(CalendarCap.prefix()));
        sites = Caffeine.newBuilder().maximumSize(MAX_SITES).executor(Runnable::run)
                .expireAfterAccess(Duration.ofDays(1)).ticker(time::nanos).build();
        // longer than a day: what counts a day is not forgotten in it
        limits = Caffeine.newBuilder().maximumSize(MAX_LIMITS).executor(Runnable::run)
                .expireAfterAccess(Duration.ofHours(26)).ticker(time::nanos).build();
    }

    /** The gate of a source at a receiver, made when it is asked for first. */
    SourceGate of(EgressSource source, Provider provider, String receiver) {
        Key key = new Key(source.name(), receiver);
        return provider.name().equals(Provider.DEFAULT)
                ? sites.get(key, missing -> make(source, provider, receiver))
                : named.computeIfAbsent(key, missing -> make(source, provider, receiver));
    }

    private SourceGate make(EgressSource source, Provider provider, String receiver) {
        String at = "source " + source.name() + " at " + receiver + ": rate";
        List<Limit> messages = new ArrayList<>(limits(at, provider.limits().rates()));
        messages.addAll(of(ofSources, "source " + source.name() + ": rate", source.rates(),
                true));
        List<Limit> openings = new ArrayList<>(of(limits.asMap(), "source " + source.name()
                + " at " + receiver + ": connection-rate", provider.limits().connectionRates(),
                false));
        openings.addAll(of(ofSources, "source " + source.name() + ": connection-rate",
                source.connectionRates(), false));
        AdaptivePace adaptive = provider.limits().adaptive()
                ? new AdaptivePace("source " + source.name() + " at " + receiver
                        + ": adaptive rate", provider.limits().connections(),
                        provider.limits().adaptivePause(), time)
                : null;
        if (adaptive != null) {
            messages.add(adaptive);
        }
        return new SourceGate(source, receiver, provider.limits(), messages, openings, adaptive);
    }

    /** The limits of that name, shared by all who ask for them. */
    List<Limit> limits(String name, List<Rate> rates) {
        return of(limits.asMap(), name, rates, true);
    }

    /** @param parks mail is parked when they are used up */
    private List<Limit> of(Map<String, Limit> kept, String name, List<Rate> rates,
            boolean parks) {
        List<Limit> found = new ArrayList<>(rates.size());
        for (Rate rate : rates) {
            found.add(kept.computeIfAbsent(name + " " + rate, key -> make(name, rate, parks)));
        }
        return found;
    }

    private Limit make(String name, Rate rate, boolean parks) {
        if (!rate.unit().calendar()) {
            return new EvenRate(name + " " + rate, rate.spacingNanos(), time);
        }
        CalendarCap cap = new CalendarCap(name, rate, time, memos,
                stored.remove(CalendarCap.memoOf(name, rate)));
        if (parks) {
            cap.onFreed(() -> freed.accept(cap));
        }
        return cap;
    }

    /**
     * Gives {@code listener}, on any thread, each cap of messages that was used up and is not any
     * more because one was not sent after all.
     */
    void onFreed(Consumer<CalendarCap> listener) {
        freed = listener;
    }

    /** All gates in use, by source and receiver. */
    List<SourceGate> all() {
        Map<String, SourceGate> all = new TreeMap<>();
        named.forEach((key, gate) -> all.put(key.receiver() + " " + key.source(), gate));
        sites.asMap().forEach((key, gate) -> all.put(key.receiver() + " " + key.source(), gate));
        return List.copyOf(all.values());
    }

    /** Writes the exact counts. The spool must still take writes. */
    @Override
    public void close() {
        close(limits.asMap().values());
        close(ofSources.values());
    }

    private static void close(Collection<Limit> all) {
        for (Limit limit : all) {
            if (limit instanceof CalendarCap cap) {
                cap.close();
            }
        }
    }
}
