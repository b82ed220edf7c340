// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.NextTry;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.DeliveryConfig.Settings;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.ReplyClassifier.Effect;
import io.mailrace.delivery.ReplyClassifier.Failure;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gets the mail of one site out: decides who sends next, over which source and connection, and when
 * the site as a whole must wait. Confined to one event loop, but for what is said to run on any
 * thread. At hand, taken from the queues, is for each lane and pool at most about twice what the
 * connections can use at once; the rest stays on disk in order. Long because who sends next, and
 * when nobody does, is one decision over the same state.
 */
final class Dispatcher {
    private static final Logger LOG = LoggerFactory.getLogger(Dispatcher.class);
    private static final Duration SOURCE_REST = Duration.ofMinutes(1);
    private static final Duration LOCAL_PAUSE = Duration.ofSeconds(5);
    /** A longer wait parks the queues; a shorter one keeps the mail at hand. */
    static final long PARKING_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long SMALL_CONTENT = 64 * 1024;

    private final DeliveryParts parts;
    private final Site site;
    private final EventLoop loop;
    private final Bootstrap bootstrap;
    private final byte[] scratch;
    private final HostLadder ladder;
    private final SitePace pace;
    private final String name;
    private final SiteStatus status;
    private final SitePaths paths;
    private final SessionTerms.Hop hop;
    private final Set<SourceGate> wishesSource = new HashSet<>();
    private final Set<SourceGate> granted = new HashSet<>();
    private final ColdSources cold;
    private final PoolShares pools;
    private final RightOfWay way;
    private final MailFeed feed;
    private final EarliestTimer later;
    private final Set<Connection> connections = new LinkedHashSet<>();
    private final Set<Connection> proven = new LinkedHashSet<>();
    private final Runnable settled = this::settled;
    private final CompletableFuture<Void> stopped = new CompletableFuture<>();

    private SmtpReply lastFailure = SmtpReply.of(451, "4.4.1", "no host could be reached");
    private long parkedUntilNanos;
    private boolean pumpScheduled;
    private final Set<Lane> wishesConnection = EnumSet.noneOf(Lane.class);
    private boolean stopping;
    private boolean dropped;
    private boolean parked;

