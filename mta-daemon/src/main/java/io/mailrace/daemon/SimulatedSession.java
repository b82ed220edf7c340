// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.daemon.SimulatedBehaviour.Cut;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One connection to a {@link SimulatedProvider}. Confined to its event loop. Content is passed on
 * as it comes and never held. A reply that takes its time stops the reading of further input.
 */
final class SimulatedSession extends ByteToMessageDecoder {
    private static final int MAX_LINE = 4096;
    private static final Duration LINGER = Duration.ofSeconds(1);

    private enum State {
        COMMAND, CONTENT, CHUNK, TURNED_AWAY
    }

    private final String name;
    private final SimulatedBehaviour behaviour;
    private final Optional<SslContext> tls;
    private final SimulatedInbox inbox;
    private final Runnable handshakeDone;

    private State state = State.COMMAND;
    private boolean encrypted;
    /** A delayed reply is on its way, or the line is being closed: input waits. */
    private boolean waiting;
    private @Nullable String sender;
    private List<String> recipients = new ArrayList<>();
    private SimulatedInbox.@Nullable Incoming incoming;
    private Cut cut = Cut.NONE;
    private long chunkLeft;
    private boolean lastChunk;
    /** The two content bytes seen last, to know a line's start across buffers. */
    private int lastTwo;

