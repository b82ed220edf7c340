// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.IncomingContent;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.CodecException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.concurrent.FastThreadLocal;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.net.InetAddress;
import java.security.cert.X509Certificate;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Netty side of one {@link SmtpSession}: hands it bytes, writes its replies once for each read,
 * keeps its deadline. Holds the bytes the session does not take yet; while it holds some, or while
 * the client does not read its replies, nothing more is read, but for what epoll reads at the end
 * of a client's input: that counts as memory of a message. A client that ends its input is answered
 * what it has sent, if that takes no longer than idle-timeout, and closed; with TLS it is gone.
 * Confined to the channel's event loop. Long because all that holds or ends a connection must be
 * seen together.
 */
final class SmtpConnection extends ChannelInboundHandlerAdapter implements Outside {
    private static final Logger LOG = LoggerFactory.getLogger(SmtpConnection.class);
    private static final int SCRATCH_BYTES = 64 * 1024;
    private static final int LINGER_BYTES = 1 << 20;
    /** More than a read and what TLS makes of one. */
    private static final int HELD_BYTES = 4 * SmtpServer.READ_BYTES;
    private static final long LINGER_SECONDS = 2;
    private static final long SLICE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    /** The session works on arrays; one per event loop is enough, as it keeps none. */
    private static final FastThreadLocal<byte[]> SCRATCH = new FastThreadLocal<>() {
        @Override
        protected byte[] initialValue() {
            return new byte[SCRATCH_BYTES];
        }
    };

    private final SmtpServer.Shared shared;
    private final SessionTerms terms;
    /** Whose connection this is counted as. */
    private InetAddress counted;
    private final TimeSource time;
    private final SmtpSession session;
    private final boolean admitted;
    private final ArrayDeque<ByteBuf> held = new ArrayDeque<>();
    private long heldBytes;
    /** Of what is held beyond {@link #HELD_BYTES}. */
    private IntakeBudget.@Nullable Grant heldRoom;
    private @Nullable ChannelHandlerContext context;
    private @Nullable ByteBuf replies;
    private int lastCode;
    private boolean opened;
    private boolean working;
    private boolean tlsWanted;
    private boolean closeWanted;
    private boolean closing;
    private boolean released;
    private boolean handshaking;
    /** What came between messages waits for {@link #slowOver}. */
    private boolean slowed;
    private boolean heldLongEnough;
    private boolean hadMessage;
    /** When the last message began, if there was one. */
    private long messageNanos;
    private long lingered;
    private long unwritableSince;
    /** When the client said that it sends no more, 0 when it did not. */
    private long inputEndedSince;
    private boolean abrupt;
    /** The next look at the deadline, or the end of lingering. */
    private Future<?> watch = ImmediateEventExecutor.INSTANCE.newSucceededFuture(null);

    /** @param admitted false when there are too many connections: only to say so and close */
    SmtpConnection(SmtpServer.Shared shared, SessionTerms terms, ClientOrigin origin,
            boolean admitted) {
        this.shared = shared;
        this.terms = terms;
        counted = origin.client();
        this.admitted = admitted;
        time = shared.time();
        session = new SmtpSession(terms, origin, this, time);
    }

