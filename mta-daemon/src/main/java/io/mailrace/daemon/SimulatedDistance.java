// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Makes a receiver far away: what comes is seen a round trip later, in order, whole groups of
 * commands at once as they came. The TCP connection itself and a TLS handshake are not delayed.
 * Holds at most about {@value #MAX_HELD} octets, then stops reading. Confined to its event loop.
 */
final class SimulatedDistance extends ChannelInboundHandlerAdapter {
    private static final int MAX_HELD = 4 << 20;

    private final long nanos;
    private long held;

    SimulatedDistance(Duration roundTrip) {
        nanos = roundTrip.toNanos();
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        ctx.executor().schedule(ctx::fireChannelActive, nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        int bytes = message instanceof ByteBuf buffer ? buffer.readableBytes() : 0;
        held += bytes;
        if (held > MAX_HELD) {
            ctx.channel().config().setAutoRead(false);
        }
        ctx.executor().schedule(() -> {
            held -= bytes;
            ctx.fireChannelRead(message);
            ctx.fireChannelReadComplete();
            if (held <= MAX_HELD / 2) {
                ctx.channel().config().setAutoRead(true);
            }
        }, nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        // told with what was read
    }
}
