// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ReplyClass;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.SourceGate.Wait;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One source towards one site: what it may do now, by its limits and by what is in force. Confined
 * to the site's event loop; what it looks into is shared.
 */
final class EgressPath {
    private final SourceGate gate;
    private final Measures measures;
    private final String site;
    private final List<String> blocks;
    private final TimeSource time;
    private Narrowing narrowing = Narrowing.NONE;
    private long version = -1;
    private int connections;
    private long takenNanos;
    private @Nullable Runnable offer;

    EgressPath(SourceGate gate, Measures measures, String site, TimeSource time) {
        this.gate = gate;
        this.measures = measures;
        this.site = site;
        this.time = time;
        blocks = gate.source().blocks();
    }

    EgressSource source() {
        return gate.source();
    }

    SourceGate gate() {
        return gate;
    }

    Narrowing narrowing() {
        long now = measures.version();
        if (now != version || time.epochMillis() >= narrowing.validUntil()) {
            version = now;
            narrowing = measures.narrowing(source().name(), blocks, gate.receiver(), site);
        }
        return narrowing;
    }

    /** Whether nothing may be sent, however many permits there are. */
    boolean stopped() {
        return narrowing().stopped(time.epochMillis());
    }

    /** Why no message may go now; null when one may. Takes nothing. */
    @Nullable
    Wait peek() {
        Narrowing now = narrowing();
        long stopped = now.stoppedUntil() - time.epochMillis();
        if (stopped > 0) {
            return new Wait(TimeUnit.MILLISECONDS.toNanos(stopped), why(now));
        }
        if (now.slow() != null && now.slow().peek() > 0) {
            return new Wait(now.slow().peek(), why(now));
        }
        return gate.peek();
    }

    /** Takes the right to send one message; null when it is granted. */
    @Nullable
    Wait take() {
        Wait wait = peek();
        if (wait != null) {
            return wait;
        }
        long now = time.nanos();
        EvenRate slow = narrowing.slow();
        if (slow != null) {
            long nanos = slow.take();
            if (nanos > 0) {
                return new Wait(nanos, why(narrowing));
            }
        }
        Wait refused = gate.take(now);
        if (refused != null && slow != null) {
            slow.giveBack(now);
        }
        return refused;
    }

    /** The message, whose right was taken at that time, did not begin after all. */
    void giveBack(long takenNanos) {
        gate.giveBack(takenNanos);
        EvenRate slow = narrowing.slow();
        if (slow != null) {
            slow.giveBack(takenNanos);
        }
    }

    /** Whether one more connection could be opened now. */
    boolean hasRoom() {
        return !hasItsSite()
                && gate.connections() < Math.min(gate.most(), narrowing.connections())
                && gate.peekOpening() == null;
    }

    /** Takes the right to open a connection; null when it is granted. */
    @Nullable
    Wait open() {
        takenNanos = time.nanos();
        return hasItsSite() ? new Wait(Long.MAX_VALUE, why(narrowing))
                : gate.open(narrowing.connections(), takenNanos);
    }

    /** Whether a measure about the site lets it have no further connection there. */
    private boolean hasItsSite() {
        return connections >= narrowing().siteConnections();
    }

    /** As {@link #open}, by a place that was granted, which is gone when it is refused. */
    @Nullable
    Wait useGranted() {
        takenNanos = time.nanos();
        if (hasItsSite()) {
            gate.closed();
            return new Wait(Long.MAX_VALUE, why(narrowing));
        }
        return gate.useGranted(narrowing.connections(), takenNanos);
    }

    /** No connection is opened on the right that was taken last. */
    void notOpened() {
        gate.notOpened(takenNanos);
    }

    /** A connection begins on the right that was taken. */
    void opened() {
        connections++;
    }

    /** Connections it has to the site. */
    int connections() {
        return connections;
    }

    /** It is gone. */
    void closed() {
        connections--;
        gate.closed();
    }

    /** Why it has no connection here and may open none for a while; null when that is not so. */
    @Nullable
    Wait openingWait() {
        return connections > 0 ? null : gate.peekOpening();
    }

    /** Whether it has more connections than it may have now. */
    boolean tooMany() {
        return gate.connections() > Math.min(gate.most(), narrowing().connections())
                || connections > narrowing.siteConnections();
    }

    /** An idle connection of it is offered to others, who call {@code giveUp} on any thread. */
    void offerIdle(Runnable giveUp) {
        Runnable same = offer;
        if (same == null) {
            same = giveUp;
            offer = same;
        }
        gate.offerIdle(same);
    }

    /** Others wait for a connection of the source, to this receiver or another. */
    boolean wanted() {
        return gate.wanted() || source().wanted();
    }

    void accepted() {
        gate.accepted();
    }

    void refused(ReplyClass category, boolean forNow) {
        gate.refused(category, forNow);
    }

    private static String why(Narrowing narrowing) {
        Measure measure = narrowing.why();
        return measure == null ? "" : Measures.sentence(measure);
    }
}
