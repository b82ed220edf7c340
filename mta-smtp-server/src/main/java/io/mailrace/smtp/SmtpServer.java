// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Metrics;
import io.mailrace.core.SigningFacts;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.Spool;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.FileSystemException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes in mail: opens the listeners, gives each connection its {@link SmtpSession}, and stops in
 * order. Holds at most {@code submission.max-connections} connections; runs on the event loops it
 * is given and does not close them. Any thread but an event loop. What it answers with 250 is in
 * the spool, on disk.
 */
public final class SmtpServer {
    private static final Logger LOG = LoggerFactory.getLogger(SmtpServer.class);
    private static final int BACKLOG = 1024;
    static final int READ_BYTES = 16 << 10;
    private static final WriteBufferWaterMark WRITE_BUFFER = new WriteBufferWaterMark(32 << 10,
            64 << 10);
    private static final Duration FILE_CHECK = Duration.ofSeconds(2);
    private static final Duration FORCED_CLOSE = Duration.ofSeconds(5);

    private final SmtpServerConfig config;
    private final EventLoopGroup loops;
    private final Shared shared;
    private final Map<String, ListenerShare> shares = new ConcurrentSkipListMap<>();
    private final Map<String, Channel> listeners = Collections.synchronizedMap(new TreeMap<>());
    private CompletableFuture<Void> tlsOpening = CompletableFuture.allOf();
    private final ScheduledExecutorService files = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("smtp-files").factory());
    private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("intake-watch").factory());

    private SmtpServer(SmtpServerConfig config, EventLoopGroup loops, Shared shared) {
        this.config = config;
        this.loops = loops;
        this.shared = shared;
    }

    /** What the connections of a server have in common. Any thread. */
    static final class Shared {
        private static final long LOG_EVERY_NANOS = Duration.ofSeconds(10).toNanos();

        private final Spool spool;
        private final TimeSource time;
        private final SmtpMeters meters;
        private final UserRates rates;
        private final ConnectionLimits limits;
        private final RejectionLog rejections;
        private final PressureConfig bounds;
        private final IntakeBudget budget;
        private final IntakePressure pressure;
        private final FlowControl flow;
        private final AtomicInteger handshakes = new AtomicInteger();
        private final MailDate dates = new MailDate();
        private final MessagePolicy messages;
        private final Set<SmtpConnection> connections = ConcurrentHashMap.newKeySet();
        private final CompletableFuture<Boolean> drained = new CompletableFuture<>();
        private final AtomicLong refusalLogged;
        private volatile Optional<LoginCheck> logins = Optional.empty();
        private volatile Optional<ServerTls> tls = Optional.empty();
        private volatile boolean stopping;

        Shared(SmtpServerConfig config, Spool spool, TimeSource time, Metrics metrics,
                SigningFacts signing, SigningLoad load) {
            SubmissionConfig submission = config.submission();
            this.spool = spool;
            this.time = time;
            meters = new SmtpMeters(metrics);
            rates = new UserRates(time);
            limits = new ConnectionLimits(submission.maxConnections(),
                    submission.maxConnectionsPerAddress(), time);
            bounds = config.pressure();
            budget = new IntakeBudget(IntakeReadings.budget(bounds));
            pressure = new IntakeReadings(bounds, spool).pressure(budget, limits,
                    handshakes::get);
            flow = new FlowControl(meters.accepted::sum, spool::freshPercent, load, time,
                    bounds.flowDelay());
            messages = new MessagePolicy(submission, config.hostname(), signing, config.pools(),
                    meters::found, this::tenantFull);
            rejections = new RejectionLog(spool.journal(), time, meters.rejectionsDropped);
            refusalLogged = new AtomicLong(time.nanos() - LOG_EVERY_NANOS);
            metrics.gauge("smtp_connections_current", "Connections open now.", limits::open);
            meters.show(pressure);
            meters.show(flow);
        }

        /** Whether a connection is taken; it is counted then. Implicit TLS comes with it. */
        boolean admit(ClientOrigin origin, boolean withTls) {
            return hasStrength(origin, withTls)
                    && limits.admit(origin.client(), origin.relaysFrom());
        }

        /** As above for a connection a balancer brought: it becomes the client's then. */
        boolean admitMoved(InetAddress balancer, ClientOrigin client, boolean withTls) {
            return hasStrength(client, withTls)
                    && limits.move(balancer, client.client(), client.relaysFrom());
        }

        private boolean hasStrength(ClientOrigin origin, boolean withTls) {
            boolean has = !pressure.answers(IntakePressure.Answer.NO_CONNECTION)
                    && (!withTls || admitTls(origin).isEmpty());
            if (!has) {
                meters.intakeRefused(IntakePressure.Answer.NO_CONNECTION);
            }
            return has;
        }

        private Optional<SmtpReply> admitTls(ClientOrigin origin) {
            return pressure.answers(IntakePressure.Answer.NO_TLS) && !origin.relaysFrom()
                    && !limits.knows(origin.client())
                            ? Optional.of(Replies.TLS_BUSY)
                            : Optional.empty();
        }

        /** Whether it may go on now. */
        Optional<SmtpReply> admit(Outside.Ask ask, ClientOrigin origin) {
            Optional<SmtpReply> refused = switch (ask.stage()) {
                case STARTTLS -> admitTls(origin);
                case MAIL -> admitMail(ask);
                case RCPT -> Optional.empty();
            };
            if (refused.isPresent()) {
                meters.intakeRefused(ask.stage() == Outside.Stage.MAIL
                        ? IntakePressure.Answer.NO_MAIL
                        : IntakePressure.Answer.NO_TLS);
                return refused;
            }
            // last, what the user may still send: it is counted here
            return ask.stage() == Outside.Stage.STARTTLS ? refused : rates.take(ask);
        }

        private Optional<SmtpReply> admitMail(Outside.Ask ask) {
            Optional<SmtpReply> refused = admitToSpool();
            if (refused.isPresent()) {
                return refused;
            }
            if (pressure.answers(IntakePressure.Answer.NO_MAIL)) {
                return Optional.of(Replies.BUSY);
            }
            Optional<UserRights> rights = ask.identity().map(Identity::rights);
            Set<ControlField> controls = rights.map(UserRights::control)
                    .orElse(messages.limits().controlHeaders());
            String tenant = rights.orElse(UserRights.WITHOUT_LOGIN).tenant();
            // who may name another tenant in the header is asked when that has come
            return !controls.contains(ControlField.TENANT) && pressure.tenantFull(tenant)
                    ? Optional.of(Replies.TOO_MUCH_WAITS)
                    : Optional.empty();
        }

        /** Asked for each message whose header has come. */
        private boolean tenantFull(String tenant) {
            boolean full = pressure.tenantFull(tenant);
            if (full) {
                meters.intakeRefused(IntakePressure.Answer.NO_MAIL);
            }
            return full;
        }

        /** Nanoseconds to wait before a client between messages is listened to; mostly 0. */
        long slowNanos() {
            return pressure.answers(IntakePressure.Answer.SLOW)
                    ? bounds.slowDelay().toNanos()
                    : 0;
        }

        /** See {@link FlowControl}, as for the next. */
        void lookAtFlow() {
            flow.look();
        }

        long spacingNanos() {
            return flow.spacingNanos();
        }

        IntakeBudget budget() {
            return budget;
        }

        AtomicInteger handshakes() {
            return handshakes;
        }

        /** The spool is asked itself, and when it refuses the log says why, now and then. */
        private Optional<SmtpReply> admitToSpool() {
            Optional<String> why = spool.refusal();
            if (why.isPresent()) {
                long now = time.nanos();
                long last = refusalLogged.get();
                if (now - last >= LOG_EVERY_NANOS && refusalLogged.compareAndSet(last, now)) {
                    LOG.warn("mail=refused why=\"{}\"", why.get());
                }
            }
            return why.map(refused -> Replies.STORAGE_FULL);
        }

        /**
         * Puts the session of a client whose address is known at the end of its pipeline.
         *
         * @param admitted it was counted in; else it is only told so
         */
        void converse(Channel channel, SessionTerms terms, ClientOrigin origin, boolean admitted) {
            if (admitted && terms.listener().tls() == ListenerConfig.Tls.IMPLICIT) {
                channel.pipeline().addLast(tls.orElseThrow().newHandler(channel.alloc(),
                        terms.limits().handshakeTimeout(),
                        terms.listener().clientCertificate()));
            }
            channel.pipeline().addLast(new SmtpConnection(this, terms, origin, admitted));
        }

        void closed(SmtpConnection connection) {
            connections.remove(connection);
            tellDrained();
        }

        private void tellDrained() {
            if (stopping && connections.isEmpty()) {
                drained.complete(true);
            }
        }

        Spool spool() {
            return spool;
        }

        TimeSource time() {
            return time;
        }

        SmtpMeters meters() {
            return meters;
        }

        ConnectionLimits limits() {
            return limits;
        }

        RejectionLog rejections() {
            return rejections;
        }

        Set<SmtpConnection> connections() {
            return connections;
        }

        Optional<LoginCheck> logins() {
            return logins;
        }

        Optional<ServerTls> tls() {
            return tls;
        }

        boolean stopping() {
            return stopping;
        }
    }

    /**
     * Opens every listener.
     *
     * @param signing asked for each message
     * @param load intake is held to what signing can do
     * @throws SmtpServerException when an address cannot be bound or the certificate or the users
     *         file cannot be used; nothing stays open then
     */
    public static SmtpServer start(SmtpServerConfig config, Spool spool, EventLoopGroup loops,
            TimeSource time, Metrics metrics, SigningFacts signing, SigningLoad load) {
        SmtpServer server = new SmtpServer(config, loops,
                new Shared(config, spool, time, metrics, signing, load));
        try {
            server.open();
            return server;
        } catch (RuntimeException failed) {
            server.close(Duration.ZERO);
            throw failed;
        }
    }

    /** The slow parts, TLS library and first hash, run beside the binding of plain listeners. */
    private void open() {
        tlsOpening = CompletableFuture.runAsync(this::openTls, files);
        if (config.usesAuth()) {
            try {
                shared.logins = Optional.of(LoginCheck.open(config.users(),
                        config.pools(), LastingSecret.in(shared.spool.memos()), shared.time));
            } catch (IOException bad) {
                throw new SmtpServerException("users file " + config.users().file() + " "
                        + bad.getMessage(), bad);
            }
        }
        bindAll(false);
        try {
            tlsOpening.join();
        } catch (CompletionException failed) {
            throw failed.getCause() instanceof SmtpServerException known
                    ? known
                    : new SmtpServerException("TLS cannot be started", failed);
        }
        bindAll(true);
        watch.scheduleWithFixedDelay(this::watchPressure, 0, IntakePressure.EVERY_MILLIS,
                TimeUnit.MILLISECONDS);
        watch.scheduleWithFixedDelay(this::watchFlow, 0, FlowControl.EVERY_MILLIS,
                TimeUnit.MILLISECONDS);
        files.scheduleWithFixedDelay(this::reloadIfChanged, FILE_CHECK.toMillis(),
                FILE_CHECK.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void watchPressure() {
        try {
            shared.pressure.sample();
        } catch (RuntimeException | Error bug) {
            // an error would be the last sample for ever
            LOG.error("intake=unknown", bug);
        }
    }

    private void watchFlow() {
        try {
            shared.lookAtFlow();
        } catch (RuntimeException | Error bug) {
            // as above
            LOG.error("flow=unknown", bug);
        }
    }

    private void openTls() {
        if (!config.usesTls()) {
            return;
        }
        try {
            shared.tls = Optional.of(ServerTls.open(config.tls(), config.hostname(),
                    shared.time.epochMillis()));
        } catch (IOException | GeneralSecurityException bad) {
            throw new SmtpServerException("tls.certificate " + config.tls().certificate()
                    + " with tls.key " + config.tls().key() + " cannot be used: "
                    + (bad instanceof FileSystemException file
                            ? file.getFile() + " " + SmtpServerFiles.why(file)
                            : bad.getMessage()),
                    bad);
        }
    }

    private void bindAll(boolean withTls) {
        config.listeners().forEach((name, listener) -> {
            if ((listener.tls() != ListenerConfig.Tls.OFF) == withTls) {
                bind(name, listener);
            }
        });
    }

    private void bind(String name, ListenerConfig listener) {
        boolean epoll = loops instanceof IoEventLoopGroup group
                && group.isIoType(EpollIoHandler.class);
        ListenerShare share = new ListenerShare(listener.pressure());
        SessionTerms terms = new SessionTerms(config.hostname(), name, listener, share,
                shared.messages, shared.dates,
                shared.meters.accepted, shared.meters.loginsFailed);
        Class<? extends ServerSocketChannel> type = epoll
                ? EpollServerSocketChannel.class
                : NioServerSocketChannel.class;
        ChannelFuture binding = new ServerBootstrap().group(loops).channel(type)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                // commands are short and contents long: a guess from the last reads is wrong here
                .childOption(ChannelOption.RECVBUF_ALLOCATOR,
                        new FixedRecvByteBufAllocator(READ_BYTES))
                .childOption(ChannelOption.SO_KEEPALIVE, true)
                // who has sent all he has may say so and still hear what became of it
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WRITE_BUFFER)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        prepare(channel, terms);
                    }
                }).bind(listener.bind()).awaitUninterruptibly();
        Channel bound = binding.channel();
        if (!binding.isSuccess()) {
            throw new SmtpServerException(new SmtpServerException.Bind(name, listener.bind()),
                    binding.cause());
        }
        listeners.put(name, bound);
        shares.put(name, share);
        shared.meters.show(name, share);
        LOG.info("listener={} address={} tls={} auth={}", name, bound.localAddress(),
                listener.tls(), listener.auth());
    }

    private void prepare(SocketChannel channel, SessionTerms terms) {
        InetSocketAddress remote = channel.remoteAddress();
        if (remote == null) {
            channel.close();
            return;
        }
        InetAddress peer = remote.getAddress();
        boolean hasPlace = terms.share().takes(channel);
        if (terms.listener().proxiedBy(peer)) {
            ProxyGate.addTo(channel, shared, terms, peer, hasPlace);
            return;
        }
        ClientOrigin origin = ClientOrigin.of(peer, terms.listener());
        boolean admitted = hasPlace && shared.admit(origin,
                terms.listener().tls() == ListenerConfig.Tls.IMPLICIT);
        shared.converse(channel, terms, origin, admitted);
    }

    /**
     * Files this server goes on without, as they were changed to something it cannot use.
     *
     * @param certificate the old one holds
     * @param users the old ones hold
     */
    public record Kept(boolean certificate, boolean users) {
        static final Kept NOTHING = new Kept(false, false);
    }

    /**
     * Reads certificate and users now if they changed, not only some seconds later. Blocks; what is
     * wrong with one leaves the old and is logged. Looks at the files it was started with.
     */
    public Kept reloadFiles() {
        try {
            Kept kept = files.submit(this::reloadIfChanged).get();
            // a look before this one may have refused the same change already
            boolean certificate = kept.certificate();
            boolean users = kept.users();
            for (SmtpServerFiles.Finding finding : SmtpServerFiles.check(config)) {
                certificate |= finding.fatal() && finding.key().startsWith("tls.");
                users |= finding.fatal() && finding.key().startsWith("users.");
            }
            return new Kept(certificate, users);
        } catch (RejectedExecutionException closed) {
            LOG.debug("files not read again, the server is closed");
        } catch (ExecutionException never) {
            throw new IllegalStateException("it catches what it throws", never);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
        return Kept.NOTHING;
    }

    private Kept reloadIfChanged() {
        try {
            Optional<LoginCheck.Reload> certificate = shared.tls.map(ServerTls::reloadIfChanged);
            certificate.ifPresent(shared.meters.certificate::count);
            Optional<LoginCheck.Reload> users = shared.logins.map(LoginCheck::reloadIfChanged);
            users.ifPresent(shared.meters.users::count);
            return new Kept(certificate.filter(LoginCheck.Reload.KEPT::equals).isPresent(),
                    users.filter(LoginCheck.Reload.KEPT::equals).isPresent());
        } catch (RuntimeException | Error bug) {
            // an error would be the last look for ever
            LOG.error("reload=failed", bug);
            return new Kept(true, true);
        }
    }

    /** Where each listener is bound, by name. */
    public Map<String, InetSocketAddress> addresses() {
        Map<String, InetSocketAddress> all = new TreeMap<>();
        synchronized (listeners) {
            listeners.forEach((name, channel) -> {
                if (channel.localAddress() instanceof InetSocketAddress address) {
                    all.put(name, address);
                }
            });
        }
        return all;
    }

    /**
     * Closes the listeners. Idle sessions end with 421, the others after the transaction they are
     * in. Does not wait for them.
     */
    public void stopAccepting() {
        if (shared.stopping) {
            return;
        }
        shared.stopping = true;
        synchronized (listeners) {
            listeners.values().forEach(channel -> channel.close().awaitUninterruptibly());
        }
        shared.connections.forEach(SmtpConnection::stop);
        shared.tellDrained();
    }

    /** How much mail is coming in, and whether it is taken. */
    public IntakePressure.Snapshot intake() {
        IntakePressure.Snapshot now = shared.pressure.snapshot();
        List<IntakePressure.Share> each = new ArrayList<>();
        shares.forEach((name, share) -> each.add(share.show(name)));
        return new IntakePressure.Snapshot(now.level(), now.answers(), now.readings(), each,
                shared.flow.spacing());
    }

    /** Whether listeners are open. */
    public boolean accepting() {
        return !shared.stopping;
    }

    /**
     * Stops accepting, waits up to {@code limit} for transactions in flight, then closes every
     * connection. Blocks: never on an event loop. Close the spool after this.
     */
    public void close(Duration limit) {
        stopAccepting();
        if (!drainedWithin(limit)) {
            LOG.warn("stop=forced connections={}", shared.connections.size());
            shared.connections.forEach(SmtpConnection::stopNow);
            if (!drainedWithin(FORCED_CLOSE)) {
                LOG.error("stop=incomplete connections={}", shared.connections.size());
            }
        }
        // a start that failed elsewhere may still be loading the certificate: it must be closed too
        tlsOpening.handle((opened, failed) -> true).join();
        files.shutdownNow();
        watch.shutdownNow();
        shared.logins.ifPresent(LoginCheck::close);
        shared.tls.ifPresent(ServerTls::close);
        shared.tls = Optional.empty();
    }

    private boolean drainedWithin(Duration limit) {
        try {
            return shared.drained.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException notYet) {
            return false;
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException never) {
            throw new IllegalStateException("nothing fails this future", never);
        }
    }
}
