// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.Metrics;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.queue.SpoolException;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A content on its way to a command: never much of it at once. */
class ContentAnswerTest {
    private static final String URI = "/api/v1/content/" + Events.ID;
    private static final int LARGE = 20 << 20;
    /** What a socket may hold, and the chunk that is being written. */
    private static final int ON_THE_WAY = 2 << 20;

    @TempDir
    private Path folder;
    private final StandInSpool spool = new StandInSpool();
    private final MetricsPage page = new MetricsPage(new Metrics());
    private final IoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1,
            NioIoHandler.newFactory());
    private Optional<AdminServer> server = Optional.empty();

    @BeforeEach
    void start() {
        AdminApi api = new AdminApi(spool, key -> "", new StandInSites(), NoShaping.API,
                new IntakeReport(() -> true, Optional::empty), page, new FakeTimeSource());
        server = Optional.of(AdminServer.open(
                new AdminConfig(socket(), Optional.empty(), List.of()), api, loops,
                "mta1.example.com"));
    }

    @AfterEach
    void stop() {
        server.ifPresent(AdminServer::close);
        page.close();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }

    private Path socket() {
        return folder.resolve("admin.sock");
    }

    private AdminClient.Answer ask() throws IOException {
        return new AdminClient(socket()).get(URI, true);
    }

    /** Each byte says in which chunk it is; from some chunk on nothing can be read. */
    private static final class Counted implements Content {
        final AtomicInteger read = new AtomicInteger();
        private final long sizeBytes;
        private final int readable;

        Counted(long sizeBytes, int readable) {
            this.sizeBytes = sizeBytes;
            this.readable = readable;
        }

        @Override
        public long sizeBytes() {
            return sizeBytes;
        }

        @Override
        public byte[] chunk(int index) {
            if (index >= readable) {
                throw new SpoolException("chunk " + index + " is gone");
            }
            read.incrementAndGet();
            byte[] chunk = new byte[(int) Math.min(CHUNK_BYTES,
                    sizeBytes - (long) index * CHUNK_BYTES)];
            Arrays.fill(chunk, (byte) index);
            return chunk;
        }

        @Override
        public byte @Nullable [] chunkIfLoaded(int index) {
            return null;
        }
    }

    private Counted content(long sizeBytes, int readable) {
        Counted counted = new Counted(sizeBytes, readable);
        spool.content = Optional.of(counted);
        return counted;
    }

    @Test
    void content_ofAnySize_arrivesWhole() throws IOException {
        for (int size : List.of(0, 1, Content.CHUNK_BYTES, Content.CHUNK_BYTES + 1, LARGE + 5)) {
            content(size, Integer.MAX_VALUE);
            AdminClient.Answer answer = ask();
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.bytes()).hasSize(size);
            for (int at = 0; at < size; at += 4099) {
                assertThat(answer.bytes()[at]).isEqualTo((byte) (at / Content.CHUNK_BYTES));
            }
        }
    }

    @Test
    void content_isReadAsTheClientTakesIt() throws IOException {
        Counted counted = content(LARGE, Integer.MAX_VALUE);
        try (SocketChannel client = begin()) {
            ByteBuffer some = ByteBuffer.allocate(64 << 10);
            long taken = 0;
            while (client.read(some) >= 0) {
                taken += some.position();
                some.clear();
                assertThat((long) counted.read.get() * Content.CHUNK_BYTES - taken)
                        .isLessThan(ON_THE_WAY);
            }
            assertThat(taken).isGreaterThan(LARGE);
        }
    }

    @Test
    void clientThatGoesAway_endsIt() throws IOException {
        Counted counted = content(LARGE, Integer.MAX_VALUE);
        for (int i = 0; i < 70; i++) {
            try (SocketChannel client = begin()) {
                assertThat(client.read(ByteBuffer.allocate(1000))).isPositive();
            }
        }
        // places and threads are free again
        assertThat(new AdminClient(socket()).get("/healthz", true).status()).isEqualTo(200);
        server.orElseThrow().close();
        assertThat(counted.read.get()).isLessThan(70 * (ON_THE_WAY / Content.CHUNK_BYTES));
    }

    private SocketChannel begin() throws IOException {
        SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(socket()));
        client.write(ByteBuffer.wrap(("GET " + URI + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII)));
        return client;
    }

    @Test
    void contentTooLargeForACommand_isRefusedUnread() throws IOException {
        Counted counted = content((64L << 20) + 1, Integer.MAX_VALUE);
        AdminClient.Answer answer = ask();
        assertThat(answer.status()).isEqualTo(413);
        assertThat(answer.body()).contains("export it");
        assertThat(counted.read).hasValue(0);
    }

    @Test
    void contentThatCannotBeRead_isAFailure_orIsSeenToBeCutShort() throws IOException {
        content(LARGE, 0);
        assertThat(ask().status()).isEqualTo(500);
        content(LARGE, 3);
        assertThatThrownBy(this::ask).isInstanceOf(IOException.class)
                .hasMessageContaining("cut short");
    }
}
