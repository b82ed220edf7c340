// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.delivery.SourceGate.Wait;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which source sends next for one pool at one site: one of the pool's own, or, when none of these
 * may for {@link Dispatcher#PARKING_NANOS}, one of the pool it overflows to, and so on. Confined to
 * the site's event loop; what it looks into is shared.
 */
final class SourceChoice {
    /** Does not wait for anything that can be told. */
    private static final long NEVER = Long.MAX_VALUE;

    private final List<SourceWheel> levels;
    private final Predicate<EgressSource> allowed;
    private final HostLadder ladder;
    private final SitePaths paths;
    private final Ration ration;

    /** What a source is allowed beside its path's limits. */
    interface Ration {
        Ration NONE = source -> null;

        /** Why it may send nothing now; null: it may. */
        @Nullable
        Wait wait(EgressSource source);
    }

    /**
     * @param levels the pool's own wheel first
     * @param allowed leaves sources out
     */
    SourceChoice(List<SourceWheel> levels, Predicate<EgressSource> allowed, HostLadder ladder,
            SitePaths paths) {
        this(levels, allowed, ladder, paths, Ration.NONE);
    }

    private SourceChoice(List<SourceWheel> levels, Predicate<EgressSource> allowed,
            HostLadder ladder, SitePaths paths, Ration ration) {
        this.levels = levels;
        this.allowed = allowed;
        this.ladder = ladder;
        this.paths = paths;
        this.ration = ration;
    }

    /** The same with fewer sources. */
    SourceChoice only(Predicate<EgressSource> which) {
        return new SourceChoice(levels, allowed.and(which), ladder, paths, ration);
    }

    /** The same, but each source may send only what it is allowed. */
    SourceChoice rationed(Ration by) {
        return new SourceChoice(levels, allowed, ladder, paths, by);
    }

    private @Nullable Wait peek(EgressSource source) {
        Wait wait = paths.of(source).peek();
        return wait == null ? ration.wait(source) : wait;
    }

    /** Whether mail may go by it at all. */
    boolean allows(EgressSource source) {
        return allowed.test(source);
    }

    /** Those of the sources mail may go by now, whether their turn has come or not. */
    List<EgressSource> foremost(Predicate<EgressSource> which) {
        List<EgressSource> found = new ArrayList<>();
        for (SourceWheel wheel : levels) {
            for (EgressSource source : wheel.sources()) {
                if (allowed.test(source) && which.test(source) && !found.contains(source)) {
                    found.add(source);
                }
            }
            if (!blocked(wheel)) {
                break;
            }
        }
        return found;
    }

    /** Whether none of its sources may send for so long, or there is none. */
    boolean hopeless(long nanos) {
        return sources().stream().allMatch(source -> (source.resting() ? source.restNanos()
                : waitNanos(source)) >= nanos);
    }

    /** All sources mail may go by, the pool's own first. */
    List<EgressSource> sources() {
        return levels.stream().flatMap(wheel -> wheel.sources().stream()).filter(allowed)
                .distinct().toList();
    }

    /** Whether one of the pool's own sources is among them. */
    boolean hasOwn() {
        return levels.getFirst().sources().stream().anyMatch(allowed);
    }

    /**
     * The source whose turn it is, charged; null when none may send now.
     *
     * @param idle whether there is an idle connection from a source, which is of use though no
     *        further one can be opened
     * @param not these are left out
     */
    SourceWheel.@Nullable Turn next(Predicate<EgressSource> idle, Set<EgressSource> not) {
        for (SourceWheel wheel : levels) {
            SourceWheel.Turn turn = wheel.next(one -> !not.contains(one) && usable(one, idle)
                    && peek(one) == null);
            if (turn != null || !blocked(wheel)) {
                return turn;
            }
        }
        return null;
    }

    private boolean usable(EgressSource source, Predicate<EgressSource> idle) {
        return allowed.test(source) && !source.resting() && (ladder.reaches(source,
                paths.of(source).narrowing().ipv4Only()) || idle.test(source));
    }

    /** Whether none of these sources may send for long. */
    private boolean blocked(SourceWheel wheel) {
        for (EgressSource source : wheel.sources()) {
            if (allowed.test(source) && waitNanos(source) < Dispatcher.PARKING_NANOS) {
                return false;
            }
        }
        return true;
    }

    private long waitNanos(EgressSource source) {
        if (source.resting() || !ladder.fits(source)) {
            return NEVER;
        }
        Wait wait = peek(source);
        if (wait == null) {
            wait = paths.of(source).openingWait();
        }
        return wait == null ? 0 : wait.nanos();
    }

    /**
     * The shortest wait of those that could send else; null when there is none such.
     *
     * @param not these are left out
     */
    @Nullable
    Wait firstWait(Predicate<EgressSource> idle, Set<EgressSource> not) {
        Wait first = null;
        for (SourceWheel wheel : levels) {
            for (EgressSource source : wheel.sources()) {
                if (not.contains(source) || !usable(source, idle)) {
                    continue;
                }
                Wait wait = peek(source);
                if (wait == null) {
                    return new Wait(1, ""); // its time came just now
                }
                if (first == null || wait.nanos() < first.nanos()) {
                    first = wait;
                }
            }
            if (!blocked(wheel)) {
                break;
            }
        }
        return first;
    }

    /** Whether mail goes over it only while the pool's own sources may not send, but they may. */
    boolean outranked(EgressSource source) {
        for (SourceWheel wheel : levels) {
            if (wheel.has(source)) {
                return false;
            }
            if (!blocked(wheel)) {
                return true;
            }
        }
        return false;
    }

    /** Whether an idle connection of a source may do what is a turn of that wheel. */
    boolean mayStandIn(EgressSource source, SourceWheel wheel) {
        return wheel.has(source) && allowed.test(source) && peek(source) == null;
    }

    /** Whether a message may go by that source now, over a connection there is. */
    boolean mayUse(EgressSource source) {
        return suits(source) && peek(source) == null;
    }

    /** Whether one of its sources could open a connection and send, when that one closes one. */
    boolean couldOpen(EgressSource closes) {
        for (EgressSource source : sources()) {
            if (!source.resting() && ladder.fits(source) && peek(source) == null
                    && (source == closes || paths.of(source).hasRoom())) {
                return true;
            }
        }
        return false;
    }

    /** Whether messages may go by that source, as soon as its limits allow. */
    boolean suits(EgressSource source) {
        return allowed.test(source) && sources().contains(source) && !outranked(source);
    }

    /** A message went by that source without a turn. */
    void charge(EgressSource source) {
        for (SourceWheel wheel : levels) {
            if (wheel.has(source)) {
                wheel.charge(source);
                return;
            }
        }
    }

    /** Why nothing can be sent though no limit is in the way; empty: the hosts are to blame. */
    String whyNone(String pool, String site) {
        String why = "";
        for (EgressSource source : sources()) {
            if (!source.resting() && ladder.fits(source)) {
                return "";
            }
            why = source.resting() ? source.whyResting()
                    : ladder.suits(source) ? source.whyLacking()
                            : "source " + source.name() + " has an address of another family than "
                                    + site;
        }
        return why.isEmpty() ? "no source of pool " + pool + " can be used" : why;
    }
}
