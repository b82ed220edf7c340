// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether mail is taken now, slower or not at all, and why. One thread calls {@link #sample} every
 * {@value #EVERY_MILLIS} ms; everybody else reads what it found, without a lock. What rises above a
 * bound is over only when it has fallen a tenth below it; nobody has to reset anything.
 */
public final class IntakePressure {
    static final long EVERY_MILLIS = 200;
    private static final Logger LOG = LoggerFactory.getLogger(IntakePressure.class);

    /** What clients meet. */
    public enum Answer {
        /** Before each message a client is listened to after {@code slow-delay} only. */
        SLOW,
        /** 454 for STARTTLS, and the end for implicit TLS; not for clients we know. */
        NO_TLS,
        /** 452 for MAIL. */
        NO_MAIL,
        /** 421 for a new connection. */
        NO_CONNECTION
    }

    /**
     * The policy: what is looked at, and what it brings about when it is high and when it is full.
     * Clients we know are those in relay-from and addresses with a good login lately.
     */
    @SuppressWarnings("ImmutableEnumChecker") // all are Set.of
    public enum Input {
        /** Turned away one by one, exactly: see {@link ConnectionLimits}. */
        CONNECTIONS(Set.of(), Set.of()),
        /** Messages being read; one that would exceed the budget is refused at once (452). */
        BYTES_IN_FLIGHT(Set.of(Answer.SLOW), Set.of(Answer.NO_MAIL)),
        HEAP_AFTER_COLLECTION(Set.of(Answer.SLOW), Set.of(Answer.NO_MAIL, Answer.NO_TLS,
                Answer.NO_CONNECTION)),
        DIRECT_MEMORY(Set.of(Answer.SLOW), Set.of(Answer.NO_MAIL, Answer.NO_TLS,
                Answer.NO_CONNECTION)),
        /** Disk full, write error, stalled disk: 1 when the spool refuses. */
        SPOOL_REFUSES(Set.of(), Set.of(Answer.NO_MAIL)),
        COMMITS_WAITING(Set.of(Answer.SLOW), Set.of(Answer.NO_MAIL)),
        BACKLOG_ENVELOPES(Set.of(), Set.of(Answer.NO_MAIL)),
        DUE_FOR_SECONDS(Set.of(), Set.of(Answer.NO_MAIL)),
        HANDSHAKES(Set.of(), Set.of(Answer.NO_TLS));

        private final Set<Answer> atHigh;
        private final Set<Answer> atFull;

        Input(Set<Answer> atHigh, Set<Answer> atFull) {
            this.atHigh = atHigh;
            this.atFull = atFull;
        }

        /** As configuration, metrics and log say it. */
        public String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }

        Set<Answer> answers(State state) {
            return switch (state) {
                case LOW -> Set.of();
                case HIGH -> atHigh;
                case FULL -> atFull;
            };
        }
    }

    /** How an input stands against its bounds. */
    public enum State {
        LOW, HIGH, FULL
    }

    /** What it comes to. */
    public enum Level {
        ACCEPT, SLOW, REFUSE
    }

    /**
     * Where an input comes from.
     *
     * @param highAt 0: never
     * @param fullAt 0: never
     */
    record Source(LongSupplier value, long highAt, long fullAt) {
        /** With no bounds: only to be seen. */
        static Source seen(LongSupplier value) {
            return new Source(value, 0, 0);
        }

        private State state(State before, long now) {
            if (reached(fullAt, now, before == State.FULL)) {
                return State.FULL;
            }
            return reached(highAt, now, before != State.LOW) ? State.HIGH : State.LOW;
        }

        private static boolean reached(long bound, long now, boolean already) {
            return bound > 0 && now >= (already ? bound - bound / 10 : bound);
        }
    }

    /** An input as it was at the last look. */
    public record Reading(Input input, long value, long highAt, long fullAt, State state) {
        /** What clients meet because of it. */
        public Set<Answer> answers() {
            return input.answers(state);
        }

        private String why() {
            return input.word() + " " + value + " (slow at " + highAt + ", refuse at " + fullAt
                    + ")";
        }
    }

    /**
     * What one listener has of what it may take; a bound of 0: as much as there is.
     *
     * @param used octets of memory for messages being read, counted where there is a bound
     */
    public record Share(String listener, int connections, int maxConnections, long used,
            long budget) {}

    /**
     * All inputs at one moment.
     *
     * @param flowDelay between messages of a connection now, for signing is the limit; else zero
     */
    public record Snapshot(Level level, Set<Answer> answers, List<Reading> readings,
            List<Share> shares, Duration flowDelay) {
        public Snapshot(Level level, Set<Answer> answers, List<Reading> readings) {
            this(level, answers, readings, List.of(), Duration.ZERO);
        }

        /** What is the matter; empty when nothing is. */
        public List<String> reasons() {
            return readings.stream().filter(r -> !r.answers().isEmpty()).map(Reading::why)
                    .toList();
        }
    }

    private final Map<Input, Source> sources;
    private final Supplier<Map<String, Long>> tenants;
    private final long maxTenantBacklog;
    private volatile Snapshot last;
    private volatile Map<String, Long> waitingByTenant = Map.of();

    /** @param tenants envelopes waiting of each tenant */
    IntakePressure(Map<Input, Source> sources, Supplier<Map<String, Long>> tenants,
            long maxTenantBacklog) {
        this.sources = new EnumMap<>(sources);
        this.tenants = tenants;
        this.maxTenantBacklog = maxTenantBacklog;
        last = new Snapshot(Level.ACCEPT, Set.of(), List.of());
    }

    /** Looks at every input. One thread. */
    void sample() {
        Map<Input, State> before = new EnumMap<>(Input.class);
        last.readings().forEach(r -> before.put(r.input(), r.state()));
        List<Reading> readings = new ArrayList<>();
        Set<Answer> answers = EnumSet.noneOf(Answer.class);
        sources.forEach((input, source) -> {
            long value = source.value().getAsLong();
            State state = source.state(before.getOrDefault(input, State.LOW), value);
            readings.add(new Reading(input, value, source.highAt(), source.fullAt(), state));
            answers.addAll(input.answers(state));
        });
        Level level = answers.isEmpty()
                ? Level.ACCEPT
                : answers.equals(Set.of(Answer.SLOW)) ? Level.SLOW : Level.REFUSE;
        waitingByTenant = maxTenantBacklog == 0 ? Map.of() : tenants.get();
        Level was = last.level();
        Snapshot now = new Snapshot(level, Collections.unmodifiableSet(answers),
                List.copyOf(readings));
        last = now;
        if (level != was) {
            tell(now);
        }
    }

    private static void tell(Snapshot now) {
        String word = now.level().name().toLowerCase(Locale.ROOT);
        if (now.level() == Level.ACCEPT) {
            LOG.info("intake={} why=\"all inputs are low again\"", word);
        } else {
            LOG.warn("intake={} why=\"{}\"", word, String.join(", ", now.reasons()));
        }
    }

    /** What the last look found. */
    public Snapshot snapshot() {
        return last;
    }

    boolean answers(Answer answer) {
        return last.answers().contains(answer);
    }

    /** Whether this tenant has as much waiting as one may. */
    boolean tenantFull(String tenant) {
        return maxTenantBacklog > 0
                && waitingByTenant.getOrDefault(tenant, 0L) >= maxTenantBacklog;
    }
}
