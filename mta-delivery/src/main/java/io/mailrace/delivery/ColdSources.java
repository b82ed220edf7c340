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

    /**
     * Why it may begin no first attempt now; null: it may.
     *
     * @param alone no warm source can take what it leaves; the same below
     */
    @Nullable
    Wait wait(EgressSource source, boolean alone) {
        return warmup.wait(source.name(), paths.provider(), alone);
    }

    /** Why mail that servers have seen may not go by it now; null: it may. */
    @Nullable
    Wait waitAgain(EgressSource source) {
        return warmup.waitAgain(source.name(), paths.provider());
    }

    /** Whether mail of some recipients goes before that of others. */
    boolean prefers(EgressSource source) {
        return warmup.prefers(source.name());
    }

    /** Gives a first attempt the right to begin from a source; false: there is none now. */
    boolean take(EgressSource source, Attempt attempt, boolean alone) {
        if (!holds(attempt)) {
            giveBack(attempt);
            attempt.pass(Optional.ofNullable(warmup.take(source.name(), paths.provider(),
                    alone)));
        }
        return attempt.pass().isPresent();
    }

    /** Whether it has the right to begin now. */
    boolean holds(Attempt attempt) {
        return attempt.pass().filter(warmup::holds).isPresent();
    }

    /** Nothing happened to that mail. */
    void giveBack(Attempt attempt) {
        attempt.pass().ifPresent(warmup::giveBack);
        attempt.pass(Optional.empty());
    }

    /**
     * Moves first attempts to where they wait for a source, as many as may begin now, each with its
     * right to begin as far as that is on disk.
     *
     * @param most so many may wait there
     * @param which may go by any source
     */
    void pick(LaneQueue<Attempt> from, LaneQueue<Attempt> to, EgressSource source, int most,
            boolean alone, Predicate<Attempt> which) {
        Warmup.Room room = warmup.room(source.name(), paths.provider(), alone);
        long place = Math.min(most - to.size(), room.all() - withoutPass(to));
        if (place < 1) {
            return;
        }
        Predicate<Attempt> first = one -> one.first() && which.test(one);
        int moved = move(from.pick(first.and(one -> engaged(source, one)), place), to, source,
                alone);
        place = Math.min(place, room.others()) - moved;
        move(from.pick(first, place), to, source, alone);
    }

    private static int withoutPass(LaneQueue<Attempt> mail) {
        return mail.count(one -> one.pass().isEmpty());
    }

    private boolean engaged(EgressSource source, Attempt attempt) {
        String tag = attempt.envelope().facts().tag();
        return !tag.isEmpty() && warmup.engaged(source.name(), tag);
    }

    private int move(List<Attempt> mail, LaneQueue<Attempt> to, EgressSource source,
            boolean alone) {
        for (Attempt one : mail) {
            take(source, one, alone);
            to.addLast(one.lane(), one);
        }
        return mail.size();
    }
}