    Dispatcher(DeliveryParts parts, Site site, Hosts hosts, EventLoop loop, Bootstrap bootstrap,
            byte[] scratch) {
        this.parts = parts;
        this.site = site;
        this.loop = loop;
        this.bootstrap = bootstrap;
        this.scratch = scratch;
        ladder = new HostLadder(hosts, site.port(), site.tls(), parts.time());
        pace = new SitePace(parts.config().delivery(), parts.time());
        feed = new MailFeed(parts, this);
        later = new EarliestTimer(loop, parts.time(), this::pump);
        name = ladder.firstName();
        status = new SiteStatus(name, parts.time().nanos());
        hop = SessionTerms.Hop.of(site, parts.config());
        paths = new SitePaths(parts.shaping(), parts.egress(), parts.warmup(), site,
                ladder.hostNames(), parts.time());
        cold = new ColdSources(parts.warmup(), paths);
        pools = new PoolShares(parts.egress(), ladder, paths, cold,
                () -> 8 * pace.connections());
        way = new RightOfWay(parts.budget(), pools, paths, pace, connections::size);
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

    SitePaths paths() {
        return paths;
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
        if (!stopping && way.handOver(connection)) {
            pumpSoon(); // the one it leaves may have none now
        }
        if (stopping || way.mustGo(connection)) {
            return null;
        }
        PoolShare pool = connection.pool();
        long now = parts.time().nanos();
        if (pool.ready().isEmpty() || connection.path().take() != null) {
            return null;
        }
        Attempt next = pool.ready().poll();
        if (next != null && pool.rationed() && !cold.take(connection.source(), next,
                pools.alone(pool))) {
            pool.ready().addFirst(next.lane(), next);
            next = null;
        }
        if (next == null) {
            connection.path().giveBack(now);
            pumpSoon();
            return null;
        }
        parts.meters().begun(next.lane());
        next.begin(pool, now);
        if (!connection.useGrant()) {
            pool.choice().charge(connection.source());
        }
        // enough of its lane is at hand, and nothing can be opened: the turn can wait
        if (mayOpen() || paths.warmsUp() || pool.atHand(next.lane()) < pace.connections()) {
            pumpSoon();
        }
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
        if (stopping || way.mustGo(connection) || (connection.path().wanted()
                && connection.pool().ready().isEmpty())) {
            loop.execute(connection::drain);
        } else {
            connection.pool().idle().addLast(connection);
            offer(connection.path());
            pumpSoon();
        }
    }

    /** Others may have the source's connection while it is idle. */
    private void offer(EgressPath path) {
        path.offerIdle(() -> loop.execute(() -> giveIdle(path)));
    }

    private void giveIdle(EgressPath path) {
        for (PoolShare pool : pools.all()) {
            Connection idle = pool.takeIdle(path.source());
            if (idle != null) {
                offer(path);
                idle.drain();
                return;
            }
        }
        if (path.gate().wanted()) {
            path.gate().reclaim();
        }
    }

    void finished(Attempt attempt, Event.Route route, boolean peerTakesDsn) {
        if (attempt.progressed()) {
            pace.works();
        }
        if (!attempt.reached()) {
            attempt.giveBackPermits();
        }
        paths.finished(attempt, route.source());
        feed.gave(attempt.queue());
        parts.settlements().settle(attempt, route, peerTakesDsn, loop, settled);
    }

    /** It is set aside: nothing was tried, no attempt is counted. */
    void postpone(Attempt attempt, SourceGate.Wait wait) {
        Duration until = Duration.ofNanos(Math.min(wait.nanos(),
                Duration.ofDays(NextTry.MAX_DAYS).toNanos()));
        attempt.decideRest(new Disposition.Deferred(SmtpReply.of(451, "4.7.1", wait.why()), false,
                NextTry.uncounted(until), Cause.of(ReplyClass.LOCAL)));
        finished(attempt, Event.Route.NONE, false);
        pumpSoon(); // it counted as taken, and nothing else may happen here
    }

    /** No connection was used for it. */
    void defer(Attempt attempt, SmtpReply why) {
        attempt.decideRest(new Disposition.Deferred(why));
        finished(attempt, new Event.Route(name, "", "", "", "",
                attempt.signature().signedBy()), false);
    }

    /** Whether it takes no mail to its connections at the moment. */
    boolean resting() {
        return stopping || parked;
    }

    boolean stopping() {
        return stopping;
    }

    /** A connection did nothing with it. */
    void handBack(Attempt attempt) {
        PoolShare from = attempt.from();
        cold.giveBack(attempt);
        if (stopping || parked || from == null) {
            feed.putBack(attempt);
        } else {
            pools.waiting(from, attempt).ready().addFirst(attempt.lane(), attempt);
        }
        pumpSoon();
    }

    /** Called once for each connection. */
    void closed(Connection connection, Ending ending) {
        connections.remove(connection);
        boolean was = proven.remove(connection);
        PoolShare pool = connection.pool();
        pool.connections(-1);
        if (!was) {
            pool.opening(-1);
        }
        pool.idle().remove(connection);
        if (connection.promised()) {
            parts.budget().kept();
        }
        connection.path().closed();
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
            status.paused(true);
            loop.schedule(() -> {
                status.paused(false);
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
            if (connection.mayBeClear()) {
                ladder.markClear(connection.target().host());
                return;
            }
        }
        if (connection.path().stopped()) {
            return; // it was about the source: the host may be fine for others
        }
        boolean ofCold = cold.has(connection.source());
        if (provenAt(connection.target(), ofCold ? connection.source() : null)) {
            // Others to the same address work: it wants fewer, it is not down.
            pace.adapt(proven.size());
        } else {
            markDown(connection, ofCold);
        }
    }

    /** @param ofCold servers may drop what comes from a new address: others may find it up */
    private void markDown(Connection connection, boolean ofCold) {
        if (ofCold) {
            ladder.markDown(connection.source(), connection.target().address(), HostLadder.DOWN);
        } else {
            ladder.markDown(connection.target().address(), HostLadder.DOWN);
        }
    }

    /** @param from null: whatever it comes from */
    private boolean provenAt(Target target, @Nullable EgressSource from) {
        for (Connection one : proven) {
            if (one.target().address().equals(target.address())
                    && (from == null || one.source() == from)) {
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
            markDown(connection, cold.has(connection.source()));
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
                feed.park(queue, Math.max(1, TimeUnit.NANOSECONDS.toMillis(left)),
                        status.whyResting());
                return;
            }
            unpark();
        }
        PoolConfig config = poolOf(queue.key());
        if (config == null) {
            parts.park(queue, settings().parkMax().toMillis(),
                    "there is no pool named " + queue.key().pool());
            return;
        }
        status.busy();
        feed.join(pools.of(config), queue, hosts);
        pumpSoon();
    }

    private @Nullable PoolConfig poolOf(QueueKey queue) {
        return parts.config().poolOf(queue, paths.provider());
    }

    /** Tries again at once what failed, if it concerns one of those queues. On this loop. */
    void wake(Predicate<QueueKey> which) {
        Set<String> concerned = new HashSet<>();
        for (QueueKey queue : feed.queuesOf(which)) {
            PoolConfig pool = poolOf(queue);
            concerned.add(pool == null ? "" : pool.name());
        }
        if (concerned.isEmpty() || stopping) {
            return;
        }
        for (PoolShare pool : pools.all()) {
            if (concerned.contains(pool.name())) {
                pool.choice().sources().forEach(EgressSource::wake);
            }
        }
        ladder.forgetDown();
        unpark();
        pumpSoon();
    }

    /** Begins to stop: what only waits is put back, what runs is finished. On this loop. */
    void stop() {
        stopping = true;
        for (PoolShare pool : pools.all()) {
            feed.stop(pool);
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
                && pools.all().stream().allMatch(PoolShare::quiet)) {
            stopped.complete(null);
        }
    }

    /** Whether it may go, as far as seen from any thread. */
    boolean seemsForgotten(long nowNanos) {
        return status.seemsForgotten(nowNanos);
    }

    /** True when it was of no use any more and takes no queues from now on. On this loop. */
    boolean drop() {
        dropped = dropped || (connections.isEmpty() && feed.isEmpty()
                && status.forgotten(parked || pace.failing(), parts.time().nanos()));
        return dropped;
    }

    /** Why mail of a queue waits, one sentence. Any thread. */
    String why() {
        return status.why(settings().connectionsPerSite());
    }

    // ------------------------------------------------------------------ the pump

    /** Runs the pump once after the present event, however often it is asked for. */
    void pumpSoon() {
        if (!pumpScheduled) {
            pumpScheduled = true;
            loop.execute(this::pump);
        }
    }

    private void connectionIsFree(Lane lane) {
        loop.execute(() -> {
            wishesConnection.remove(lane);
            int before = connections.size();
            pump();
            // whoever was woken and took nothing wakes the next one, unless it waits again itself
            if (connections.size() <= before && !wishesConnection.contains(lane)) {
                parts.budget().passOn();
            }
        });
    }

    private void settled() {
        if (feed.starved()) {
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
        status.limited("");
        // Twice what the connections can carry: one message each, the next one at hand.
        List.copyOf(pools.all()).forEach(pool -> {
            feed.fill(pool, pools.atHand(pool, 2 * pace.connections()));
            pools.warmUp(pool);
        });
        pools.inTurn().forEach(pool -> {
            assign(pool);
            pool.sought();
        });
        pools.sweep();
        describe();
    }

    /** Finds a connection for each ready mail: an idle one of the right source, or a new one. */
    private void assign(PoolShare pool) {
        Set<EgressSource> closed = Set.of();
        int unclaimed = pool.ready().size() - pool.opening();
        while (unclaimed-- > 0 && !pool.ready().isEmpty() && !parked) {
            if (pool.idle().isEmpty() && !mayOpen() && !waits(pool) && !pools.borrow(pool)) {
                way.closeIdleOfOthers(pool);
                return;
            }
            SourceWheel.Turn turn = pool.turn(closed);
            if (turn == null && closed.isEmpty() && pool.idle().isEmpty()
                    && pools.borrow(pool)) {
                unclaimed++; // where no further one can be opened, as the hosts are down
                continue;
            }
            if (turn == null) {
                standStill(pool, closed);
                return;
            }
            Connection idle = pool.takeIdle(turn.source());
            if (idle == null && mayOpen() && open(pool, turn.source())) {
                continue;
            }
            if (idle == null) {
                turn.undo();
                idle = pool.takeStandIn(turn.wheel());
                if (idle == null && pools.borrow(pool)) {
                    idle = pool.takeStandIn(turn.wheel());
                }
                if (idle == null && paths.of(turn.source()).gate().peekOpening() != null) {
                    closed = closed.isEmpty() ? new HashSet<>() : closed;
                    closed.add(turn.source()); // another may
                    unclaimed++;
                    continue;
                }
                if (idle == null) {
                    giveUpIdle(pool);
                    return;
                }
                pool.choice().charge(idle.source());
            }
            idle.grant();
            idle.mailAtHand();
        }
    }

    /** Whether a limit is in its way, not that there is no connection. */
    private boolean waits(PoolShare pool) {
        if (pools.size() == 1 && !paths.warmsUp()) {
            return false;
        }
        SourceGate.Wait wait = pool.firstWait();
        return wait == null ? paths.warmsUp() : wait.nanos() > 1;
    }

    /** Not by the source it was to go by: then by any. */
    private void moveUp(PoolShare pool, PoolShare parent) {
        for (Attempt one : pool.ready().clear()) {
            cold.giveBack(one);
            parent.ready().addLast(one.lane(), one);
        }
        pumpSoon();
    }

    /** @param closed might send, but the rate of their new connections lets none be opened now */
    private void standStill(PoolShare pool, Set<EgressSource> closed) {
        PoolShare parent = pool.parent();
        if (closed.isEmpty()) {
            holdBack(pool);
        } else if (parent != null && pool.connections() == 0
                && pool.choice().hopeless(PARKING_NANOS)) {
            moveUp(pool, parent); // and no mail comes here while that is so
        } else {
            SourceGate.Wait others = pools.firstWait(pool, closed);
            if (others != null) {
                later.within(others.nanos());
            }
            giveUpIdle(pool);
        }
    }

    /** No idle connection may send now: one makes room, unless it may in a moment. */
    private void giveUpIdle(PoolShare pool) {
        Connection idle = pool.idle().peekFirst();
        if (idle == null) {
            return;
        }
        SourceGate.Wait wait = idle.path().peek();
        if (wait != null && wait.nanos() < PARKING_NANOS) {
            later.within(wait.nanos());
        } else {
            pool.idle().remove(idle);
            idle.drain();
        }
    }

    /** Signed, or in no need of it. */
    void ready(PoolShare pool, Attempt attempt) {
        pools.shareOf(pool, attempt).ready().addLast(attempt.lane(), attempt);
    }

    /** No source may send now: the mail waits for the first that may, or for a host. */
    private void holdBack(PoolShare pool) {
        SourceGate.Wait first = pools.firstWait(pool, Set.of());
        PoolShare parent = pool.parent();
        if (parent != null && (first == null || first.nanos() >= PARKING_NANOS)) {
            moveUp(pool, parent);
        } else if (first == null) {
            nothingReachable(pool);
        } else if (first.nanos() >= PARKING_NANOS && pools.onlyCold(pool)) {
            status.limited(first.why());
            holdBackUntried(pool, first);
        } else if (first.nanos() >= PARKING_NANOS) {
            status.limited(first.why());
            feed.park(pool, Math.max(1, TimeUnit.NANOSECONDS.toMillis(first.nanos())),
                    first.why());
        } else {
            status.limited(first.why());
            later.within(first.nanos());
        }
    }

    /** Sources that warm up may begin no mail now; what servers have seen goes on. */
    private void holdBackUntried(PoolShare pool, SourceGate.Wait first) {
        feed.parkUntried(pool, Math.max(1, TimeUnit.NANOSECONDS.toMillis(first.nanos())),
                first.why());
        if (pool.ready().isEmpty()) {
            pumpSoon(); // there may be other queues
            return;
        }
        SourceGate.Wait again = pools.againWait(pool);
        if (again.nanos() >= PARKING_NANOS) {
            feed.park(pool, TimeUnit.NANOSECONDS.toMillis(again.nanos()), again.why());
        } else {
            later.within(again.nanos());
        }
    }

    /** A source may begin. On this loop. */
    void warmupChanged() {
        feed.endWarmupParking();
        measuresChanged();
    }

    /** Something was put in force or ended. On this loop. */
    void measuresChanged() {
        for (PoolShare pool : pools.all()) {
            for (Connection idle : List.copyOf(pool.idle())) {
                if (way.outOfBounds(idle)) {
                    pool.idle().remove(idle);
                    idle.drain();
                }
            }
        }
        pumpSoon();
    }

    private void nothingReachable(PoolShare pool) {
        String why = pools.whyNone(pool, name);
        if (why.isEmpty()) {
            checkFailed();
        } else {
            // local trouble: every source rests, or none fits the site's addresses
            feed.park(pool, SOURCE_REST.toMillis(), why);
            describe();
        }
    }

    private boolean mayOpen() {
        return !status.paused()
                && connections.size() < pace.connections();
    }

    private boolean open(PoolShare pool, EgressSource source) {
        EgressPath path = paths.of(source);
        Target target = ladder.next(source, path.narrowing().ipv4Only());
        if (target == null || !mayOpen(path)) {
            return false;
        }
        boolean trusted = !proven.isEmpty();
        if (!acquire(trusted, pool)) {
            path.notOpened();
            return false;
        }
        Provider.Limits limits = paths.limits();
        SessionTerms terms = new SessionTerms(source.ehlo(), target.toString(),
                site.tls().of(target.dane()),
                ladder.inTheClear(target.host()), settings().pipelining(),
                settings().chunking(), pace.lookAhead(),
                Math.min(settings().recipientsPerTransaction(),
                        limits.recipientsPerTransaction()),
                Math.min(pace.messages(), Math.min(limits.messagesPerConnection(),
                        path.narrowing().messages())),
                SMALL_CONTENT, hop);
        Connection connection = new Connection(this, pool, path, target, terms, !trusted);
        connection.grant();
        if (connections.isEmpty()) {
            parts.budget().siteOpens();
        }
        connections.add(connection);
        path.opened();
        pool.opening(1);
        pool.connections(1);
        pools.served(pool);
        parts.meters().opened();
        connection.open();
        return true;
    }

    /** Takes the source's right to a connection; when there is none, comes back when there is. */
    private boolean mayOpen(EgressPath path) {
        SourceGate gate = path.gate();
        SourceGate.Wait wait = granted.remove(gate) ? path.useGranted() : path.open();
        // who has one does not drive others', nor its own, to make room for a second
        boolean none = connections.stream().noneMatch(one -> one.path() == path);
        if (none && wait != null && wait.nanos() == Long.MAX_VALUE && wishesSource.add(gate)) {
            gate.wish(() -> loop.execute(() -> grant(gate)));
            wait = path.open();
        }
        if (wait == null) {
            return true;
        }
        status.limited(wait.why());
        if (wait.nanos() != Long.MAX_VALUE) {
            later.within(wait.nanos());
        }
        return false;
    }

    /** A place for a connection of that source: used now or given back. */
    private void grant(SourceGate gate) {
        wishesSource.remove(gate);
        granted.add(gate);
        pump();
        if (granted.remove(gate)) {
            gate.closed();
        }
    }

    private boolean acquire(boolean trusted, PoolShare pool) {
        if (parts.budget().acquire(trusted)) {
            return true;
        }
        Lane lane = pool.ready().highest();
        if (lane == null || !wishesConnection.add(lane)) {
            return false;
        }
        parts.budget().wish(trusted, lane, () -> connectionIsFree(lane));
        return parts.budget().acquire(trusted);
    }

    // ------------------------------------------------------------------ waiting as a whole

    /** No connection is open and no address is left to try: the site waits. */
    private void checkFailed() {
        if (!connections.isEmpty() || status.paused()) {
            return;
        }
        String untold = ladder.untold();
        if (untold != null) {
            lastFailure = SmtpReply.of(451, "4.7.5", untold);
        }
        long millis = SitePace.parkMillis(settings(), pace.failed());
        parts.meters().parked();
        LOG.info("site waits site={} millis={} reason=\"{}\"", name, millis, lastFailure);
        long until = parts.time().nanos() + TimeUnit.MILLISECONDS.toNanos(millis);
        parkedUntilNanos = until;
        parked = true;
        String why = "no host of site " + name + " could be used, the last failure was: "
                + lastFailure;
        status.rests(why);
        for (PoolShare pool : pools.all()) {
            for (Attempt attempt : pool.ready().clear()) {
                defer(attempt, lastFailure);
            }
            feed.park(pool, millis, why);
        }
        loop.schedule(() -> {
            if (parkedUntilNanos == until) {
                unpark();
            }
        }, millis, TimeUnit.MILLISECONDS);
        noteQuiet();
    }

    private void unpark() {
        if (parked) {
            parked = false;
            status.rests("");
            ladder.forgetDown();
            pumpSoon();
        }
    }

    // ------------------------------------------------------------------ what it says of itself

    private void noteQuiet() {
        status.quiet(connections.isEmpty() && feed.isEmpty(), parts.time().nanos());
    }

    private void describe() {
        noteQuiet();
        status.waits(!wishesConnection.isEmpty(), feed.waitsForSigning());
        status.connections(connections.size(), proven.size(), proven.isEmpty()
                && !connections.isEmpty() ? connections.iterator().next().target().toString()
                        : "");
    }
}