    SimulatedSession(String name, SimulatedBehaviour behaviour, Optional<SslContext> tls,
            SimulatedInbox inbox, Runnable handshakeDone) {
        this.name = name;
        this.behaviour = behaviour;
        this.tls = tls;
        this.inbox = inbox;
        this.handshakeDone = handshakeDone;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        Optional<String> refusal = behaviour.greeting();
        if (refusal.isPresent()) {
            replyAndClose(ctx, refusal.get());
        } else {
            reply(ctx, "220 " + name + " ESMTP");
        }
        ctx.flush();
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
        while (in.isReadable() && !waiting) {
            int before = in.readerIndex();
            switch (state) {
                case COMMAND -> readCommand(ctx, in);
                case CONTENT -> readContent(ctx, in);
                case CHUNK -> readChunk(ctx, in);
                case TURNED_AWAY -> in.skipBytes(in.readableBytes());
            }
            if (in.readerIndex() == before) {
                return;
            }
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
        ctx.flush();
        super.channelReadComplete(ctx);
    }

    private void readCommand(ChannelHandlerContext ctx, ByteBuf in) {
        int length = in.bytesBefore((byte) '\n');
        if (length < 0) {
            if (in.readableBytes() > MAX_LINE) {
                replyAndClose(ctx, "500 5.5.2 Line too long");
            }
            return;
        }
        String line = in.readCharSequence(length + 1, StandardCharsets.UTF_8).toString().strip();
        int blank = line.indexOf(' ');
        String verb = Ascii.upper(blank < 0 ? line : line.substring(0, blank));
        String rest = blank < 0 ? "" : line.substring(blank + 1);
        switch (verb) {
            case "EHLO", "HELO" -> hello(ctx, verb);
            case "STARTTLS" -> startTls(ctx, in);
            case "MAIL" -> mail(ctx, address(rest));
            case "RCPT" -> recipient(ctx, address(rest));
            case "DATA" -> data(ctx);
            case "BDAT" -> bdat(ctx, rest);
            case "RSET" -> {
                reset();
                reply(ctx, "250 2.0.0 Ok");
            }
            case "NOOP" -> reply(ctx, "250 2.0.0 Ok");
            case "QUIT" -> replyAndClose(ctx, "221 2.0.0 Bye");
            default -> reply(ctx, "500 5.5.1 Unknown command");
        }
    }

    private static String address(String rest) {
        int from = rest.indexOf('<');
        int to = rest.indexOf('>', from + 1);
        return from < 0 || to < 0 ? "" : rest.substring(from + 1, to);
    }

    private void hello(ChannelHandlerContext ctx, String verb) {
        reset();
        List<String> lines = new ArrayList<>(List.of(name));
        if (verb.equals("EHLO")) {
            lines.addAll(behaviour.extensions());
            if (tls.isPresent() && !encrypted) {
                lines.add("STARTTLS");
            }
        }
        var text = new StringBuilder();
        for (int i = 0; i < lines.size(); i++) {
            text.append(i == 0 ? "" : "\r\n").append(i < lines.size() - 1 ? "250-" : "250 ")
                    .append(lines.get(i));
        }
        reply(ctx, text.toString());
    }

    private void startTls(ChannelHandlerContext ctx, ByteBuf in) {
        if (tls.isEmpty() || encrypted) {
            reply(ctx, "502 5.5.1 Not available");
            return;
        }
        // what came in the clear after STARTTLS is void (RFC 3207 4.2)
        in.skipBytes(in.readableBytes());
        encrypted = true;
        reset();
        SslHandler handler = new SslHandler(tls.get().newEngine(ctx.alloc()), true);
        handler.handshakeFuture().addListener(done -> {
            if (done.isSuccess()) {
                handshakeDone.run();
            }
        });
        ctx.pipeline().addFirst(handler);
        ctx.writeAndFlush(ByteBufUtil.writeAscii(ctx.alloc(), "220 2.0.0 Go ahead\r\n"));
    }

    private void mail(ChannelHandlerContext ctx, String address) {
        reset();
        Optional<String> refusal = behaviour.mail(address);
        if (refusal.isEmpty()) {
            sender = address;
            reply(ctx, "250 2.1.0 Ok");
        } else if (refusal.get().startsWith("421")) {
            turnAway(ctx, refusal.get());
        } else {
            reply(ctx, refusal.get());
        }
    }

    private void recipient(ChannelHandlerContext ctx, String address) {
        if (sender == null) {
            reply(ctx, "503 5.5.1 MAIL first");
            return;
        }
        Optional<String> refusal = behaviour.recipient(
                ((InetSocketAddress) ctx.channel().remoteAddress()).getAddress(), sender, address);
        if (refusal.isEmpty()) {
            recipients.add(address);
        } else if (refusal.get().startsWith("421")) {
            turnAway(ctx, refusal.get());
            return;
        }
        reply(ctx, refusal.orElse("250 2.1.5 Ok"));
    }

    private void data(ChannelHandlerContext ctx) {
        if (!begin()) {
            reply(ctx, "554 5.5.1 No valid recipients");
            return;
        }
        state = State.CONTENT;
        lastTwo = '\r' << 8 | '\n';
        reply(ctx, "354 End with CRLF.CRLF");
    }

    private void bdat(ChannelHandlerContext ctx, String rest) {
        String[] words = rest.split(" ");
        try {
            chunkLeft = Long.parseUnsignedLong(words[0]);
        } catch (NumberFormatException notANumber) {
            replyAndClose(ctx, "501 5.5.4 Not a chunk size");
            return;
        }
        lastChunk = words.length > 1 && Ascii.equalsIgnoreCase(words[1], "LAST");
        if (incoming == null) {
            begin();
        }
        state = State.CHUNK;
        if (chunkLeft == 0) {
            endOfChunk(ctx);
        }
    }

    /** Whether there is a recipient to take the content for. */
    private boolean begin() {
        if (sender == null || recipients.isEmpty()) {
            return false;
        }
        cut = behaviour.cut(sender, recipients);
        incoming = inbox.begin(sender, List.copyOf(recipients));
        return true;
    }

    private void readContent(ChannelHandlerContext ctx, ByteBuf in) {
        if (cut == Cut.BEFORE_END) {
            close(ctx);
            return;
        }
        while (in.isReadable()) {
            int at = in.readerIndex();
            if (lastTwo == ('\r' << 8 | '\n') && in.getByte(at) == '.') {
                if (in.readableBytes() < 3) {
                    return;
                }
                in.skipBytes(1);
                if (in.getByte(at + 1) == '\r' && in.getByte(at + 2) == '\n') {
                    in.skipBytes(2);
                    endOfContent(ctx);
                    return;
                }
                lastTwo = '.';
                continue;
            }
            write(in.readSlice(lengthOfRun(in)));
        }
    }

    /** How many bytes come before the next dot at the start of a line, or in all. */
    private static int lengthOfRun(ByteBuf in) {
        int start = in.readerIndex();
        int end = in.writerIndex();
        int from = start;
        while (true) {
            int newline = in.indexOf(from, end, (byte) '\n');
            if (newline < 0 || newline + 1 == end) {
                return end - start;
            }
            if (in.getByte(newline + 1) == '.') {
                return newline + 1 - start;
            }
            from = newline + 1;
        }
    }

    private void readChunk(ChannelHandlerContext ctx, ByteBuf in) {
        if (cut == Cut.BEFORE_END && incoming != null) {
            close(ctx);
            return;
        }
        int length = (int) Math.min(chunkLeft, in.readableBytes());
        write(in.readSlice(length));
        chunkLeft -= length;
        if (chunkLeft == 0) {
            endOfChunk(ctx);
        }
    }

    private void write(ByteBuf bytes) {
        int end = bytes.writerIndex();
        lastTwo = (bytes.readableBytes() > 1 ? bytes.getByte(end - 2) & 0xff : lastTwo & 0xff) << 8
                | bytes.getByte(end - 1) & 0xff;
        if (incoming != null) {
            incoming.write(bytes);
        }
    }

    private void endOfChunk(ChannelHandlerContext ctx) {
        state = State.COMMAND;
        if (incoming == null) {
            reply(ctx, "554 5.5.1 No valid recipients");
        } else if (lastChunk) {
            endOfContent(ctx);
        } else {
            reply(ctx, "250 2.0.0 Chunk taken");
        }
    }

    private void endOfContent(ChannelHandlerContext ctx) {
        state = State.COMMAND;
        SimulatedInbox.Incoming taken = incoming;
        if (taken == null) {
            throw new IllegalStateException("content ends that never began");
        }
        boolean answered = cut != Cut.AFTER_END;
        reset();
        taken.end(answered);
        if (answered) {
            reply(ctx, "250 2.0.0 Taken", behaviour.endDelay());
        } else {
            close(ctx);
        }
    }

    private void reset() {
        sender = null;
        recipients = new ArrayList<>();
        incoming = null;
        cut = Cut.NONE;
    }

    /** Writes without flushing: the replies to pipelined commands go out together. */
    private void reply(ChannelHandlerContext ctx, String text) {
        reply(ctx, text, behaviour.delay());
    }

    private void reply(ChannelHandlerContext ctx, String text, Duration delay) {
        long delayMillis = delay.toMillis();
        if (delayMillis == 0) {
            ctx.write(ByteBufUtil.writeUtf8(ctx.alloc(), text + "\r\n"), ctx.voidPromise());
            return;
        }
        waiting = true;
        ctx.channel().config().setAutoRead(false);
        ctx.executor().schedule(() -> {
            ctx.writeAndFlush(ByteBufUtil.writeUtf8(ctx.alloc(), text + "\r\n"));
            waiting = false;
            ctx.channel().config().setAutoRead(true);
            resume(ctx);
        }, delayMillis, TimeUnit.MILLISECONDS);
    }

    /** Goes on with input that came while a reply was waited for. */
    private void resume(ChannelHandlerContext ctx) {
        try {
            channelRead(ctx, Unpooled.EMPTY_BUFFER);
            ctx.flush();
        } catch (Exception broken) {
            ctx.fireExceptionCaught(broken);
        }
    }

    /**
     * Says 421 amid what the client may still be sending. A close at once would make the system
     * throw the reply away together with what nobody read, so the client gets a moment to leave.
     */
    private void turnAway(ChannelHandlerContext ctx, String text) {
        reset();
        state = State.TURNED_AWAY;
        ctx.writeAndFlush(ByteBufUtil.writeUtf8(ctx.alloc(), text + "\r\n"));
        ctx.executor().schedule(() -> ctx.close(), LINGER.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void replyAndClose(ChannelHandlerContext ctx, String text) {
        waiting = true;
        ctx.writeAndFlush(ByteBufUtil.writeUtf8(ctx.alloc(), text + "\r\n"))
                .addListener(ChannelFutureListener.CLOSE);
    }

    /** What was answered before goes out: it must not become a copy too. */
    private void close(ChannelHandlerContext ctx) {
        waiting = true;
        incoming = null;
        ctx.flush();
        ctx.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // a lost line is the sender's business: it sends again
        ctx.close();
    }
}
