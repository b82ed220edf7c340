// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.testing.FakeTimeSource;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How one connection is held while signing is the limit, in simulated time. */
class MessageSpacingTest {
    private static final SmtpServerConfig CONFIG = Fixture.config("pressure.flow-delay = 400ms");
    private static final String MESSAGE = """
            MAIL FROM:<a@b>\r
            RCPT TO:<b@c>\r
            DATA\r
            A: b\r
            \r
            x\r
            .\r
            """;

    private final FakeTimeSource time = new FakeTimeSource();
    private final RecordingSpool spool = new RecordingSpool();
    private final BusySigning signing = new BusySigning();
    private final SmtpServer.Shared shared = new SmtpServer.Shared(CONFIG, spool, time,
            new Metrics(), Fixture.SIGNING, signing);
    private @Nullable SimulatedClient client;

    /** Signing that always has something to do and gets nowhere. */
    static final class BusySigning implements SigningLoad {
        boolean busy = true;

        @Override
        public long passed() {
            return 0;
        }

        @Override
        public long pauses() {
            return 0;
        }

        @Override
        public boolean busy() {
            return busy;
        }
    }

    @BeforeEach
    void holdMessages400MillisApart() {
        spool.freshPercent = 100;
        for (int look = 0; look < 20; look++) {
            shared.meters().accepted.add(100);
            time.advance(Duration.ofMillis(500));
            shared.lookAtFlow();
        }
        assertThat(shared.spacingNanos()).isEqualTo(TimeUnit.MILLISECONDS.toNanos(400));
        client = new SimulatedClient(CONFIG, shared, time);
        assertThat(said("EHLO c\r\n")).startsWith("220").contains("250 ");
    }

    @AfterEach
    void close() {
        client().close();
    }

    private SimulatedClient client() {
        return Objects.requireNonNull(client);
    }

    private void pass(long millis) {
        client().pass(Duration.ofMillis(millis));
    }

    private String said(String lines) {
        return client().said(lines);
    }

    @Test
    void first_isNotHeld_secondIs() {
        assertThat(said(MESSAGE)).contains("queued as");
        assertThat(said(MESSAGE)).isEmpty();
        pass(200);
        assertThat(said("")).isEmpty();
        pass(199);
        assertThat(said("")).isEmpty();
        pass(1);
        assertThat(said("")).contains("queued as");
        assertThat(spool.stored).hasSize(2);
    }

    @Test
    void inputEnds_whileHeld_isAnsweredAllTheSame() {
        assertThat(said(MESSAGE)).contains("queued as");
        assertThat(said(MESSAGE)).isEmpty();
        client().channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        assertThat(client().channel.isOpen()).isTrue();
        pass(400);
        assertThat(client().heard()).contains("queued as");
        assertThat(client().channel.isOpen()).isFalse();
    }

    @Test
    void whoSendsSeldom_isNotHeld() {
        assertThat(said(MESSAGE)).contains("queued as");
        pass(400);
        assertThat(said(MESSAGE)).contains("queued as");
    }

    @Test
    void otherCommands_areNotHeld() {
        assertThat(said(MESSAGE)).contains("queued as");
        assertThat(said("RSET\r\n")).startsWith("250");
        assertThat(said("NOOP\r\n")).startsWith("250");
        assertThat(said("QUIT\r\n")).startsWith("221");
    }

    @Test
    void holdEnds_whenSigningIsNoLongerTheLimit() {
        assertThat(said(MESSAGE)).contains("queued as");
        assertThat(said(MESSAGE)).isEmpty();
        spool.freshPercent = 0;
        signing.busy = false;
        for (int look = 0; look < 20; look++) {
            shared.lookAtFlow();
        }
        assertThat(shared.spacingNanos()).isZero();
        pass(100);
        assertThat(said("")).contains("queued as");
    }

    @Test
    void stop_whileHeld_isTold() {
        assertThat(said(MESSAGE)).contains("queued as");
        assertThat(said(MESSAGE)).isEmpty();
        shared.connections().forEach(SmtpConnection::stop);
        assertThat(said("")).startsWith("421");
    }
}
