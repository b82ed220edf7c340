// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.delivery.SourceGate.Wait;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The sources that are not warm yet at one site, and which mail at hand they get: mail to engaged
 * recipients first, of each the higher lanes first. Confined to the site's event loop; what it
 * looks into is shared.
 */
final class ColdSources {
    private final Warmup warmup;
    private final SitePaths paths;

    ColdSources(Warmup warmup, SitePaths paths) {
        this.warmup = warmup;
        this.paths = paths;
    }

    /** Whether a source is not warm yet here. */
    boolean has(EgressSource source) {
        return paths.warmsUp() && warmup.cold(source.name(), paths.provider());
    }

    /** Why it may begin no first attempt now; null: it may. */
    @Nullable
    Wait wait(EgressSource source) {
        return warmup.wait(source.name(), paths.provider());
    }

    /** Takes the right to begin a first attempt; empty: there is none now. */
    Optional<Warmup.Pass> take(EgressSource source) {
        return Optional.ofNullable(warmup.take(source.name(), paths.provider()));
    }

    /** Nothing happened to that mail. */
    void giveBack(Attempt attempt) {
        attempt.pass().ifPresent(warmup::giveBack);
        attempt.pass(Optional.empty());
    }

    /**
     * Moves first attempts to where they wait for such a source, as many as may begin now.
     *
     * @param most so many may wait there
     * @param which may go by any source
     */
    void pick(LaneQueue<Attempt> from, LaneQueue<Attempt> to, List<EgressSource> sources,
            int most, Predicate<Attempt> which) {
        long all = 0;
        long others = 0;
        for (EgressSource source : sources) {
            Wait wait = paths.of(source).peek();
            if (source.resting() || (wait != null && wait.nanos() >= Dispatcher.PARKING_NANOS)) {
                continue;
            }
            Warmup.Room room = warmup.room(source.name(), paths.provider());
            all += room.all();
            others += room.others();
        }
        Predicate<Attempt> first = one -> one.first() && which.test(one);
        long room = Math.min(all, most) - to.size();
        move(from.pick(first.and(one -> engaged(sources, one)), room), to);
        room = Math.min(Math.min(all, most), others) - to.size();
        move(from.pick(first, room), to);
    }

    private boolean engaged(List<EgressSource> sources, Attempt attempt) {
        String tag = attempt.envelope().facts().tag();
        return !tag.isEmpty() && sources.stream().anyMatch(source -> warmup.engaged(
                source.name(), tag));
    }

    private static void move(List<Attempt> mail, LaneQueue<Attempt> to) {
        mail.forEach(one -> to.addLast(one.lane(), one));
    }
}
