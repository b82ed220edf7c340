// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.testing.FakeTimeSource;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A client of the listener {@code relay} without a socket, in simulated time. */
final class SimulatedClient implements AutoCloseable {
    final EmbeddedChannel channel = new EmbeddedChannel();
    private final FakeTimeSource time;

    /** @param time that of {@code shared}, too */
    SimulatedClient(SmtpServerConfig config, SmtpServer.Shared shared, FakeTimeSource time) {
        this.time = time;
        channel.freezeTime();
        SessionTerms terms = Fixture.terms(config, "relay");
        shared.converse(channel, terms, ClientOrigin.of(InetAddress.getLoopbackAddress(),
                terms.listener()), true);
        channel.pipeline().fireChannelActive();
    }

    void pass(Duration duration) {
        time.advance(duration);
        channel.advanceTimeBy(duration.toNanos(), TimeUnit.NANOSECONDS);
        channel.runPendingTasks();
    }

    /** What the server says to this, and to what waited. */
    String said(String lines) {
        channel.writeInbound(Unpooled.copiedBuffer(lines, StandardCharsets.ISO_8859_1));
        channel.runPendingTasks();
        return heard();
    }

    /** What the server has said since. */
    String heard() {
        return heard(channel);
    }

    /** What came out of a channel since. */
    static String heard(EmbeddedChannel channel) {
        StringBuilder text = new StringBuilder();
        for (ByteBuf out = channel.readOutbound(); out != null; out = channel.readOutbound()) {
            text.append(out.toString(StandardCharsets.ISO_8859_1));
            out.release();
        }
        return text.toString();
    }

    @Override
    public void close() {
        channel.finishAndReleaseAll();
    }
}
