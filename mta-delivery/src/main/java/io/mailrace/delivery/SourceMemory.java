// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.Envelope;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Which source deferred mail is to go by, or not by, the next time. Any thread; never blocks. Kept
 * for a day and for at most {@value #MAX} envelopes; in memory only, for a restart costs greylisted
 * mail one more deferral at worst.
 */
final class SourceMemory {
    private static final int MAX = 100_000;
    private static final Duration KEPT = Duration.ofDays(1);

    private record Key(SpoolId id, int ordinal) {}

    /**
     * What to do the next time.
     *
     * @param same whether it is to go by that source, not by another one
     */
    record Wish(String source, boolean same) {
        boolean allows(EgressSource one) {
            return one.name().equals(source) == same;
        }
    }

    private final Cache<Key, Wish> wishes;

    SourceMemory(TimeSource time) {
        wishes = Caffeine.newBuilder().maximumSize(MAX).executor(Runnable::run)
                .expireAfterWrite(KEPT).ticker(time::nanos).build();
    }

    /** Greylisting knows the source now: the mail is to come from it again. */
    void stay(Envelope envelope, String source) {
        wishes.asMap().merge(keyOf(envelope), new Wish(source, true),
                // what a rule said in the same attempt counts more
                (old, stay) -> old.same() || !old.source().equals(source) ? stay : old);
    }

    /** The mail is to go by another source. */
    void leave(Envelope envelope, String source) {
        wishes.put(keyOf(envelope), new Wish(source, false));
    }

    /** It is no matter of greylisting any more: any source may try it. */
    void stayNoMore(Envelope envelope) {
        wishes.asMap().computeIfPresent(keyOf(envelope), (key, wish) -> wish.same() ? null : wish);
    }

    @Nullable
    Wish of(Envelope envelope) {
        return wishes.getIfPresent(keyOf(envelope));
    }

    /** The mail is settled. */
    void forget(Envelope envelope) {
        wishes.invalidate(keyOf(envelope));
    }

    private static Key keyOf(Envelope envelope) {
        return new Key(envelope.id(), envelope.ordinal());
    }
}
