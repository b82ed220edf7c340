// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.PeerCertificate.Flaw;
import io.mailrace.delivery.ReplyClassifier.Failure;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ConnectTimeoutException;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.proxy.ProxyConnectionEvent;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One TCP connection to a peer: thin glue between Netty and {@link SmtpClientSession}. Confined to
 * its dispatcher's event loop. Holds at most two attempts, one or two chunks of content on their
 * way to the socket, and one incomplete reply. Whatever happens, each attempt it took is finished
 * or handed back, and {@link Dispatcher#closed} is called once. Long because everything that may
 * happen to a socket ends in the same few states.
 */
final class Connection extends ChannelInboundHandlerAdapter implements SmtpClientSession.Wire {
    private static final Logger LOG = LoggerFactory.getLogger(Connection.class);
    private static final int GROUP_BYTES = 1024;
    private static final int MAX_REPORTED = 200;
    /**
     * Octets: who takes less of a content within its limit counts as gone. With the usual limit 23
     * a second, slower than any line mail goes over, and less than a socket takes at a time.
     */
    private static final long LEAST_PROGRESS = 4096;

    private final Dispatcher dispatcher;
    private PoolShare pool;
    private final EgressPath path;
    private final EgressSource source;
    private final Target target;
    private final TlsProof proof;
    private final SmtpClientSession session;
    private final List<SmtpReply> replies = new ArrayList<>();
    private final List<Attempt> held = new ArrayList<>(2);
    private SmtpReplyParser parser = new SmtpReplyParser();
    private @Nullable Channel channel;
    /** Until the peer can be heard; null when it is reached directly. */
    private @Nullable ProxyPassage passage;
    private @Nullable ByteBuf out;
    private @Nullable ContentStream stream;
    private boolean pumping;
    private boolean tlsWanted;
    private boolean closed;
    private String tls = "";
    private boolean proven;
    private Optional<Flaw> flaw = Optional.empty();
    private final Set<String> reported = new HashSet<>();
    private long deadlineNanos;
    private long timerNanos;
    private @Nullable ScheduledFuture<?> timer;
    private long lastPending;
    private boolean onTrial;
    private boolean promised;
    private int grants;
    private int before;

    Connection(Dispatcher dispatcher, PoolShare pool, EgressPath path, Target target,
            SessionTerms terms, boolean onTrial) {
        proof = terms.proof();
        this.dispatcher = dispatcher;
        this.onTrial = onTrial;
        this.pool = pool;
        this.path = path;
        source = path.source();
        this.target = target;
        session = new SmtpClientSession(terms, this);
    }

    PoolShare pool() {
        return pool;
    }

    /** From now on it takes the mail of another share, which may go by its source as well. */
    void serve(PoolShare other) {
        pool.connections(-1);
        other.connections(1);
        pool = other;
        before = session.messages();
    }

    /** Messages begun on it for the share it serves now. */
    int served() {
        return session.messages() - before;
    }

    EgressSource source() {
        return source;
    }

    /** Whether mail may go in the clear when TLS fails. */
    boolean mayBeClear() {
        return !proof.encrypted();
    }

    EgressPath path() {
        return path;
    }

    Target target() {
        return target;
    }

    SmtpClientSession session() {
        return session;
    }

    /** Ends the trial in the budget of connections; false when there was none or it is over. */
    boolean endTrial() {
        boolean was = onTrial;
        onTrial = false;
        return was;
    }

    /** It is promised to another site: it ends after what it does now. */
    void promise() {
        promised = true;
    }

    boolean promised() {
        return promised;
    }

    /** A mail was given to it, and charged to its source. */
    void grant() {
        grants++;
    }

    boolean useGrant() {
        if (grants == 0) {
            return false;
        }
        grants--;
        return true;
    }

    // ------------------------------------------------------------------ opening

    /** Registers, binds, connects: each step so that its failure is known from the others'. */
    void open() {
        dispatcher.bootstrap(this).register().addListener((ChannelFuture registered) -> {
            if (registered.isSuccess()) {
                bind(registered.channel());
            } else {
                // where there was no descriptor for a socket this is a thread of Netty's own
                dispatcher.loop().execute(() -> openFailed(Stage.CONNECT, Failure.LOCAL,
                        registered.cause()));
            }
        });
    }

    private void bind(Channel registered) {
        channel = registered;
        Optional<InetAddress> local = source.local(target.address());
        if (local.isEmpty()) {
            connect(registered);
            return;
        }
        registered.bind(new InetSocketAddress(local.get(), 0)).addListener(bound -> {
            if (bound.isSuccess()) {
                connect(registered);
            } else {
                openFailed(Stage.BIND, Failure.LOCAL, bound.cause());
            }
        });
    }

    private void connect(Channel to) {
        passage = ProxyPassage.begin(source, target, to.pipeline(),
                dispatcher.settings().timeouts().connect());
        to.connect(new InetSocketAddress(target.address(), target.port())).addListener(done -> {
            if (!done.isSuccess()) {
                openFailed(Stage.CONNECT, connectFailure(done.cause()), done.cause());
            }
        });
    }

    private static Failure connectFailure(Throwable cause) {
        if (cause instanceof ConnectTimeoutException) {
            return Failure.TIMEOUT;
        }
        return cause instanceof BindException || !(cause instanceof IOException) ? Failure.LOCAL
                : Failure.LOST;
    }

    private void openFailed(Stage stage, Failure failure, @Nullable Throwable cause) {
        if (closed) {
            return;
        }
        ProxyPassage through = passage;
        if (through != null) {
            close(through.failed(cause));
            return;
        }
        String why = cause == null ? "no reason given" : String.valueOf(cause.getMessage());
        SmtpReply reply = stage == Stage.BIND
                ? SmtpReply.of(451, "4.3.0", source.whyNotBound(target.address(), why))
                : failure == Failure.LOCAL
                        ? SmtpReply.of(451, "4.3.0", "local trouble connecting: " + why)
                        : SmtpReply.of(451, "4.4.1", "connecting to " + target + " failed: "
                                + why);
        close(new Ending(stage, Optional.of(failure),
                ReplyClassifier.verdict(stage, failure).effect(), reply, false));
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        if (closed) {
            ctx.close();
            return;
        }
        if (passage == null) {
            begin();
            ctx.read();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof ProxyConnectionEvent && !closed) {
            passage = null; // from here on the peer is heard
            begin();
        }
        ctx.fireUserEventTriggered(event);
    }

    /** The peer is reached: the dialogue begins, or the handshake before it. */
    private void begin() {
        session.connected();
        if (tlsWanted) {
            tlsWanted = false;
            beginTls();
        }
        touch();
    }

    // ------------------------------------------------------------------ from the peer

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        if (passage != null) {
            in.release();
            openFailed(Stage.CONNECT, Failure.LOST, new IOException("it talks nonsense"));
            return;
        }
        boolean sound = true;
        boolean heard;
        try {
            Stage stage = session.stage();
            parser.expectEhlo(stage == Stage.EHLO || stage == Stage.HELO);
            byte[] scratch = dispatcher.scratch();
            while (in.isReadable() && sound && !closed) {
                int count = Math.min(in.readableBytes(), scratch.length);
                in.readBytes(scratch, 0, count);
                sound = parser.feed(scratch, 0, count, replies);
            }
            heard = !replies.isEmpty();
        } finally {
            in.release();
        }
        try {
            deliver();
        } finally {
            replies.clear();
        }
        if (!sound && !closed) {
            session.lost(Failure.GARBAGE, parser.broken());
        }
        flush();
        if (heard) {
            touch(); // a part of a reply is none: it would never time out octet by octet
        }
    }

    private void deliver() {
        for (int i = 0; i < replies.size() && !closed; i++) {
            boolean last = i + 1 == replies.size();
            boolean surplus = last ? parser.insideReply() && !parser.mayBecome421()
                    : replies.get(i + 1).code() != 421;
            session.reply(replies.get(i), surplus);
            if (tlsWanted) {
                tlsWanted = false;
                if (last && !parser.insideReply()) {
                    beginTls();
                } else if (!closed) {
                    session.lost(Failure.OUT_OF_STEP, "bytes follow the reply to STARTTLS");
                }
                return;
            }
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        if (passage != null) {
            openFailed(Stage.CONNECT, Failure.LOST, null);
            return;
        }
        session.lost(Failure.LOST, "the peer closed it");
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        pumpContent();
        flush();
        touch(); // last: the stage may be another one now, with another time
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (passage != null) {
            openFailed(Stage.CONNECT, Failure.LOST, cause);
        } else if (cause instanceof IOException || cause instanceof DecoderException) {
            session.lost(Failure.LOST, String.valueOf(cause.getMessage()));
        } else if (!closed) {
            unforeseen(cause);
        }
    }

    /** The catch-all of a connection: a bug defers, it never bounces. */
    private void unforeseen(Throwable cause) {
        dispatcher.shared().unforeseen("connection to " + target, cause);
        session.lost(Failure.LOCAL, String.valueOf(cause));
        close(new Ending(session.stage(), Optional.of(Failure.LOCAL),
                ReplyClassifier.Effect.CLOSE, SmtpReply.of(451, "4.3.0", "internal error"),
                false));
    }

    // ------------------------------------------------------------------ from the dispatcher

    /** There may be mail for it. */
    void mailAtHand() {
        try {
            session.mailAtHand();
            flush();
            touch();
        } catch (RuntimeException bug) {
            unforeseen(bug);
        }
    }

    /** Finishes what runs, says QUIT. */
    void drain() {
        if (!session.established()) {
            if (!closed) {
                close(Ending.ORDERLY);
            }
            return;
        }
        try {
            session.drain();
            flush();
            touch();
        } catch (RuntimeException bug) {
            unforeseen(bug);
        }
    }

    /** Ends it now; what runs is deferred. */
    void abort() {
        session.lost(Failure.LOCAL, "the service stops");
        if (!closed) {
            close(Ending.ORDERLY);
        }
    }

    // ------------------------------------------------------------------ wishes of the session

    @Override
    public void send(String command) {
        ByteBuf group = group();
        ByteBufUtil.writeUtf8(group, command);
        group.writeByte('\r').writeByte('\n');
    }

    @Override
    public void sendContent(Attempt attempt, boolean dots) {
        ContentStream starting = new ContentStream(attempt, dots);
        starting.writeStart(group());
        stream = starting;
        pumpContent();
    }

    @Override
    public void startTls() {
        tlsWanted = true;
    }

    @Override
    public @Nullable Attempt next() {
        Attempt next = closed ? null : dispatcher.next(this);
        if (next != null) {
            held.add(next);
        }
        return next;
    }

    @Override
    public void established() {
        dispatcher.established(this);
    }

    @Override
    public void idle() {
        dispatcher.idle(this);
    }

    @Override
    public void finished(Attempt attempt, boolean peerTakesDsn) {
        held.remove(attempt);
        if (attempt.delivered()) {
            path.accepted();
        } else if (!closed && !attempt.reached()) {
            path.giveBack(attempt.begunNanos());
        }
        report(attempt);
        dispatcher.finished(attempt, route(attempt), peerTakesDsn);
    }

    @Override
    public void handBack(Attempt attempt) {
        held.remove(attempt);
        path.giveBack(attempt.begunNanos());
        dispatcher.handBack(attempt);
    }

    @Override
    public Ruling judge(Stage stage, SmtpReply reply, @Nullable Attempt attempt) {
        return dispatcher.paths().judge(this, stage, reply, attempt);
    }

    @Override
    public void close(Ending ending) {
        if (closed) {
            return;
        }
        closed = true;
        reportFailure(ending);
        if (ending.failure().isPresent() && session.messages() > 0
                && ending.stage() != Stage.IDLE && ending.stage() != Stage.QUIT) {
            path.gate().broke();
        }
        stream = null;
        if (out != null) {
            out.release();
            out = null;
        }
        if (timer != null) {
            timer.cancel(false);
        }
        if (channel != null) {
            channel.close();
        }
        for (Attempt left : List.copyOf(held)) {
            left.decideRest(new Disposition.Deferred(ending.reply().isPositive()
                    ? SmtpReply.of(451, "4.3.0", "internal error")
                    : ending.reply()));
            finished(left, false);
        }
        dispatcher.closed(this, ending);
    }

    private Event.Route route(Attempt attempt) {
        return new Event.Route(dispatcher.name(), source.name(), target.host(),
                target.addressText(), tls, attempt.signature().signedBy());
    }

    // ------------------------------------------------------------------ TLS

    /** Counts this connection for each domain whose mail goes over it (RFC 8460 4.3). */
    private void report(Attempt attempt) {
        TlsReports reports = dispatcher.shared().tlsReports();
        String domain = attempt.queue().key().destination();
        if (reports.counts(attempt) && proof != TlsProof.CLEAR_TEXT && session.established()
                && reported.size() < MAX_REPORTED && reported.add(domain)) {
            reports.session(domain, target, proof, source.sender(target.address()),
                    session.encrypted() ? flaw
                            : Optional.of(
                                    new Flaw(TlsResult.STARTTLS_NOT_SUPPORTED, "in the clear")));
        }
    }

    /** It ends because of TLS: that counts for the domain whose mail waits for it. */
    private void reportFailure(Ending ending) {
        TlsReports reports = dispatcher.shared().tlsReports();
        Attempt waiting = pool.ready().first();
        boolean tlsFailed = ending.stage() == Stage.STARTTLS || ending.stage() == Stage.TLS;
        if (tlsFailed && waiting != null && reports.counts(waiting)) {
            reports.session(waiting.queue().key().destination(), target, proof,
                    source.sender(target.address()),
                    Optional.of(flaw.orElseGet(() -> new Flaw(ending.stage() == Stage.STARTTLS
                            ? TlsResult.STARTTLS_NOT_SUPPORTED
                            : TlsResult.VALIDATION_FAILURE, ending.reply().text()))));
        }
    }

    private void beginTls() {
        Channel to = channel;
        if (to == null) {
            return;
        }
        try {
            parser = new SmtpReplyParser();
            SslContext context = dispatcher.shared().tls().context();
            SslHandler handler = context.newHandler(to.alloc(), target.nameForTls(),
                    target.port());
            handler.setHandshakeTimeoutMillis(
                    dispatcher.settings().timeouts().tls().toMillis());
            to.pipeline().addFirst(handler);
            handler.handshakeFuture().addListener(done -> {
                if (closed) {
                    return;
                }
                if (done.isSuccess()) {
                    try {
                        tlsUp(handler.engine().getSession());
                    } catch (RuntimeException bug) {
                        unforeseen(bug);
                    }
                } else {
                    session.lost(Failure.LOST, String.valueOf(done.cause().getMessage()));
                }
            });
        } catch (SSLException | RuntimeException unusable) {
            LOG.warn("tls cannot be used peer={} reason=\"{}\"", target,
                    unusable.getMessage());
            session.lost(Failure.LOST, String.valueOf(unusable.getMessage()));
        }
    }

    /** The handshake is done: does the peer prove what it must? */
    private void tlsUp(SSLSession with) {
        flaw = flaw(with);
        if (flaw.isPresent() && proof != TlsProof.NAME_WATCHED) {
            session.lost(Failure.LOST, flaw.get().why());
            return;
        }
        proven = flaw.isEmpty() && (proof == TlsProof.DANE || proof == TlsProof.NAME
                || proof == TlsProof.NAME_WATCHED);
        tls = Ascii.clean(with.getProtocol() + " " + with.getCipherSuite()
                + (!proven ? "" : proof == TlsProof.DANE ? " DANE" : " verified"), 100);
        session.tlsEstablished();
        flush();
        touch();
    }

    private Optional<Flaw> flaw(SSLSession with) {
        return switch (proof) {
            case DANE -> target.dane() instanceof Dane.Records named
                    ? PeerCertificate.of(with).byDane(named, target.host())
                    : Optional.empty();
            case NAME, NAME_WATCHED -> byAuthorities(with);
            case CLEAR_TEXT, NOTHING, ENCRYPTION -> Optional.empty();
        };
    }

    private Optional<Flaw> byAuthorities(SSLSession with) {
        return PeerCertificate.of(with).byAuthorities(
                dispatcher.settings().peerTls().authorities(), target.host());
    }

    @Override
    public boolean authenticated(Attempt attempt) {
        if (!attempt.hostsSecure()) {
            return false; // who proves that name may be anybody (RFC 8689 4.2.1)
        }
        SslHandler handler = channel == null ? null : channel.pipeline().get(SslHandler.class);
        if (!proven && handler != null && session.encrypted()) {
            proven = byAuthorities(handler.engine().getSession()).isEmpty();
        }
        return proven;
    }

    // ------------------------------------------------------------------ writing

    private ByteBuf group() {
        ByteBuf group = out;
        if (group == null) {
            group = dispatcher.allocator().directBuffer(GROUP_BYTES);
            out = group;
        }
        return group;
    }

    private void flush() {
        ByteBuf group = out;
        Channel to = channel;
        if (group == null || closed || to == null) {
            return;
        }
        out = null;
        to.writeAndFlush(group);
    }

    /**
     * Writes chunks while the socket takes them; goes on when told that it takes more. A flush may
     * tell so while we are in here: such a call returns at once, the loop sees for itself.
     */
    private void pumpContent() {
        Channel to = channel;
        ContentStream sending = stream;
        if (sending == null || closed || to == null || pumping) {
            return;
        }
        pumping = true;
        try {
            pump(sending, to);
        } finally {
            pumping = false;
        }
    }

    private void pump(ContentStream sending, Channel to) {
        while (sending.hasNext()) {
            if (!to.isWritable()) {
                return;
            }
            byte[] chunk = sending.nextIfLoaded();
            if (chunk == null) {
                flush();
                load(sending, to);
                return;
            }
            write(sending, chunk);
            if (stream != sending) {
                return; // closed on the way
            }
        }
        sending.writeEnd(group());
        stream = null;
        session.contentSent();
    }

    private void write(ContentStream sending, byte[] chunk) {
        sending.write(chunk, group());
        if (sending.hasNext()) {
            flush();
        }
    }

    /** Reads a chunk from disk; meanwhile nothing else happens here, so it cannot overlap. */
    private void load(ContentStream sending, Channel to) {
        int index = sending.next();
        stream = null;
        try {
            dispatcher.shared().spool().readers().execute(() -> {
                try {
                    byte[] chunk = sending.content().chunk(index);
                    onLoop(to, () -> loaded(sending, chunk));
                } catch (RuntimeException unreadable) {
                    onLoop(to, () -> unreadable(unreadable));
                }
            });
        } catch (RejectedExecutionException overloaded) {
            unreadable(overloaded);
        }
    }

    private static void onLoop(Channel to, Runnable task) {
        try {
            to.eventLoop().execute(task);
        } catch (RejectedExecutionException stopped) {
            LOG.debug("event loop stopped before a chunk was read");
        }
    }

    private void loaded(ContentStream sending, byte[] chunk) {
        if (closed) {
            return;
        }
        try {
            // not yet the current stream: a flush in write must not go on with it
            write(sending, chunk);
            stream = sending;
            pumpContent();
            flush();
            touch();
        } catch (RuntimeException bug) {
            unforeseen(bug);
        }
    }

    private void unreadable(RuntimeException why) {
        if (closed) {
            return;
        }
        LOG.warn("content not readable peer={} reason=\"{}\"", target, why.getMessage());
        session.lost(Failure.LOCAL, "the content cannot be read");
    }

    // ------------------------------------------------------------------ time

    /** Sets the deadline of the present stage. The timer runs lazily behind it. */
    private void touch() {
        Channel to = channel;
        if (closed || to == null) {
            return;
        }
        Stage stage = session.stage();
        long limit = (stage == Stage.IDLE && session.idle()
                ? dispatcher.settings().idleTimeout()
                : dispatcher.settings().timeouts().of(stage)).toNanos();
        long now = dispatcher.shared().time().nanos();
        deadlineNanos = now + limit;
        if (stage == Stage.CONTENT) {
            lastPending = pending(to);
        }
        if (timer != null && timerNanos - deadlineNanos <= 0) {
            return;
        }
        if (timer != null) {
            timer.cancel(false);
        }
        schedule(to, limit);
    }

    private void schedule(Channel to, long delayNanos) {
        timerNanos = dispatcher.shared().time().nanos() + delayNanos;
        timer = to.eventLoop().schedule(this::timeUp, delayNanos, TimeUnit.NANOSECONDS);
    }

    private void timeUp() {
        Channel to = channel;
        timer = null;
        if (closed || to == null) {
            return;
        }
        long left = deadlineNanos - dispatcher.shared().time().nanos();
        if (left > 0) {
            schedule(to, left);
        } else if (session.idle()) {
            drain();
        } else if (session.stage() == Stage.CONTENT && progressed(to)) {
            touch();
        } else {
            session.lost(Failure.TIMEOUT, "");
        }
    }

    /** Whether enough octets left since the last touch: a slow reader is not a dead one. */
    private boolean progressed(Channel to) {
        return lastPending - pending(to) >= LEAST_PROGRESS;
    }

    /** Octets that no socket has taken yet. */
    private static long pending(Channel to) {
        ChannelOutboundBuffer buffer = to.unsafe().outboundBuffer();
        return buffer == null ? 0 : buffer.totalPendingWriteBytes() - buffer.currentProgress();
    }
}
