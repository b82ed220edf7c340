// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Delivery;
import io.mailrace.delivery.ShapingControl;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.dkim.DkimSigners;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.RocksSpool;
import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolException;
import io.mailrace.smtp.SmtpServer;
import io.mailrace.smtp.SmtpServerException;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.handler.ssl.OpenSsl;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running Mailrace: every object, wired by hand in the order of its life, closed in the reverse
 * order. Any thread.
 *
 * <p>The listeners open last, so whatever is accepted can be stored, delivered and told about. They
 * close first: clients finish their transactions; then delivery finishes what is in flight and
 * settles it, so an orderly stop makes no duplicates; then the event log catches up. The admin
 * address answers all the while ("not ready", and why), and the spool outlives all who write to it.
 */
public final class Daemon implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);
    private static final Duration EVENT_LOG_LIMIT = Duration.ofSeconds(5);
    private static final long LOOP_LIMIT_SECONDS = 5;
    /** What a stop may take after stop-timeout: last settlements, closing of the spool. */
    private static final Duration STOP_REST = Duration.ofMinutes(2);

    /** Something to close; the name is for the log. */
    private record Part(String name, AutoCloseable closing) {}

    private final DaemonConfig config;
    private final TimeSource time;
    private final Metrics metrics = new Metrics();
    /** What is open, newest first. */
    private final Deque<Part> parts = new ArrayDeque<>();
    private final long startedNanos;
    private long stopNanos;
    private volatile @Nullable Spool spool;
    private volatile @Nullable Delivery delivery;
    private volatile @Nullable SmtpServer server;
    private volatile @Nullable DkimInForce dkim;
    private final Systemd systemd;
    private final DkimInForce.Opener signers;
    private volatile @Nullable Reload reload;
    private Optional<InetSocketAddress> adminAddress = Optional.empty();

    private Daemon(DaemonConfig config, TimeSource time, Systemd systemd,
            DkimInForce.Opener signers) {
        this.signers = signers;
        this.config = config;
        this.time = time;
        this.systemd = systemd;
        startedNanos = time.nanos();
    }

    /**
     * Starts everything; listening when this returns.
     *
     * @throws RuntimeException when something cannot be opened; what was open is closed again
     */
    public static Daemon start(DaemonConfig config) {
        return start(config, Systemd.none(), Optional.empty());
    }

    /** What the daemon was configured by, to be read again by a reload. */
    record Origin(Path file, ConfigSource source) {}

    /** As above, and told to the service manager; from a file it can be reloaded. */
    static Daemon start(DaemonConfig config, Systemd systemd, Optional<Origin> origin) {
        return start(config, systemd, origin, DkimSigners::open);
    }

    /** @param signers how signers are opened */
    static Daemon start(DaemonConfig config, Systemd systemd, Optional<Origin> origin,
            DkimInForce.Opener signers) {
        Daemon daemon = new Daemon(config, TimeSource.system(), systemd, signers);
        try {
            systemd.starting("Starting: opening the spool at " + config.queue().spool().path());
            daemon.open();
            origin.ifPresent(from -> daemon.reload = new Reload(from.file(), from.source(),
                    daemon::take, systemd));
            return daemon;
        } catch (RuntimeException failed) {
            daemon.close();
            throw failed;
        }
    }

    private synchronized void open() {
        // The slow parts of a start run side by side: native TLS is only touched, for its class
        // loads a library; the others make what is used below.
        aside("start-tls", OpenSsl::isAvailable);
        CompletableFuture<Spool> spoolOpening = aside("start-spool",
                this::openSpool);
        CompletableFuture<DkimInForce> signerOpening = aside("start-dkim",
                () -> new DkimInForce(config.dkim(), signers, time));
        CompletableFuture<MetricsPage> pageOpening = aside("start-metrics",
                () -> new MetricsPage(metrics));
        IoEventLoopGroup loops = openLoops();
        parts.push(new Part("event loops", () -> loops.shutdownGracefully(0, LOOP_LIMIT_SECONDS,
                TimeUnit.SECONDS).awaitUninterruptibly(LOOP_LIMIT_SECONDS, TimeUnit.SECONDS)));
        List<RuntimeException> failures = new ArrayList<>();
        adopt("spool", spoolOpening, failures);
        adopt("dkim", signerOpening, failures);
        adopt("metrics", pageOpening, failures);
        if (!failures.isEmpty()) {
            throw failures.getFirst();
        }
        Spool open = spoolOpening.join();
        spool = open;
        DkimInForce signer = signerOpening.join();
        dkim = signer;
        Liveness living = liveness(open, loops).start();
        parts.push(new Part("liveness", living));
        openAdmin(open, pageOpening.join(), loops, living);
        openEventLog(open);
        Delivery delivering = Delivery.start(config.delivery(), open, signer, loops,
                time, metrics, config.dkim().keys().keySet().stream().sorted().toList());
        delivery = delivering;
        parts.push(new Part("delivery", () -> delivering.close(stopRest(1))));
        SmtpServer listening = listen(open, loops, signer, delivering.signingLoad());
        server = listening;
        // half of the time: delivery needs the other
        parts.push(new Part("listeners", () -> listening.close(stopRest(2))));
        LOG.info("started version={} hostname={} listeners={} admin={} socket={} millis={}",
                Version.number(), config.hostname(), listening.addresses(),
                adminAddress.map(InetSocketAddress::toString).orElse("off"),
                config.admin().socket(),
                TimeUnit.NANOSECONDS.toMillis(time.nanos() - startedNanos));
        systemd.ready(living, this::line);
    }

    private Spool openSpool() {
        try {
            return RocksSpool.open(config.queue(), time, metrics);
        } catch (SpoolException refused) {
            throw Sandbox.remedy(refused, config.queue().spool().path())
                    .<RuntimeException>map(remedy -> new StartException(refused.getMessage() + ". "
                            + remedy, refused))
                    .orElse(refused);
        }
    }

    /** What keeps a listener from its port is said with the remedy. */
    private SmtpServer listen(Spool open, IoEventLoopGroup loops, DkimInForce signer,
            SigningLoad load) {
        try {
            return SmtpServer.start(config.smtp(), open, loops, time, metrics, signer,
                    load);
        } catch (SmtpServerException refused) {
            throw refused.bind().map(bind -> new StartException(refused.getMessage() + ". "
                    + PortHolder.ofThisMachine().advise("listeners." + bind.name() + ".bind",
                            bind.address(), refused),
                    refused))
                    .map(RuntimeException.class::cast).orElse(refused);
        }
    }

    private Liveness liveness(Spool open, IoEventLoopGroup loops) {
        List<Liveness.Asked> all = new ArrayList<>();
        loops.forEach(loop -> all.add(new Liveness.Asked("event loop " + (all.size() + 1), loop,
                false)));
        all.add(new Liveness.Asked("spool-read", open.readers(), true));
        return new Liveness(all, open, time, systemd.stuckAfter());
    }

    /** The state in a line for people. Never blocks. */
    private String line() {
        Spool open = spool();
        StringBuilder line = new StringBuilder();
        open.refusal().ifPresent(why -> line.append("New mail is refused: ").append(why)
                .append("; "));
        line.append(open.queues().waiting()).append(" waiting; listening on ");
        addresses().forEach((name, address) -> line.append(name).append(' ')
                .append(address.getAddress().getHostAddress()).append(':')
                .append(address.getPort()).append(' '));
        return line.toString().strip();
    }

    private DkimConfig dkimConfig() {
        DkimInForce signer = dkim;
        return signer == null ? config.dkim() : signer.config();
    }

    /** What a reload changes. */
    private SmtpServer.Kept take(DaemonConfig fresh) {
        DkimInForce signer = dkim;
        if (signer != null) {
            // first, for it may be refused: then nothing has changed
            signer.replace(fresh.dkim());
        }
        Logging.level(fresh.log().level());
        SmtpServer listening = server;
        return listening == null
                ? new SmtpServer.Kept(false, false)
                : listening.reloadFiles();
    }

    private void openAdmin(Spool open, MetricsPage page, IoEventLoopGroup loops,
            Liveness living) {
        AdminApi api = new AdminApi(open, this::why, new DeliverySites(),
                new ShapingApi(config, this::dkimConfig, () -> Optional.ofNullable(delivery)),
                new IntakeReport(this::accepting,
                        () -> Optional.ofNullable(server).map(SmtpServer::intake)),
                page, time, this::reload, living::stuck);
        AdminServer admin = AdminServer.open(config.admin(), api, loops, config.hostname());
        parts.push(new Part("admin", admin));
        adminAddress = admin.address();
    }

    private void openEventLog(Spool open) {
        LogConfig log = config.log();
        @Nullable
        EventTarget target = switch (log.events()) {
            case LogConfig.Events.Off off -> null;
            case LogConfig.Events.Stdout stdout -> EventTarget.stdout();
            case LogConfig.Events.File file -> new EventFile(file.path(), log.eventsMaxSize(),
                    log.eventsMaxFiles());
        };
        if (target != null) {
            parts.push(new Part("event log", EventLog.start(open.journal(), target, time, metrics,
                    EVENT_LOG_LIMIT)));
        }
    }

    private static IoEventLoopGroup openLoops() {
        return new MultiThreadIoEventLoopGroup(Runtime.getRuntime().availableProcessors(),
                new DefaultThreadFactory("loop", true),
                Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    }

    private static <T> CompletableFuture<T> aside(String name, Supplier<T> work) {
        Executor thread = task -> Thread.ofPlatform().name(name).daemon(true).start(task);
        return CompletableFuture.supplyAsync(work, thread);
    }

    /** Waits for one; what opened is closed later even when another one failed. */
    private void adopt(String name, CompletableFuture<? extends AutoCloseable> opening,
            List<RuntimeException> failures) {
        try {
            parts.push(new Part(name, opening.join()));
        } catch (CompletionException failed) {
            failures.add(failed.getCause() instanceof RuntimeException cause ? cause : failed);
        }
    }

    /** Where each listener is bound, by name. */
    Map<String, InetSocketAddress> addresses() {
        SmtpServer listening = server;
        return listening == null ? Map.of() : listening.addresses();
    }

    /** What a SIGHUP and "mailrace reload" run; empty while starting and stopping. */
    Optional<Reload> reload() {
        return Optional.ofNullable(reload);
    }

    /** Where metrics and health are on TCP; empty when off. */
    Optional<InetSocketAddress> adminAddress() {
        return adminAddress;
    }

    Metrics metrics() {
        return metrics;
    }

    Spool spool() {
        Spool open = spool;
        if (open == null) {
            throw new IllegalStateException("the daemon is not started");
        }
        return open;
    }

    /** What shaping knows of each source at each receiver. */
    List<ShapingControl.PathStatus> paths() {
        Delivery delivering = delivery;
        return delivering == null ? List.of() : delivering.control().paths();
    }

    boolean accepting() {
        SmtpServer listening = server;
        return listening != null && listening.accepting();
    }

    /** Delivery opens after the admin address, and closes before it. */
    private final class DeliverySites implements OperationsApi.Sites {
        @Override
        public CompletionStage<Optional<String>> of(QueueKey queue) {
            Delivery delivering = delivery;
            return delivering == null
                    ? CompletableFuture.completedFuture(Optional.empty())
                    : delivering.siteOf(queue);
        }

        @Override
        public void wake(Predicate<QueueKey> which) {
            Delivery delivering = delivery;
            if (delivering != null) {
                delivering.wake(which);
            }
        }
    }

    private String why(QueueKey key) {
        Delivery delivering = delivery;
        return delivering == null ? "delivery is starting" : delivering.why(key);
    }

    /**
     * Stops as the class says, within {@code stop-timeout} and a few seconds for the rest. A second
     * call does nothing.
     */
    @Override
    public synchronized void close() {
        stopNanos = time.nanos() + config.stopTimeout().toNanos();
        reload = null;
        systemd.stopping(config.stopTimeout().plus(STOP_REST));
        while (!parts.isEmpty()) {
            Part part = parts.pop();
            try {
                part.closing().close();
            } catch (Exception failed) {
                LOG.error("not closed cleanly part=\"{}\"", part.name(), failed);
            }
        }
    }

    /** That part of what is left of the time to stop. */
    private Duration stopRest(int share) {
        return Duration.ofNanos(Math.max(0, (stopNanos - time.nanos()) / share));
    }
}