    // Netty's events

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        if (!admitted) {
            turnAway();
            return;
        }
        shared.connections().add(this);
        shared.meters().connections.increment();
        if (shared.stopping()) {
            session.stop();
        }
        if (ctx.pipeline().get(SslHandler.class) == null) {
            open("", Optional.empty());
        } else {
            handshakeBegins();
        }
    }

    private void handshakeBegins() {
        handshaking = true;
        shared.handshakes().incrementAndGet();
    }

    private void handshakeEnds() {
        if (handshaking) {
            handshaking = false;
            shared.handshakes().decrementAndGet();
        }
    }

    private void turnAway() {
        shared.meters().connectionsRefused.increment();
        if (terms.listener().tls() == ListenerConfig.Tls.IMPLICIT) {
            ctx().close();
            return;
        }
        rejected(new Event.Intake(terms.listenerName(), session.origin().text(), "", "", ""),
                "connect", Replies.TOO_MANY_CONNECTIONS);
        reply(Replies.TOO_MANY_CONNECTIONS);
        close();
        work();
    }

    private void open(String tls, Optional<Identity> certified) {
        opened = true;
        session.opened(tls, certified);
        work();
        watchDeadline();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            inputEnds(ctx);
            return;
        }
        if (!(event instanceof SslHandshakeCompletionEvent handshake)) {
            ctx.fireUserEventTriggered(event);
            return;
        }
        handshakeEnds();
        if (!handshake.isSuccess()) {
            shared.meters().handshakesFailed.increment();
            LOG.debug("tls=failed client={} why=\"{}\"", session.origin().text(),
                    String.valueOf(handshake.cause()));
            ctx.close();
            return;
        }
        SSLSession agreed = ctx.pipeline().get(SslHandler.class).engine().getSession();
        String tls = agreed.getProtocol() + " " + agreed.getCipherSuite();
        Optional<Identity> certified = certified(agreed);
        if (opened) {
            session.tlsEstablished(tls, certified);
            work();
        } else {
            open(tls, certified);
        }
    }

    /** A client that has gone altogether looks the same. */
    private void inputEnds(ChannelHandlerContext ctx) {
        if (closing || ctx.pipeline().get(SslHandler.class) != null) {
            ctx.close();
            return;
        }
        inputEndedSince = time.nanos() | 1;
        work();
    }

    /** Whom the client's certificate names, which the handshake has checked. */
    private Optional<Identity> certified(SSLSession agreed) {
        if (terms.listener().clientCertificate() == ListenerConfig.ClientCertificates.OFF) {
            return Optional.empty();
        }
        try {
            return agreed.getPeerCertificates()[0] instanceof X509Certificate shown
                    ? shared.logins().flatMap(logins -> logins.certified(shown))
                    : Optional.empty();
        } catch (SSLPeerUnverifiedException showedNone) {
            return Optional.empty();
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        if (closing) {
            linger(bytes);
            return;
        }
        shared.meters().bytes.add(bytes.readableBytes());
        held.add(bytes);
        heldBytes += bytes.readableBytes();
        work();
        if (heldBytes > HELD_BYTES && !hasRoomForHeld()) {
            closing = true;
            releaseHeld();
            ctx.close();
        }
    }

    private boolean hasRoomForHeld() {
        IntakeBudget.Grant room = heldRoom;
        if (room == null) {
            room = newRoom(session.origin().text());
            heldRoom = room;
        }
        return room.covers(heldBytes);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        unwritableSince = ctx.channel().isWritable() ? 0 : time.nanos() | 1;
        work();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        session.lost();
        release();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        session.lost();
        release();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // A reset or a broken TLS record is the client's business; a bug is ours.
        boolean bug = (cause instanceof RuntimeException && !(cause instanceof CodecException))
                || cause instanceof Error;
        if (bug) {
            LOG.error("connection=broken client={}", session.origin().text(), cause);
        } else {
            LOG.debug("connection=lost client={} why=\"{}\"", session.origin().text(),
                    cause.toString());
        }
        session.lost();
        ctx.close();
    }

    // What the session asks

    @Override
    public void reply(SmtpReply reply) {
        ByteBuf out = replies;
        if (out == null) {
            out = ctx().alloc().buffer(256);
            replies = out;
        }
        int last = reply.lines().size() - 1;
        for (int i = 0; i <= last; i++) {
            writeNumber(reply.code(), out);
            out.writeByte(i < last ? '-' : ' ');
            EnhancedStatus status = reply.status().orElse(null);
            if (status != null) {
                writeNumber(status.statusClass(), out);
                writeNumber(status.subject(), out.writeByte('.'));
                writeNumber(status.detail(), out.writeByte('.'));
                out.writeByte(' ');
            }
            ByteBufUtil.writeAscii(out, reply.lines().get(i));
            out.writeShort(('\r' << 8) | '\n');
        }
        lastCode = reply.code();
        shared.meters().replied(reply.code());
    }

    /** From 0 to 999. */
    private static void writeNumber(int number, ByteBuf out) {
        if (number >= 100) {
            out.writeByte('0' + number / 100);
        }
        if (number >= 10) {
            out.writeByte('0' + number / 10 % 10);
        }
        out.writeByte('0' + number % 10);
    }

    @Override
    public void close() {
        closeWanted = true;
    }

    @Override
    public void cutOff() {
        ctx().close();
    }

    @Override
    public void startTls() {
        tlsWanted = true;
    }

    @Override
    public void verify(SaslDialogue.Credentials login) {
        Optional<LoginCheck> logins = shared.logins();
        if (logins.isEmpty()) {
            throw new IllegalStateException("AUTH was offered without users");
        }
        logins.get().check(login, session.origin().client(), ctx().executor(), verdict -> {
            if (ctx().executor().inEventLoop() && working) {
                // Answered from memory: the session has not yet returned from asking.
                ctx().executor().execute(() -> answer(verdict));
            } else {
                answer(verdict);
            }
        });
    }

    @Override
    public Optional<Identity> userNamed(String name) {
        return shared.logins().flatMap(logins -> logins.find(name));
    }

    @Override
    public boolean become(ClientOrigin client) {
        if (!shared.limits().move(counted, client.client(), client.relaysFrom())) {
            return false;
        }
        counted = client.client();
        return true;
    }

    private void answer(LoginCheck.Verdict verdict) {
        if (verdict instanceof LoginCheck.Verdict.Right) {
            shared.limits().loggedIn(session.origin().client());
        }
        session.verdict(verdict);
        work();
    }

    @Override
    public ScramSecret scramSecret(String user) {
        return shared.logins().orElseThrow().scramSecret(user);
    }

    @Override
    public boolean offersScram() {
        return shared.logins().isPresent() && shared.logins().get().offersScram();
    }

    @Override
    public IncomingContent newContent() {
        heldLongEnough = false;
        hadMessage = true;
        messageNanos = time.nanos();
        return shared.spool().newContent(ctx().executor(), () -> {
            session.writableAgain();
            work();
        });
    }

    @Override
    public Optional<SmtpReply> admit(Ask ask) {
        Optional<SmtpReply> notNow = shared.admit(ask, session.origin());
        heldLongEnough &= notNow.isEmpty(); // who only tries again is slowed down again
        return notNow;
    }

    @Override
    public IntakeBudget.Grant newRoom(String owner) {
        return terms.share().room(shared.budget(), owner);
    }

    @Override
    public void rejected(Event.Intake from, String stage, SmtpReply reply) {
        shared.rejections().append(from, stage, reply);
    }

    @Override
    public void listensAgain() {
        work();
    }

    // Work

    /** Gives the session what it takes, then writes what it said, in one flush. */
    private void work() {
        if (working || closing) {
            return;
        }
        working = true;
        try {
            while (!held.isEmpty() && session.listens() && ctx().channel().isWritable()
                    && !slowed()) {
                feed(held.getFirst());
            }
        } catch (RuntimeException | Error bug) {
            LOG.error("session=broken client={}", session.origin().text(), bug);
            session.lost();
            reply(Replies.BROKEN);
            closeWanted = true;
        } finally {
            working = false;
        }
        finishWork();
    }

    /** Whether what is in hand is to wait: once before each message, never inside one. */
    private boolean slowed() {
        if (!session.betweenMessages()) {
            heldLongEnough = false;
            return false;
        }
        if (slowed) {
            return true;
        }
        long pressed = heldLongEnough ? 0 : shared.slowNanos();
        // in slices: what holds messages apart may end meanwhile
        long delay = pressed > 0 ? pressed : Math.min(SLICE_NANOS, untilNextMessage());
        if (delay > 0) {
            slowed = true;
            ctx().executor().schedule(() -> slowOver(pressed > 0), delay, TimeUnit.NANOSECONDS);
        }
        return slowed;
    }

    /**
     * Nanoseconds before the next message may begin. The first one may now, other commands may, and
     * what came together with one of those.
     */
    private long untilNextMessage() {
        long spacing = shared.spacingNanos();
        if (spacing == 0 || !hadMessage || !beginsLikeMail(held.getFirst())) {
            return 0;
        }
        return Math.max(0, messageNanos + spacing - time.nanos());
    }

    private static boolean beginsLikeMail(ByteBuf bytes) {
        return bytes.isReadable() && (bytes.getByte(bytes.readerIndex()) | 0x20) == 'm';
    }

    private void slowOver(boolean enough) {
        slowed = false;
        heldLongEnough |= enough;
        if (!released) {
            work();
        }
    }

    private void feed(ByteBuf bytes) {
        int length = bytes.readableBytes();
        int taken;
        if (bytes.hasArray()) {
            int from = bytes.arrayOffset() + bytes.readerIndex();
            taken = session.receive(bytes.array(), from, from + length);
        } else {
            byte[] scratch = SCRATCH.get();
            length = Math.min(length, SCRATCH_BYTES);
            bytes.getBytes(bytes.readerIndex(), scratch, 0, length);
            taken = session.receive(scratch, 0, length);
        }
        bytes.skipBytes(taken);
        heldBytes -= taken;
        if (!bytes.isReadable()) {
            held.remove().release();
            if (held.isEmpty()) {
                releaseHeld();
            }
        }
    }

    private void finishWork() {
        ChannelHandlerContext ctx = ctx();
        if (inputEndedSince != 0 && held.isEmpty() && session.listens()) {
            session.lost(); // it waits for what cannot come any more
            closeWanted = true;
        }
        if (closeWanted) {
            closing = true;
            releaseHeld();
            finish(ctx);
            return;
        }
        ByteBuf out = replies;
        if (out != null) {
            replies = null;
            ChannelFuture sent = ctx.writeAndFlush(out);
            if (inputEndedSince != 0) {
                // with epoll a reply that must wait for the client is lost then: no use going on
                sent.addListener(f -> {
                    if (!f.isSuccess()) {
                        ctx.close();
                    }
                });
            }
        }
        boolean reads = held.isEmpty() && ctx.channel().isWritable();
        // after the end of input epoll has let go of the connection: asked to read it would fail
        if (inputEndedSince == 0 && ctx.channel().config().isAutoRead() != reads) {
            ctx.channel().config().setAutoRead(reads);
        }
        if (tlsWanted) {
            tlsWanted = false;
            // First in line from here on: what comes next is a TLS record or ends the connection.
            handshakeBegins();
            ctx.pipeline().addFirst(shared.tls().orElseThrow().newHandler(ctx.alloc(),
                    terms.limits().handshakeTimeout(), terms.listener().clientCertificate()));
        }
    }

    /*
     * Closing with unread input makes the kernel send a reset, which can destroy the last reply on
     * its way. So the sending side is closed first and what still comes is thrown away, bounded in
     * bytes and time. After QUIT nothing more should come, after the end of input nothing can.
     */
    private void finish(ChannelHandlerContext ctx) {
        ByteBuf out = replies;
        replies = null;
        ChannelFuture sent = ctx.writeAndFlush(out == null ? ctx.alloc().buffer(0) : out);
        watch.cancel(false);
        watch = ctx.executor().schedule(() -> ctx.close(), LINGER_SECONDS, TimeUnit.SECONDS);
        if (abrupt || !admitted || inputEndedSince != 0 || lastCode == Replies.BYE.code()) {
            sent.addListener(f -> ctx.close());
            return;
        }
        sent.addListener(f -> {
            SslHandler tls = ctx.pipeline().get(SslHandler.class);
            if (!f.isSuccess()) {
                ctx.close();
            } else if (tls != null) {
                tls.closeOutbound();
            } else if (ctx.channel() instanceof DuplexChannel duplex) {
                duplex.shutdownOutput();
            }
        });
        ctx.channel().config().setAutoRead(true);
    }

    private void linger(ByteBuf bytes) {
        lingered += bytes.readableBytes();
        bytes.release();
        if (lingered > LINGER_BYTES) {
            ctx().close();
        }
    }

    // Deadlines

    /*
     * One timer for each connection, seldom set and never for a message: what begins meanwhile has
     * at least half a minute, so looking again after at most that long misses none. One that was
     * put off while we did not read may be seen as much too late.
     */
    private void watchDeadline() {
        if (closing || released) {
            return;
        }
        long idle = terms.limits().idleTimeout().toNanos();
        long now = time.nanos();
        if ((unwritableSince != 0 && now - unwritableSince > idle)
                || (inputEndedSince != 0 && now - inputEndedSince > idle)) {
            // It does not read, or is gone by now: it would not see a reply either.
            session.lost();
            ctx().close();
            return;
        }
        long left = session.deadlineNanos() == Long.MAX_VALUE
                ? idle
                : session.deadlineNanos() - now;
        if (slowed) {
            left = SLICE_NANOS; // it is we who are silent
        }
        if (left <= 0) {
            session.timedOut();
            work();
            return;
        }
        watch = ctx().executor().schedule(this::watchDeadline,
                Math.min(left, session.graceNanos()), TimeUnit.NANOSECONDS);
    }

    // Stopping; any thread

    void stop() {
        onLoop(session::stop);
    }

    void stopNow() {
        onLoop(() -> {
            abrupt = true;
            session.stopNow();
        });
    }

    private void onLoop(Runnable event) {
        ctx().executor().execute(() -> {
            if (!released) {
                event.run();
                work();
            }
        });
    }

    private void release() {
        if (released) {
            return;
        }
        released = true;
        closing = true;
        watch.cancel(false);
        handshakeEnds();
        releaseHeld();
        if (replies != null) {
            replies.release();
            replies = null;
        }
        if (admitted) {
            shared.limits().release(counted);
            shared.closed(this);
        }
    }

    private void releaseHeld() {
        held.forEach(ByteBuf::release);
        held.clear();
        heldBytes = 0;
        if (heldRoom != null) {
            heldRoom.close();
        }
    }

    private ChannelHandlerContext ctx() {
        ChannelHandlerContext ctx = context;
        if (ctx == null) {
            throw new IllegalStateException("not in a pipeline");
        }
        return ctx;
    }

}
