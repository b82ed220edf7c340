// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.NextHops.NextHop;
import io.mailrace.delivery.NextHops.Nowhere;
import io.mailrace.delivery.NextHops.To;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import io.mailrace.queue.Spool;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gets due mail out: looks up where a queue's mail goes, gives the queue to the dispatcher of that
 * site, and writes what became of each mail to the spool. It pulls; mail it cannot send now stays
 * on disk. Memory grows with the queues that have due mail and with the sites they lead to. Methods
 * may be called by any thread; {@link #close} blocks.
 */
public final class Delivery {
    private static final Logger LOG = LoggerFactory.getLogger(Delivery.class);
    private static final int SCRATCH_BYTES = 8 * 1024;
    private static final int SWEEP_SECONDS = 30;
    /** After a start, when it is over: whoever needs authorities before reads them himself. */
    private static final int PREPARE_SECONDS = 10;
    private static final int FAILING_DOMAINS = 100_000;
    private static final int KNOWN_DOMAINS = 20_000;
    /** A queue that always has mail asks so often where it goes. */
    private static final long KNOWN_NANOS = TimeUnit.SECONDS.toNanos(1);
    /** A bound of our own is soon free again. */
    private static final long BUSY_MILLIS = 5000;
    private static final Duration LAST_SETTLEMENTS = Duration.ofSeconds(10);

    /** Where a destination goes, found out less than a second ago. */
    private record Known(To to, long untilNanos) {}

    private final DeliveryConfig config;
    private final Spool spool;
    private final EventLoopGroup loops;
    private final DeliveryParts parts;
    private final Gates gates;
    private final ShapingControl control;
    private final SourceWatch watch;
    private final Warmup warmup;
    private final NextHops hops;
    private final Map<EventLoop, byte[]> scratches = new ConcurrentHashMap<>();
    private final Map<Site, Dispatcher> sites = new ConcurrentHashMap<>();
    private final Map<QueueKey, Dispatcher> places = new ConcurrentHashMap<>();
    private final Cache<String, Integer> unknownInARow;
    private final Cache<String, Known> known;
    private final FreedCaps freed;
    private volatile boolean closing;
    private @Nullable ScheduledFuture<?> sweep;

    private Delivery(DeliveryConfig config, Spool spool, MessageSigner signer,
            EventLoopGroup loops, TimeSource time, Metrics metrics,
            List<String> senderDomains) {
        this.config = config;
        this.spool = spool;
        this.loops = loops;
        DeliveryMeters meters = new DeliveryMeters(metrics);
        Egress egress = Egress.of(config, time);
        watch = new SourceWatch(egress.sources().values(), SourceWatch.Machine.real(),
                reason -> DeliveryParts.unpark(spool, reason::equals));
        int threads = config.delivery().signingThreads() > 0
                ? config.delivery().signingThreads()
                : Runtime.getRuntime().availableProcessors();
        ConnectionBudget budget = new ConnectionBudget(config.delivery().connections());
        Settlements settlements = new Settlements(spool, time, meters);
        gates = new Gates(time, spool.memos());
        freed = new FreedCaps(spool, loops, Duration.ofSeconds(1), Duration.ofSeconds(30));
        gates.onFreed(freed::add);
        Measures measures = new Measures(time, spool.memos(), meters);
        measures.onChange(this::measuresChanged);
        Shaping shaping = new Shaping(config.providers(), gates, measures,
                new MailLimits(config.limits(), gates),
                new Suppressions(time, spool.memos()));
        DnsClient dns = new DnsClient(config.dns(), metrics);
        warmup = new Warmup(config, time, spool.memos(), metrics,
                WarmupGate.checking(dns, time, senderDomains));
        warmup.onChange(this::warmupChanged, this::measuresChanged);
        PeerTlsConfig peerTls = config.delivery().peerTls();
        Https https = new Https(() -> bootstrap(loops.next()),
                Https.trusting(peerTls.authorities()));
        StsPolicies policies = new StsPolicies(config, dns, time, spool.memos(),
                new WebHosts(config, dns, time, https), metrics);
        // with a bound of its own: mail must not wait for those who take reports
        WebHosts reportHosts = new WebHosts(config, dns, time, https);
        hops = new NextHops(config, new MxResolver(config, time, dns), policies);
        parts = new DeliveryParts(config, spool, time, meters,
                new SigningPool(signer, threads, time, meters), budget, settlements,
                DeliveryTls.load(), egress, shaping, warmup,
                new TlsReports(config, spool, time, dns, policies, reportHosts), this::route,
                places::remove);
        control = new ShapingControl(config, shaping, spool, this::isSite);
        unknownInARow = Caffeine.newBuilder().maximumSize(FAILING_DOMAINS)
                .executor(Runnable::run).expireAfterWrite(Duration.ofHours(2)).build();
        known = Caffeine.newBuilder().maximumSize(KNOWN_DOMAINS).executor(Runnable::run).build();
        metrics.gauge("delivery_connections_current", "Connections to peers", budget::used);
        metrics.gauge("delivery_sites_current", "Sites with mail or connections", sites::size);
        metrics.gauge("delivery_settlements_current", "Outcomes on their way to the disk",
                settlements::underWay);
    }

    /**
     * Begins to deliver; asks for the addresses of the machine and of proxies, and so may block.
     * The loops, the spool and the signer stay the caller's, who closes them after {@link #close}.
     *
     * @param senderDomains whose SPF must let a source send before it is warmed up
     */
    public static Delivery start(DeliveryConfig config, Spool spool, MessageSigner signer,
            EventLoopGroup loops, TimeSource time, Metrics metrics, List<String> senderDomains) {
        Delivery delivery = new Delivery(config, spool, signer, loops, time, metrics,
                senderDomains);
        if (config.delivery().peerTls().authorities() instanceof SystemAuthorities ours) {
            loops.next().schedule(ours::prepare, PREPARE_SECONDS, TimeUnit.SECONDS);
        }
        delivery.sweep = loops.next().scheduleWithFixedDelay(delivery::sweep, SWEEP_SECONDS,
                SWEEP_SECONDS, TimeUnit.SECONDS);
        delivery.watch.start();
        delivery.warmup.sweep();
        // The first handshake must find TLS loaded: nothing is sent before.
        delivery.parts.tls().whenLoaded(() -> spool.queues().listen(delivery::route));
        return delivery;
    }

    /** What intake holds itself to. */
    public SigningLoad signingLoad() {
        return new SigningLoad() {
            @Override
            public long passed() {
                return parts.signing().passed();
            }

            @Override
            public long pauses() {
                return parts.signing().pauses();
            }

            @Override
            public boolean busy() {
                return parts.signing().busy();
            }
        };
    }

    /** Shaping as operators see it. */
    public ShapingControl control() {
        return control;
    }

    /** Warm-up as operators see it. */
    public WarmupControl warmup() {
        return new WarmupControl(config, warmup);
    }

    /** Why mail of a queue does not move now, in one sentence; empty when nothing is known. */
    public String why(QueueKey key) {
        QueueStatus status = spool.queues().find(key).map(MailQueue::status).orElse(null);
        if (status != null && status.parkedUntilEpochMillis() > 0) {
            return "parked until " + Instant.ofEpochMilli(status.parkedUntilEpochMillis())
                    + " because " + status.parkedWhy();
        }
        Dispatcher dispatcher = places.get(key);
        if (dispatcher != null) {
            return dispatcher.why();
        }
        return hops.asking(key.destination()) ? "waiting for DNS" : "";
    }

    /**
     * Tries sites and sources again at once that wait because they failed, if they concern a queue
     * that is meant; each site sees to it a moment later. Parked queues stay parked: the caller
     * unparks them with {@link MailQueue#park}, after this, for a queue that comes back to a site
     * that still waits is parked again.
     *
     * @param which is asked on the event loops; must not block
     */
    public void wake(Predicate<QueueKey> which) {
        sites.values().forEach(dispatcher -> {
            try {
                dispatcher.loop().execute(() -> dispatcher.wake(which));
            } catch (RejectedExecutionException stopped) {
                LOG.debug("event loop stopped before site={} was woken", dispatcher.name());
            }
        });
    }

    /**
     * How mail of a queue would leave now. Asks the DNS when need be, never blocks; completes
     * exceptionally only by a bug.
     *
     * @param domain of the author
     */
    public CompletionStage<Explanation> explain(QueueKey key, String domain) {
        Destination destination = Destination.parse(key.destination());
        return hops.of(destination).thenApply(hop -> switch (hop) {
            case To to -> Explanation.of(parts, new Explanation.About(key, domain, to.site(),
                    to.hosts()));
            case Nowhere none -> new Explanation(List.of(new Explanation.Line(none.forGood()
                    ? "bounces"
                    : "waits", none.reply().toString())));
            case NextHops.Busy busy -> new Explanation(List.of(new Explanation.Line("waits",
                    busy.why())));
            case NextHops.Discarded gone -> new Explanation(List.of(new Explanation.Line(
                    "next-hop", "none: a route throws it away, and it counts as delivered")));
        });
    }

    /**
     * The name of the site mail of a queue goes to: the names of its hosts in order of the
     * alphabet, with commas; a smart host as {@code host:port}. Empty when it has none or nobody
     * knows now. Asks the DNS when need be, never blocks, never completes exceptionally.
     */
    public CompletionStage<Optional<String>> siteOf(QueueKey key) {
        Destination destination = Destination.parse(key.destination());
        if (destination instanceof Destination.SmartHost via) {
            return CompletableFuture.completedFuture(Optional.of(via.text().substring(
                    via.protocol().prefix().length())));
        }
        return hops.of(destination).handle((hop, bug) -> hop instanceof To to
                ? Optional.of(to.hosts().names())
                : Optional.empty());
    }

    /** Writes and sends what is due of the reports on TLS; else done every half minute. */
    void sweepReports() {
        parts.tlsReports().sweep();
    }

    // ------------------------------------------------------------------ from queue to site

    /** Finds out where a queue with due mail goes. Any thread; never blocks. */
    private void route(MailQueue queue) {
        if (closing) {
            return;
        }
        String destination = queue.key().destination();
        Known lately = known.getIfPresent(destination);
        if (lately != null && lately.untilNanos - parts.time().nanos() > 0) {
            routed(queue, lately.to, null);
            return;
        }
        hops.of(Destination.parse(destination)).whenComplete((hop, bug) -> {
            if (hop instanceof To to) {
                remember(destination, to);
            }
            routed(queue, hop, bug);
        });
    }

    private void routed(MailQueue queue, @Nullable NextHop hop, @Nullable Throwable bug) {
        try {
            if (hop == null) {
                throw new IllegalStateException("resolver failed", bug);
            }
            give(queue, hop);
        } catch (RejectedExecutionException stopped) {
            LOG.debug("event loop stopped before queue={} was routed", queue.key());
        } catch (RuntimeException unforeseen) {
            parts.unforeseen("routing " + queue.key(), unforeseen);
            parts.park(queue, config.delivery().parkFirst().toMillis(), "internal error");
        }
    }

    private void give(MailQueue queue, NextHop hop) {
        if (closing) {
            return;
        }
        String name = queue.key().destination();
        switch (hop) {
            case To to -> {
                unknownInARow.invalidate(name);
                to.sts().ifPresent(why -> parts.tlsReports().policyTrouble(name, why));
                join(queue, to.site(), to.hosts());
            }
            case NextHops.Busy busy -> parts.park(queue, BUSY_MILLIS, busy.why());
            case NextHops.Discarded gone -> {
                DeadEnd end = deadEnd(queue);
                end.loop().execute(end::discard);
            }
            case Nowhere none when none.forGood() -> {
                DeadEnd end = deadEnd(queue);
                end.loop().execute(() -> end.bounce(none.reply()));
            }
            case Nowhere none -> {
                int failures = unknownInARow.asMap().merge(name, 1, Integer::sum);
                DeadEnd end = deadEnd(queue);
                end.loop().execute(() -> end.defer(none.reply(),
                        SitePace.parkMillis(config.delivery(), failures)));
            }
        }
    }

    private void remember(String destination, To to) {
        long now = parts.time().nanos();
        long left = Math.min(KNOWN_NANOS, to.hosts().validUntilNanos() - now);
        if (left > 0) {
            known.put(destination, new Known(to, now + left));
        }
    }

    private DeadEnd deadEnd(MailQueue queue) {
        return new DeadEnd(parts, queue, loops.next());
    }

    private void join(MailQueue queue, Site site, Hosts hosts) {
        Dispatcher dispatcher = sites.computeIfAbsent(site, key -> open(key, hosts));
        places.put(queue.key(), dispatcher);
        dispatcher.loop().execute(() -> dispatcher.join(queue, hosts));
    }

    private Dispatcher open(Site site, Hosts hosts) {
        EventLoop loop = loops.next();
        byte[] scratch = scratches.computeIfAbsent(loop, key -> new byte[SCRATCH_BYTES]);
        return new Dispatcher(parts, site, hosts, loop, bootstrap(loop), scratch);
    }

    private Bootstrap bootstrap(EventLoop loop) {
        boolean epoll = loops instanceof IoEventLoopGroup io && io.isIoType(EpollIoHandler.class);
        long connectMillis = config.delivery().timeouts().connect().toMillis();
        return new Bootstrap().group(loop)
                .channel(epoll ? EpollSocketChannel.class : NioSocketChannel.class)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) connectMillis)
                .option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.SO_KEEPALIVE, true)
                .option(ChannelOption.WRITE_BUFFER_WATER_MARK,
                        new WriteBufferWaterMark(32 * 1024, 64 * 1024));
    }

    private boolean isSite(String name) {
        return sites.keySet().stream().anyMatch(site -> SitePaths.nameOf(site).equals(name));
    }

    private void warmupChanged() {
        DeliveryParts.unpark(spool, Warmup::isWhy);
        tell(Dispatcher::warmupChanged);
    }

    private void measuresChanged() {
        tell(Dispatcher::measuresChanged);
    }

    private void tell(Consumer<Dispatcher> news) {
        sites.values().forEach(dispatcher -> {
            try {
                dispatcher.loop().execute(() -> news.accept(dispatcher));
            } catch (RejectedExecutionException stopped) {
                LOG.debug("event loop stopped before site={} was told", dispatcher.name());
            }
        });
    }

    /** The one catch-all of what is done every half minute: an error must not end it for good. */
    private void sweep() {
        try {
            forgetSites();
            parts.tlsReports().sweep();
        } catch (RuntimeException bug) {
            parts.unforeseen("sweep", bug);
        }
    }

    /** Bounds memory: a site nobody has mail for is forgotten, and what is in force no more. */
    private void forgetSites() {
        parts.shaping().measures().sweep();
        warmup.sweep();
        long now = parts.time().nanos();
        sites.forEach((site, dispatcher) -> {
            if (dispatcher.seemsForgotten(now)) {
                dispatcher.loop().execute(() -> {
                    if (dispatcher.drop()) {
                        sites.remove(site, dispatcher);
                    }
                });
            }
        });
    }

    // ------------------------------------------------------------------ the end

    /**
     * Takes nothing more, lets transactions that run finish and settle, and closes. What still runs
     * after the limit is cut off and deferred. The loops must still run.
     */
    public void close(Duration limit) {
        closing = true;
        freed.close();
        if (sweep != null) {
            sweep.cancel(false);
        }
        watch.close();
        parts.settlements().stop();
        if (!within(stopSites(), limit)) {
            LOG.warn("transactions are cut off connections={}", parts.budget().used());
            sites.values().forEach(dispatcher -> dispatcher.loop().execute(dispatcher::abort));
            within(stopSites(), LAST_SETTLEMENTS);
        } else {
            // One may have been opened by a look-up that ended meanwhile.
            within(stopSites(), LAST_SETTLEMENTS);
        }
        gates.close();
        warmup.close();
        parts.tlsReports().close();
        awaitSettlements();
        parts.signing().close();
    }

    private CompletableFuture<Void> stopSites() {
        List<CompletableFuture<Void>> ends = new ArrayList<>();
        sites.values().forEach(dispatcher -> {
            ends.add(dispatcher.stopped());
            if (!dispatcher.stopped().isDone()) {
                dispatcher.loop().execute(dispatcher::stop);
            }
        });
        return CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new));
    }

    private static boolean within(CompletableFuture<Void> all, Duration limit) {
        try {
            all.get(Math.max(0, limit.toMillis()), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException late) {
            return false;
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void awaitSettlements() {
        CountDownLatch done = new CountDownLatch(1);
        parts.settlements().onDone(done::countDown);
        try {
            if (parts.settlements().underWay() > 0
                    && !done.await(LAST_SETTLEMENTS.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.error("outcomes not written count={}", parts.settlements().underWay());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
