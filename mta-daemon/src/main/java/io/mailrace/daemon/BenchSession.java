// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * One connection of a client of a {@link BenchSource}: EHLO, maybe STARTTLS, then message after
 * message, as many as one takes; commands pipelined (RFC 2920) or one by one. After a refusal it
 * hangs up. Confined to its event loop.
 */
final class BenchSession extends ByteToMessageDecoder {
    private static final int MAX_LINE = 4096;
    private static final long FULL_WAIT_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private enum State {
        GREETING, EHLO, STARTTLS, IDLE, COMMANDS, CONTENT, LEAVING
    }

    private final BenchSource source;
    private final BenchSource.Schedule schedule;
    private State state = State.GREETING;
    private boolean encrypted;
    private int repliesLeft;
    private int sent;
    private long number;
    /** Whether the message is for a domain that does not answer. */
    private boolean dead;
    private long dueNanos;
    private boolean orderly;

    BenchSession(BenchSource source, BenchSource.Schedule schedule) {
        this.source = source;
        this.schedule = schedule;
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
        int length = in.bytesBefore((byte) '\n');
        if (length < 0) {
            if (in.readableBytes() > MAX_LINE) {
                refuse(ctx, "a reply without end");
            }
            return;
        }
        int at = in.readerIndex();
        in.skipBytes(length + 1);
        if (length < 4) {
            refuse(ctx, "not a reply");
        } else if (in.getByte(at + 3) != '-') {
            reply(ctx, in.getByte(at), in, at, length);
        }
    }

    private void reply(ChannelHandlerContext ctx, int firstDigit, ByteBuf in, int at, int length) {
        if (state != State.LEAVING && firstDigit != '2' && firstDigit != '3') {
            refuse(ctx, in.toString(at, length, StandardCharsets.UTF_8).strip());
            return;
        }
        switch (state) {
            case GREETING -> hello(ctx);
            case EHLO -> {
                if (source.options().tls().isPresent() && !encrypted) {
                    state = State.STARTTLS;
                    write(ctx, "STARTTLS\r\n");
                } else {
                    source.ready();
                    begin(ctx);
                }
            }
            case STARTTLS -> startTls(ctx, source.options().tls().get());
            case COMMANDS -> {
                if (--repliesLeft == 0) {
                    content(ctx);
                } else if (!clients().pipelining()) {
                    write(ctx, command(commandCount() - repliesLeft));
                }
            }
            case CONTENT -> {
                schedule.answered();
                if (dead) {
                    source.ledger().waits();
                } else {
                    source.ledger().acknowledged(number, dueNanos, source.time().nanos());
                }
                begin(ctx);
            }
            case IDLE, LEAVING -> ctx.close();
        }
    }

    private void hello(ChannelHandlerContext ctx) {
        state = State.EHLO;
        write(ctx, "EHLO client." + BenchMessage.DOMAIN + "\r\n");
    }

    private void startTls(ChannelHandlerContext ctx, SslContext tls) {
        encrypted = true;
        SslHandler handler = tls.newHandler(ctx.alloc());
        ctx.pipeline().addFirst(handler);
        handler.handshakeFuture().addListener(done -> {
            if (done.isSuccess()) {
                hello(ctx);
            } else {
                refuse(ctx, String.valueOf(done.cause()));
            }
        });
    }

    /** Waits until the next message is due and may go, and submits it. */
    void begin(ChannelHandlerContext ctx) {
        state = State.IDLE;
        if (source.stopping() || (sent > 0 && sent == clients().perConnection())) {
            leave(ctx);
            return;
        }
        long due = schedule.dueNanos();
        long wait = due - source.time().nanos();
        if (wait <= 0 && !source.mayGo()) {
            wait = FULL_WAIT_NANOS;
        }
        if (wait > 0) {
            ctx.executor().schedule(() -> begin(ctx),
                    Math.min(wait, TimeUnit.MILLISECONDS.toNanos(100)), TimeUnit.NANOSECONDS);
            return;
        }
        if (!ctx.channel().isActive()) {
            return;
        }
        number = source.ledger().take();
        if (number < 0) {
            source.close();
            leave(ctx);
            return;
        }
        dead = clients().deadEvery() > 0 && sent % clients().deadEvery() == 0;
        dueNanos = due;
        schedule.sent(due);
        sent++;
        commands(ctx);
    }

    private void commands(ChannelHandlerContext ctx) {
        state = State.COMMANDS;
        repliesLeft = commandCount();
        var text = new StringBuilder(command(0));
        for (int i = 1; i < repliesLeft && clients().pipelining(); i++) {
            text.append(command(i));
        }
        write(ctx, text.toString());
    }

    /** MAIL, each RCPT, DATA. */
    private int commandCount() {
        return (dead ? 1 : source.options().recipients()) + 2;
    }

    private String command(int which) {
        if (which == 0) {
            return "MAIL FROM:<" + BenchMessage.sender() + ">\r\n";
        }
        return which < commandCount() - 1
                ? "RCPT TO:<" + recipient(which - 1) + ">\r\n"
                : "DATA\r\n";
    }

    private String recipient(int which) {
        return dead ? BenchMessage.deadRecipient() : BenchMessage.recipient(number, which);
    }

    private BenchOptions.Clients clients() {
        return source.options().clients();
    }

    private void content(ChannelHandlerContext ctx) {
        state = State.CONTENT;
        ctx.write(Unpooled.wrappedBuffer(source.messages().header(number)), ctx.voidPromise());
        ctx.writeAndFlush(source.messages().body(), ctx.voidPromise());
    }

    private static void write(ChannelHandlerContext ctx, String text) {
        ctx.writeAndFlush(Unpooled.wrappedBuffer(text.getBytes(StandardCharsets.US_ASCII)),
                ctx.voidPromise());
    }

    private void refuse(ChannelHandlerContext ctx, String what) {
        if (!orderly) {
            orderly = true;
            schedule.answered();
            source.trouble(what);
            source.ledger().refused();
        }
        ctx.close();
    }

    private void leave(ChannelHandlerContext ctx) {
        state = State.LEAVING;
        orderly = true;
        ctx.writeAndFlush(Unpooled.wrappedBuffer("QUIT\r\n".getBytes(StandardCharsets.US_ASCII)))
                .addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) throws Exception {
        schedule.broken();
        if (state == State.LEAVING) {
            source.left(schedule);
        } else {
            source.closed(schedule, !orderly);
        }
        super.channelInactive(ctx);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        source.trouble(String.valueOf(cause));
        ctx.close();
    }
}
