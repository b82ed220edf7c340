// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.DeliveryConfig.Settings;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.ReplyClassifier.Effect;
import io.mailrace.delivery.ReplyClassifier.Failure;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gets the mail of one site out: decides who sends next, over which source and connection, and when
 * the site as a whole must wait. Confined to one event loop, but for {@link #why} and what is said
 * to run on any thread. At hand, taken from the queues, is at most about twice what the connections
 * can use at once; the rest stays on disk in order.
 */
final class Dispatcher {
    private static final Logger LOG = LoggerFactory.getLogger(Dispatcher.class);
    private static final int BATCH = 8;
    private static final Duration SOURCE_REST = Duration.ofMinutes(1);
    private static final Duration LOCAL_PAUSE = Duration.ofSeconds(5);
    private static final long SMALL_CONTENT = 64 * 1024;
    /** A destination is looked up at most that often for a queue that always has mail. */
    private static final long MIN_VALID = TimeUnit.SECONDS.toNanos(1);
    private static final long QUIET_NANOS = TimeUnit.MINUTES.toNanos(1);
    private static final long FORGET_NANOS = TimeUnit.MINUTES.toNanos(40);

    private final DeliveryParts parts;
    private final Site site;
    private final EventLoop loop;
    private final Bootstrap bootstrap;
    private final byte[] scratch;
    private final HostLadder ladder;
    private final SitePace pace;
    private final String name;
    private final Map<String, PoolShare> pools = new LinkedHashMap<>();
    private final Map<QueueKey, QueueVisit> visits = new HashMap<>();
    private final Set<Connection> connections = new LinkedHashSet<>();
    private final Set<Connection> proven = new LinkedHashSet<>();
    private final Runnable settled = this::settled;
    private final CompletableFuture<Void> stopped = new CompletableFuture<>();

    private boolean localPause;
    private SmtpReply lastFailure = SmtpReply.of(451, "4.4.1", "no host could be reached");
    private long parkedUntilNanos;
    private boolean pumpScheduled;
    private boolean wishesConnection;
    private boolean wishesSigning;
    private boolean starved;
    private boolean stopping;
    private boolean dropped;

    private volatile long quietSinceNanos;
    private volatile boolean quiet = true;
    private volatile boolean parked;
    private volatile String state = "";

    Dispatcher(DeliveryParts parts, Site site, Hosts hosts, EventLoop loop, Bootstrap bootstrap,
            byte[] scratch) {
        this.parts = parts;
        this.site = site;
        this.loop = loop;
        this.bootstrap = bootstrap;
        this.scratch = scratch;
        ladder = new HostLadder(hosts, site.port(), parts.time());
        pace = new SitePace(parts.config().delivery(), parts.time());
        name = ladder.firstName();
        quietSinceNanos = parts.time().nanos();
    }

    // ------------------------------------------------------------------ for connections

    DeliveryParts shared() {
        return parts;
    }

    Settings settings() {
        return parts.config().delivery();
    }

    String name() {
        return name;
    }

    EventLoop loop() {
        return loop;
    }

    byte[] scratch() {
        return scratch;
    }

    ByteBufAllocator allocator() {
        return ByteBufAllocator.DEFAULT;
    }

    Bootstrap bootstrap(Connection connection) {
        return bootstrap.clone().handler(connection);
    }

    /** The next mail for a connection that can send now; null when there is none. */
    @Nullable
    Attempt next(Connection connection) {
        if (stopping || parts.budget().shouldGive(connections.size())) {
            return null;
        }
        PoolShare pool = connection.pool();
        Attempt next = pool.ready().pollFirst();
        if (next == null) {
            return null;
        }
        next.start(parts.time().nanos());
        if (!connection.useGrant()) {
            pool.wheel().charge(connection.source());
        }
        pumpSoon();
        return next;
    }

    void established(Connection connection) {
        connection.pool().opening(-1);
        proven.add(connection);
        if (connection.endTrial()) {
            parts.budget().prove();
        }
        parts.meters().established();
        ladder.markUp(connection.target().address());
        pace.grow();
    }

    void idle(Connection connection) {
        if (connection.session().messages() > 0) {
            pace.works();
        }
        if (stopping || parts.budget().shouldGive(connections.size())) {
            loop.execute(connection::drain);
        } else {
            connection.pool().idle().addLast(connection);
            pumpSoon();
        }
    }

    void finished(Attempt attempt, Event.Route route, boolean peerTakesDsn) {
        if (attempt.progressed()) {
            pace.works();
        }
        gave(attempt.queue());
        parts.settlements().settle(attempt, route, peerTakesDsn, loop, settled);
    }

    void handBack(PoolShare pool, Attempt attempt) {
        if (stopping || parked) {
            putBack(attempt);
        } else {
            pool.ready().addFirst(attempt);
        }
        pumpSoon();
    }

    /** Called once for each connection. */
    void closed(Connection connection, Ending ending) {
        connections.remove(connection);
        boolean was = proven.remove(connection);
        PoolShare pool = connection.pool();
        if (!was) {
            pool.opening(-1);
        }
        pool.idle().remove(connection);
        parts.budget().release(!connection.endTrial());
        if (connections.isEmpty()) {
            parts.budget().siteCloses();
        }
        if (ending.failure().isPresent() && ending.stage() != Stage.QUIT) {
            judge(connection, ending, ending.failure().get(), was);
        }
        pumpSoon();
    }

    /** What the end of a connection means for source, host and site. */
    private void judge(Connection connection, Ending ending, Failure failure, boolean was) {
        if (ending.effect() == Effect.SUSPEND_SOURCE) {
            LOG.warn("source rests source={} reason=\"{}\"", connection.source().name(),
                    ending.reply());
            connection.source().rest(SOURCE_REST.toNanos(), ending.reply().text());
        } else if (was) {
            brokeInUse(connection, ending, failure);
        } else if (failure == Failure.LOCAL) {
            LOG.warn("connection not opened site={} reason=\"{}\"", name, ending.reply());
            localPause = true;
            loop.schedule(() -> {
                localPause = false;
                pump();
            }, LOCAL_PAUSE.toNanos(), TimeUnit.NANOSECONDS);
        } else {
            parts.meters().failed();
            neverWorked(connection, ending);
        }
    }

    private void neverWorked(Connection connection, Ending ending) {
        lastFailure = ending.reply();
        if (ending.effect() == Effect.CLEAR_TEXT) {
            parts.meters().tlsFailed();
            if (site.tls() == TlsPolicy.OPPORTUNISTIC) {
                ladder.markClear(connection.target().host());
                return;
            }
        }
        if (provenAt(connection.target())) {
            // Others to the same address work: it wants fewer, it is not down.
            pace.adapt(proven.size());
        } else {
            ladder.markDown(connection.target().address(), HostLadder.DOWN);
        }
    }

    private boolean provenAt(Target target) {
        for (Connection one : proven) {
            if (one.target().address().equals(target.address())) {
                return true;
            }
        }
        return false;
    }

    private void brokeInUse(Connection connection, Ending ending, Failure failure) {
        if (ending.stage() == Stage.IDLE || failure == Failure.LOCAL) {
            return;
        }
        if (pace.broke(ending, failure, connection.session().messages())) {
            ladder.markDown(connection.target().address(), HostLadder.DOWN);
        }
        lastFailure = ending.reply();
    }

    // ------------------------------------------------------------------ for Delivery

    /** A queue has due mail. On this loop. */
    void join(MailQueue queue, Hosts hosts) {
        if (dropped || stopping) {
            if (!stopping) {
                parts.reroute().accept(queue);
            }
            return;
        }
        ladder.update(hosts);
        if (parked) {
            long left = parkedUntilNanos - parts.time().nanos();
            if (left > 0) {
                parts.park(queue, Math.max(1, TimeUnit.NANOSECONDS.toMillis(left)), state);
                return;
            }
            unpark();
        }
        PoolConfig config = parts.config().pools().get(queue.key().pool());
        if (config == null) {
            parts.park(queue, settings().parkMax().toMillis(),
                    "there is no pool named " + queue.key().pool());
            return;
        }
        quiet = false;
        QueueVisit visit = visits.computeIfAbsent(queue.key(), key -> new QueueVisit(queue));
        visit.validUntil(Math.max(hosts.validUntilNanos(), parts.time().nanos() + MIN_VALID));
        if (!visit.waiting()) {
            visit.waiting(true);
            pools.computeIfAbsent(config.name(), key -> share(config)).queues().add(visit);
        }
        pumpSoon();
    }

    private PoolShare share(PoolConfig config) {
        List<EgressSource> sources = new ArrayList<>();
        int[] weights = new int[config.sources().size()];
        for (Map.Entry<String, Integer> one : config.sources().entrySet()) {
            EgressSource source = parts.sources().get(one.getKey());
            if (source != null) {
                weights[sources.size()] = one.getValue();
                sources.add(source);
            }
        }
        return new PoolShare(config.name(), new SourceWheel(sources, weights));
    }

    /** Begins to stop: what only waits is put back, what runs is finished. On this loop. */
    void stop() {
        stopping = true;
        for (PoolShare pool : pools.values()) {
            drainReady(pool);
            pool.queues().clear();
        }
        List.copyOf(connections).forEach(Connection::drain);
        checkStopped();
    }

    /** Ends what still runs. On this loop. */
    void abort() {
        List.copyOf(connections).forEach(Connection::abort);
        checkStopped();
    }

    /** Done when nothing is at hand and no connection is open. Any thread. */
    CompletableFuture<Void> stopped() {
        return stopped;
    }

    private void checkStopped() {
        if (stopping && connections.isEmpty()
                && pools.values().stream().allMatch(PoolShare::quiet)) {
            stopped.complete(null);
        }
    }

    /** Whether it may go, as far as seen from any thread. */
    boolean seemsForgotten(long nowNanos) {
        return quiet && nowNanos - quietSinceNanos > QUIET_NANOS;
    }

    /** True when it was of no use any more and takes no queues from now on. On this loop. */
    boolean drop() {
        long quietNanos = parts.time().nanos() - quietSinceNanos;
        dropped = dropped || (connections.isEmpty() && visits.isEmpty()
                && quietNanos > (parked || pace.failing() ? FORGET_NANOS : QUIET_NANOS));
        return dropped;
    }

    /** Why mail of a queue waits, one sentence. Any thread. */
    String why() {
        return state;
    }

    // ------------------------------------------------------------------ the pump

    /** Runs the pump once after the present event, however often it is asked for. */
    private void pumpSoon() {
        if (!pumpScheduled) {
            pumpScheduled = true;
            loop.execute(this::pump);
        }
    }

    private void signersHaveRoom() {
        loop.execute(() -> {
            wishesSigning = false;
            pumpSoon();
        });
    }

    private void connectionIsFree() {
        loop.execute(() -> {
            wishesConnection = false;
            if (pools.values().stream().allMatch(PoolShare::quiet)) {
                parts.budget().passOn();
            }
            pumpSoon();
        });
    }

    private void settled() {
        if (starved) {
            pumpSoon();
        }
        if (stopping) {
            checkStopped();
        }
    }

    /** The one catch-all of a dispatcher. */
    private void pump() {
        pumpScheduled = false;
        try {
            turn();
        } catch (RuntimeException bug) {
            parts.unforeseen("dispatcher of " + name, bug);
            loop.schedule(this::pump, LOCAL_PAUSE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void turn() {
        if (stopping) {
            checkStopped();
            return;
        }
        if (parked) {
            noteQuiet();
            return;
        }
        starved = false;
        for (PoolShare pool : List.copyOf(pools.values())) {
            fill(pool);
            assign(pool);
        }
        describe();
    }

    /** Takes mail from the queues, only as much as the connections can use soon. */
    private void fill(PoolShare pool) {
        int want = 2 * pace.connections()
                - pool.ready().size() - pool.signing();
        while (want > 0 && !pool.queues().isEmpty()) {
            if (!parts.settlements().room()) {
                starved = true;
                return;
            }
            QueueVisit visit = pool.queues().next();
            if (visit.validUntilNanos() - parts.time().nanos() <= 0) {
                leaves(pool, visit);
                parts.reroute().accept(visit.queue());
                continue;
            }
            int granted = reserve(Math.min(want, BATCH));
            if (granted == 0) {
                return;
            }
            List<Envelope> taken = visit.queue().take(granted);
            parts.signing().release(granted - taken.size());
            visit.took(taken.size());
            if (taken.size() < granted) {
                leaves(pool, visit);
            }
            want -= taken.size();
            prepare(pool, visit.queue(), taken);
        }
    }

    private int reserve(int wanted) {
        int granted = parts.signing().reserve(wanted);
        if (granted == 0 && !wishesSigning) {
            wishesSigning = true;
            parts.signing().wish(this::signersHaveRoom);
            granted = parts.signing().reserve(wanted);
        }
        return granted;
    }

    private void leaves(PoolShare pool, QueueVisit visit) {
        pool.queues().dropLast();
        visit.waiting(false);
        if (visit.over()) {
            forget(visit);
        }
    }

    private void prepare(PoolShare pool, MailQueue queue, List<Envelope> taken) {
        List<Attempt> unsigned = new ArrayList<>(taken.size());
        int ready = 0;
        for (Envelope envelope : taken) {
            if (parts.settlements().settleRemembered(queue, envelope, loop, settled)) {
                gave(queue);
                ready++;
                continue;
            }
            Attempt attempt = new Attempt(envelope, queue, parts.spool().content(envelope));
            if (parts.signing().mustSign(attempt)) {
                unsigned.add(attempt);
            } else {
                pool.ready().addLast(attempt);
                ready++;
            }
        }
        parts.signing().release(ready);
        if (!unsigned.isEmpty()) {
            pool.signing(unsigned.size());
            parts.signing().sign(unsigned, loop, () -> signed(pool, unsigned));
        }
    }

    private void signed(PoolShare pool, List<Attempt> batch) {
        pool.signing(-batch.size());
        for (Attempt attempt : batch) {
            if (stopping || parked) {
                putBack(attempt);
            } else if (attempt.whyUnsigned().isPresent()) {
                attempt.decideRest(new Disposition.Deferred(attempt.whyUnsigned().get()));
                finished(attempt, new Event.Route(name, "", "", "", "", ""), false);
            } else {
                pool.ready().addLast(attempt);
            }
        }
        pumpSoon();
    }

    /** Finds a connection for each ready mail: an idle one of the right source, or a new one. */
    private void assign(PoolShare pool) {
        int unclaimed = pool.ready().size() - pool.opening();
        while (unclaimed-- > 0 && !pool.ready().isEmpty() && !parked) {
            if (pool.idle().isEmpty() && !mayOpen()) {
                return;
            }
            EgressSource source = pool.wheel().next(one -> !one.resting()
                    && (ladder.reaches(one) || pool.hasIdle(one)));
            if (source == null) {
                nothingReachable(pool);
                return;
            }
            Connection idle = pool.takeIdle(source);
            if (idle == null && mayOpen() && open(pool, source)) {
                continue;
            }
            if (idle == null) {
                idle = pool.idle().pollLast();
            }
            if (idle == null) {
                return;
            }
            idle.grant();
            idle.mailAtHand();
        }
    }

    private void nothingReachable(PoolShare pool) {
        for (EgressSource source : pool.wheel().sources()) {
            if (!source.resting() && ladder.fits(source)) {
                checkFailed();
                return;
            }
        }
        rest(pool);
    }

    private boolean mayOpen() {
        return !localPause
                && connections.size() < pace.connections();
    }

    private boolean open(PoolShare pool, EgressSource source) {
        Target target = ladder.next(source);
        if (target == null) {
            return false;
        }
        boolean trusted = !proven.isEmpty();
        if (!acquire(trusted)) {
            return false;
        }
        SessionTerms terms = new SessionTerms(source.ehlo(), target.toString(), site.tls(),
                ladder.inTheClear(target.host()), settings().pipelining(),
                settings().chunking(), pace.lookAhead(), settings().recipientsPerTransaction(),
                pace.messages(), SMALL_CONTENT);
        Connection connection = new Connection(this, pool, source, target, terms, !trusted);
        connection.grant();
        if (connections.isEmpty()) {
            parts.budget().siteOpens();
        }
        connections.add(connection);
        pool.opening(1);
        parts.meters().opened();
        connection.open();
        return true;
    }

    private boolean acquire(boolean trusted) {
        if (parts.budget().acquire(trusted)) {
            return true;
        }
        if (wishesConnection) {
            return false;
        }
        wishesConnection = true;
        parts.budget().wish(trusted, this::connectionIsFree);
        return parts.budget().acquire(trusted);
    }

    // ------------------------------------------------------------------ waiting as a whole

    /** Every source of the pool rests, or none fits the site's addresses: local trouble. */
    private void rest(PoolShare pool) {
        String why = "no source of pool " + pool.name() + " can be used";
        for (EgressSource source : pool.wheel().sources()) {
            why = source.resting() ? source.whyResting()
                    : !ladder.fits(source) ? "source " + source.name()
                            + " has an address of another family than " + name
                            : why;
        }
        park(pool, SOURCE_REST.toMillis(), why);
        describe();
    }

    /** No connection is open and no address is left to try: the site waits. */
    private void checkFailed() {
        if (!connections.isEmpty() || localPause) {
            return;
        }
        long millis = parkMillis(settings(), pace.failed());
        parts.meters().parked();
        LOG.info("site waits site={} millis={} reason=\"{}\"", name, millis, lastFailure);
        parkedUntilNanos = parts.time().nanos() + TimeUnit.MILLISECONDS.toNanos(millis);
        parked = true;
        state = "no host of site " + name + " could be used, the last failure was: "
                + lastFailure;
        for (PoolShare pool : pools.values()) {
            List<Attempt> atHand = List.copyOf(pool.ready());
            pool.ready().clear();
            for (Attempt attempt : atHand) {
                attempt.decideRest(new Disposition.Deferred(lastFailure));
                finished(attempt, new Event.Route(name, "", "", "", "",
                        attempt.signature().signedBy()), false);
            }
            park(pool, millis, state);
        }
        loop.schedule(this::unpark, millis, TimeUnit.MILLISECONDS);
        noteQuiet();
    }

    /** How long after that many failures in a row, with up to a tenth less or more. */
    static long parkMillis(Settings settings, int failures) {
        long first = settings.parkFirst().toMillis();
        long max = settings.parkMax().toMillis();
        long millis = Math.min(max, first << Math.min(20, failures - 1));
        return Math.max(1, millis - millis / 10 + ThreadLocalRandom.current().nextLong(
                millis / 5 + 1));
    }

    /** Puts back what waits for a connection and parks the queues it came from, and the others. */
    private void park(PoolShare pool, long millis, String why) {
        Set<MailQueue> queues = new LinkedHashSet<>();
        for (Attempt one = pool.ready().pollFirst(); one != null; one = pool.ready()
                .pollFirst()) {
            queues.add(one.queue());
            putBack(one);
        }
        for (QueueVisit visit : pool.queues().clear()) {
            queues.add(visit.queue());
            visit.waiting(false);
            if (visit.over()) {
                forget(visit);
            }
        }
        queues.forEach(queue -> parts.park(queue, millis, why));
    }

    private void unpark() {
        if (parked) {
            parked = false;
            state = "";
            ladder.forgetDown();
            pumpSoon();
        }
    }

    private void drainReady(PoolShare pool) {
        for (Attempt one = pool.ready().pollFirst(); one != null; one = pool.ready()
                .pollFirst()) {
            putBack(one);
        }
    }

    private void putBack(Attempt attempt) {
        gave(attempt.queue());
        attempt.queue().putBack(attempt.envelope());
    }

    private void gave(MailQueue queue) {
        QueueVisit visit = visits.get(queue.key());
        if (visit != null) {
            visit.gave();
            if (visit.over()) {
                forget(visit);
            }
        }
    }

    private void forget(QueueVisit visit) {
        visits.remove(visit.queue().key());
        parts.left().accept(visit.queue().key(), this);
    }

    // ------------------------------------------------------------------ what it says of itself

    private void noteQuiet() {
        boolean now = connections.isEmpty() && visits.isEmpty();
        if (now && !quiet) {
            quietSinceNanos = parts.time().nanos();
        }
        quiet = now;
    }

    private void describe() {
        noteQuiet();
        if (parked) {
            return;
        }
        if (wishesConnection) {
            state = "all connections of this server (delivery.connections) are in use";
        } else if (wishesSigning) {
            state = "waiting for DKIM signing";
        } else if (localPause) {
            state = "local trouble: connections cannot be opened";
        } else if (proven.isEmpty() && !connections.isEmpty()) {
            Connection first = connections.iterator().next();
            state = "connecting to " + first.target() + " for site " + name;
        } else if (connections.size() >= settings().connectionsPerSite()) {
            state = "all " + connections.size() + " connections to site " + name + " are busy";
        } else {
            state = "on its way to site " + name + " over " + connections.size()
                    + " connections";
        }
    }
}
