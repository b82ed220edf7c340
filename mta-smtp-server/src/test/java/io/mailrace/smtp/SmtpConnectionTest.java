// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.testing.FakeTimeSource;
import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a connection does without its client's bytes, in simulated time. */
class SmtpConnectionTest {
    private static final SmtpServerConfig CONFIG = Fixture.config("pressure.budget = 2m");
    private static final String TO_DATA = """
            EHLO c\r
            MAIL FROM:<a@b>\r
            RCPT TO:<b@c>\r
            DATA\r
            """;

    private final FakeTimeSource time = new FakeTimeSource();
    private final RecordingSpool spool = new RecordingSpool();
    private final SmtpServer.Shared shared = new SmtpServer.Shared(CONFIG, spool, time,
            new Metrics(), Fixture.SIGNING, SigningLoad.NONE);
    private final SimulatedClient client = new SimulatedClient(CONFIG, shared, time);

    @AfterEach
    void close() {
        client.close();
    }

    /** Memory that comes to its end. */
    private static final class ScarceMemory extends AbstractByteBufAllocator {
        @Override
        protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
            throw new OutOfMemoryError("in a test");
        }

        @Override
        protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
            throw new OutOfMemoryError("in a test");
        }

        @Override
        public boolean isDirectBufferPooled() {
            return false;
        }
    }

    /** Without a reply it would wait for one for ever, and we for its next command. */
    @Test
    void commit_noMemoryForItsReply_endsTheConnection() {
        spool.commits = RecordingSpool.Commits.HELD;
        assertThat(client.said(TO_DATA + "A: b\r\n\r\n.\r\n")).endsWith("<CRLF>.<CRLF>\r\n");
        client.channel.config().setAllocator(new ScarceMemory());
        spool.releaseCommits();
        assertThatThrownBy(client.channel::runPendingTasks).isInstanceOf(OutOfMemoryError.class);
        client.channel.runPendingTasks();
        assertThat(client.channel.isOpen()).isFalse();
        assertThat(shared.connections()).isEmpty();
        assertThat(shared.budget().used()).isZero();
        assertThat(spool.stored).hasSize(1);
    }

    @Test
    void inputEnds_afterTheDot_isHeldForItsReplyButNotForEver() {
        spool.commits = RecordingSpool.Commits.HELD;
        client.said(TO_DATA + "A: b\r\n\r\n.\r\n");
        endInput();
        client.pass(Duration.ofMinutes(5));
        assertThat(client.channel.isOpen()).isTrue();
        client.pass(Duration.ofSeconds(31));
        assertThat(client.channel.isOpen()).isFalse();
        assertThat(shared.budget().used()).isPositive();
        spool.releaseCommits();
        client.channel.runPendingTasks();
        assertThat(shared.budget().used()).isZero();
        assertThat(spool.stored).hasSize(1);
    }

    /** Epoll has let go of such a connection: what its socket does not take at once is lost. */
    @Test
    void inputEnds_aReplyCannotBeSent_isTheEnd() {
        spool.commits = RecordingSpool.Commits.HELD;
        String message = TO_DATA + "A: b\r\n\r\n.\r\n";
        client.said(message + message);
        endInput();
        assertThat(client.channel.isOpen()).isTrue();
        client.channel.pipeline().addFirst(new ChannelOutboundHandlerAdapter() {
            @Override
            public void write(ChannelHandlerContext ctx, Object out, ChannelPromise sent) {
                ReferenceCountUtil.release(out);
                sent.setFailure(new IllegalStateException("in a test"));
            }
        });
        spool.releaseCommits();
        client.channel.runPendingTasks();
        assertThat(client.channel.isOpen()).isFalse();
        spool.releaseCommits();
        client.channel.runPendingTasks();
        assertThat(shared.budget().used()).isZero();
    }

    @Test
    void inputEnds_whereMoreWasToCome_isTheEnd() {
        client.said(TO_DATA + "A: b\r\n\r\nx");
        endInput();
        assertThat(client.channel.isOpen()).isFalse();
        assertThat(client.heard()).isEmpty();
        assertThat(spool.discarded).hasValue(1);
    }

    @Test
    void inputEnds_afterTheEnd_isTheEnd() {
        assertThat(client.said("GET / HTTP/1.1\r\n")).contains("421");
        assertThat(client.channel.isOpen()).isTrue();
        endInput();
        assertThat(client.channel.isOpen()).isFalse();
    }

    /** Such bytes come only with the end of input, from epoll: as many as the kernel held. */
    @Test
    void bytes_whileNothingIsRead_areHeldAsFarAsThereIsRoom() {
        spool.commits = RecordingSpool.Commits.HELD;
        client.said(TO_DATA + "A: b\r\n\r\n.\r\n");
        long before = shared.budget().used();
        long limit = shared.budget().limit();
        String read = "NOOP\r\n".repeat(2500);
        client.said(read);
        assertThat(shared.budget().used()).isEqualTo(before);
        for (long sent = 0; client.channel.isOpen() && sent <= limit; sent += read.length()) {
            client.said(read);
            assertThat(shared.budget().used()).isLessThanOrEqualTo(limit);
        }
        assertThat(client.channel.isOpen()).isFalse();
        assertThat(shared.budget().used()).isEqualTo(before);
        spool.releaseCommits();
        client.channel.runPendingTasks();
        assertThat(shared.budget().used()).isZero();
    }

    private void endInput() {
        client.channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        client.channel.runPendingTasks();
    }

    /** A connection looks at deadlines seldom, but more often than it bears a client's silence. */
    @Test
    void content_trickled_meetsTheRateAfterHalfAMinute() {
        client.pass(Duration.ofSeconds(1));
        assertThat(client.said(TO_DATA)).contains("354");
        trickleFor(29);
        assertThat(client.heard()).isEmpty();
        trickleFor(1);
        assertThat(client.heard()).startsWith("421 4.4.2");
    }

    @Test
    void discardedChunk_trickled_meetsTheRateAfterHalfAMinute() {
        client.pass(Duration.ofSeconds(1));
        assertThat(client.said("EHLO c\r\nBDAT 30000\r\n")).endsWith("250 LIMITS RCPTMAX=3\r\n");
        trickleFor(29);
        assertThat(client.heard()).isEmpty();
        trickleFor(1);
        assertThat(client.heard()).startsWith("421 4.4.2");
    }

    @Test
    void content_atTheRate_isTaken() {
        assertThat(client.said(TO_DATA)).contains("354");
        client.said("A: b\r\n\r\n");
        for (int i = 0; i < 15; i++) {
            client.pass(Duration.ofSeconds(4));
            client.said("x".repeat(998) + "\r\n");
        }
        assertThat(client.said(".\r\n")).startsWith("250 2.0.0 queued as");
    }

    private void trickleFor(int seconds) {
        for (int i = 0; i < seconds; i++) {
            client.channel.writeInbound(Unpooled.copiedBuffer("x", StandardCharsets.US_ASCII));
            client.pass(Duration.ofSeconds(1));
        }
    }
}
