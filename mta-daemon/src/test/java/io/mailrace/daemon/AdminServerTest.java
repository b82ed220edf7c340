// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Lane;
import io.mailrace.core.Metrics;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import io.mailrace.queue.SpoolException;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdminServerTest {
    private static final String TRACE = "/api/v1/trace/";

    @TempDir
    Path folder;
    private final StandInSpool spool = new StandInSpool();
    private final FakeTimeSource time = new FakeTimeSource();
    private final Metrics metrics = new Metrics();
    private final MetricsPage page = new MetricsPage(metrics);
    private final List<IoEventLoopGroup> groups = new ArrayList<>();
    private final List<AdminServer> servers = new ArrayList<>();
    private volatile boolean accepting = true;
    private volatile String why = "";
    private Duration requestLimit = Duration.ofMinutes(10);

    private Path socket() {
        return folder.resolve("run/admin.sock");
    }

    private void start() {
        start(Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    }

    private volatile Optional<String> stuck = Optional.empty();

    private void start(IoHandlerFactory io) {
        groups.add(new MultiThreadIoEventLoopGroup(1, io));
        open();
    }

    private void open() {
        servers.add(AdminServer.open(config(), api(), groups.getLast(), "mta1.example.com",
                requestLimit));
    }

    private AdminConfig config() {
        return new AdminConfig(socket(),
                Optional.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
                List.of("Metrics.Internal"));
    }

    private AdminApi api() {
        return new AdminApi(spool, key -> why, new StandInSites(), NoShaping.API,
                new IntakeReport(() -> accepting, Optional::empty), page, time, Optional::empty,
                () -> stuck);
    }

    @AfterEach
    void stop() {
        servers.forEach(AdminServer::close);
        page.close();
        groups.forEach(group -> group.shutdownGracefully(0, 1, TimeUnit.SECONDS));
    }

    private AdminClient.Answer ask(String uri) throws IOException {
        return new AdminClient(socket()).get(uri, true);
    }

    private AdminClient.Answer text(String uri) throws IOException {
        return new AdminClient(socket()).get(uri, false);
    }

    /** The whole answer to raw bytes on the TCP address. */
    private String raw(String request) throws IOException {
        InetSocketAddress address = servers.getLast().address().orElseThrow();
        try (Socket client = new Socket(address.getAddress(), address.getPort())) {
            client.setSoTimeout(20_000);
            client.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            InputStream in = client.getInputStream();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String tcp(String uri) throws IOException {
        return raw("GET " + uri + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }

    @Test
    void metrics_showsModulesAndJvm() throws IOException {
        metrics.counter("smtp_messages_total", "Messages", Map.of("listener", "relay")).add(3);
        metrics.gauge("spool_waiting_envelopes", "Waiting", () -> 7);
        start();
        assertThat(tcp("/metrics")).startsWith("HTTP/1.1 200").contains(
                "# TYPE smtp_messages_total counter",
                "smtp_messages_total{listener=\"relay\"} 3.0",
                "# TYPE spool_waiting_envelopes gauge", "spool_waiting_envelopes 7.0",
                "jvm_memory_used_bytes", "process_files_open");
        metrics.counter("smtp_messages_total", "Messages", Map.of("listener", "relay")).add(2);
        metrics.counter("late_things_total", "Added after the first look").increment();
        System.gc();
        assertThat(tcp("/metrics")).contains("smtp_messages_total{listener=\"relay\"} 5.0",
                "late_things_total 1.0");
    }

    @Test
    void health_whenWell_isReady() throws IOException {
        start();
        assertThat(JsonTree.object(ask("/healthz").body())).containsEntry("ready", true)
                .containsEntry("live", true).containsEntry("reasons", List.of())
                .containsEntry("waiting", 0L);
        assertThat(ask("/healthz/ready").status()).isEqualTo(200);
    }

    @Test
    void health_threadThatHangs_isNotLiveAndNamesIt() throws IOException {
        start();
        stuck = Optional.of("spool-commit");
        AdminClient.Answer live = ask("/healthz/live");
        assertThat(live.status()).isEqualTo(503);
        assertThat(live.body()).contains("\"live\":false", "\"stuck\":\"spool-commit\"");
        assertThat(ask("/healthz").body()).contains("\"stuck\":\"spool-commit\"");
        stuck = Optional.empty();
        assertThat(ask("/healthz/live").status()).isEqualTo(200);
    }

    @Test
    void health_whenRefusing_isLiveButNotReadyAndSaysWhy() throws IOException {
        start();
        spool.refusal = Optional.of("disk full: 12 MB free");
        accepting = false;
        assertThat(ask("/healthz/live").status()).isEqualTo(200);
        AdminClient.Answer ready = ask("/healthz/ready");
        assertThat(ready.status()).isEqualTo(503);
        assertThat(ready.body()).contains("disk full: 12 MB free", "listeners are closed");
        assertThat(tcp("/healthz")).startsWith("HTTP/1.1 503").contains("disk full");
    }

    /** Two answers wait for a disk that hangs: there is no thread left for a third. */
    @Test
    void health_diskThatHangs_liveAndReadyAreAnsweredAtOnce() throws Exception {
        start();
        CountDownLatch waiting = new CountDownLatch(2);
        CountDownLatch answers = new CountDownLatch(1);
        spool.disk = () -> {
            waiting.countDown();
            awaitQuietly(answers);
        };
        List<CompletableFuture<Integer>> asking = new ArrayList<>();
        try {
            for (int i = 0; i < 2; i++) {
                asking.add(CompletableFuture.supplyAsync(() -> status("/healthz"),
                        task -> Thread.ofPlatform().daemon(true).start(task)));
            }
            assertThat(waiting.await(20, TimeUnit.SECONDS)).isTrue();
            assertThat(ask("/healthz/live").status()).isEqualTo(200);
            assertThat(tcp("/healthz/live?probe=1")).startsWith("HTTP/1.1 200");
            assertThat(ask("/healthz/ready").status()).isEqualTo(200);
            assertThat(asking).noneMatch(CompletableFuture::isDone);
        } finally {
            answers.countDown();
        }
        for (CompletableFuture<Integer> one : asking) {
            assertThat(one.get(20, TimeUnit.SECONDS)).isEqualTo(200);
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private int status(String uri) {
        try {
            return ask(uri).status();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    @Test
    void health_databaseAway_tellsTheReasonsAllTheSame() throws IOException {
        start();
        spool.refusal = Optional.of("the database could not be opened again");
        spool.disk = () -> {
            throw new SpoolException("the spool is closed");
        };
        AdminClient.Answer full = ask("/healthz");
        assertThat(full.status()).isEqualTo(503);
        assertThat(full.body()).contains("the database could not be opened again",
                "the spool cannot be read: the spool is closed");
    }

    @Test
    void tcp_otherPages_areNotThere() throws IOException {
        start();
        assertThat(tcp("/api/v1/queues")).startsWith("HTTP/1.1 404");
        assertThat(tcp("/api/v1/version")).startsWith("HTTP/1.1 404");
        assertThat(tcp("/api/v1/trace/" + Events.ID)).startsWith("HTTP/1.1 404");
        assertThat(ask("/api/v1/version").status()).isEqualTo(200);
        assertThat(ask("/nothing").status()).isEqualTo(404);
    }

    @Test
    void tcp_hostOfStranger_isRefused() throws IOException {
        start();
        for (String host : List.of("evil.test", "localhost.evil.test", "", "a b")) {
            assertThat(raw("GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n\r\n")).as(host)
                    .startsWith("HTTP/1.1 421");
        }
        assertThat(raw("GET /metrics HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 4");
        assertThat(raw("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n"))
                .startsWith("HTTP/1.1 4");
        for (String host : List.of("localhost", "127.0.0.1:8025", "[::1]", "mta1.example.com",
                "metrics.internal:80")) {
            assertThat(raw("GET /healthz/live HTTP/1.1\r\nHost: " + host + "\r\n\r\n")).as(host)
                    .startsWith("HTTP/1.1 200");
        }
    }

    @Test
    void tcp_requestsOutOfBounds_areRefused() throws IOException {
        start();
        String host = "Host: localhost\r\n";
        assertThat(raw("POST /metrics HTTP/1.1\r\n" + host + "\r\n")).startsWith("HTTP/1.1 405");
        assertThat(raw("GET /metrics HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello"))
                .startsWith("HTTP/1.1 413");
        assertThat(raw("GET /" + "x".repeat(5000) + " HTTP/1.1\r\n" + host + "\r\n"))
                .startsWith("HTTP/1.1 400");
        assertThat(raw("GET / HTTP/1.1\r\n" + host + "X: " + "x".repeat(9000) + "\r\n\r\n"))
                .startsWith("HTTP/1.1 400");
        assertThat(raw("nonsense\r\n\r\n")).startsWith("HTTP/1.1 4");
        assertThat(tcp("/%zz")).startsWith("HTTP/1.1 400");
        assertThat(tcp("/healthz/live")).startsWith("HTTP/1.1 200");
    }

    @Test
    void queues_eachWithItsReason() throws IOException {
        long now = time.epochMillis();
        spool.statuses.add(status("parked.test", 5, 0, now - 1, now + 60_000, "no answer"));
        spool.statuses.add(status("later.test", 7, 0, now + 125_000, 0, ""));
        spool.statuses.add(status("due.test", 9, 2, now - 1, 0, ""));
        start();
        why = "all 20 connections are busy";
        Map<String, Object> answer = JsonTree.object(ask("/api/v1/queues").body());
        assertThat(answer).containsEntry("waiting", 21L).containsEntry("queues", 3L);
        assertThat(String.valueOf(answer.get("rows"))).contains(
                "destination=due.test, pool=default, waiting=9, taken=2",
                "why=all 20 connections are busy", "why=parked until ", ": no answer",
                "why=deferred: the next attempt is due at ");
        assertThat(text("/api/v1/queues?match=later").body()).contains(
                "default/app/later.test/default", "2m5s", "7 in 1 queue")
                .doesNotContain("due.test");
        assertThat(text("/api/v1/queues?match=absent").body()).contains("No queue of that name");
    }

    private QueueStatus status(String domain, long waiting, int taken, long due, long parked,
            String parkedWhy) {
        return new QueueStatus(new QueueKey(Lane.DEFAULT, "app", domain, "default"), waiting,
                0, taken, due, time.epochMillis() - 3_700_000, parked, parkedWhy);
    }

    @Test
    void trace_byIdAddressAndMessageId() throws IOException {
        spool.happen(Events.received(new SpoolId(5), "<other@sender.test>"));
        spool.happen(Events.received());
        spool.happen(Events.attempted());
        start();
        for (String subject : List.of(Events.ID.toString(), "m1@sender.test",
                "<m1@sender.test>")) {
            Map<String, Object> found = JsonTree.object(
                    ask(TRACE + AdminClient.segment(subject)).body());
            assertThat((List<?>) found.get("events")).as(subject).hasSize(2);
        }
        assertThat((List<?>) JsonTree.object(ask(TRACE + "Bob@one.test").body()).get("events"))
                .hasSize(3);
        assertThat(text(TRACE + Events.ID).body()).contains("received from submission",
                "delivered <bob@one.test>");
        AdminClient.Answer none = text(TRACE + "nobody@one.test");
        assertThat(none.status()).isEqualTo(404);
        assertThat(none.body()).contains("nothing is recorded of nobody@one.test");
        assertThat(ask(TRACE).status()).isEqualTo(400);
    }

    @Test
    void socket_hasPermissionsOfOwnerAndGroup_andGoesAway() throws IOException {
        start();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket())))
                .isEqualTo("rw-rw----");
        servers.removeLast().close();
        assertThat(socket()).doesNotExist();
        assertThatThrownBy(() -> ask("/healthz")).isInstanceOf(IOException.class)
                .hasMessageContaining("is the daemon running?");
    }

    @Test
    void socket_ofKilledDaemon_isReplaced() throws IOException {
        Files.createDirectories(socket().getParent());
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(socket()));
        }
        assertThat(socket()).exists();
        start();
        assertThat(ask("/healthz/live").status()).isEqualTo(200);
    }

    @Test
    void socket_ofLivingDaemon_isAnErrorAndStaysTheirs() throws IOException {
        start();
        assertThatThrownBy(this::open).isInstanceOf(StartException.class)
                .hasMessageContaining("another Mailrace answers on " + socket());
        assertThat(ask("/healthz/live").status()).isEqualTo(200);
    }

    @Test
    void socket_pathOfAFile_isAnError() throws IOException {
        Files.createDirectories(socket().getParent());
        Files.writeString(socket(), "precious");
        assertThatThrownBy(this::start).isInstanceOf(StartException.class)
                .hasMessageContaining(socket() + " exists and is not a socket");
        assertThat(socket()).hasContent("precious");
    }

    /** As many as there are places, each with the beginning of a request. */
    private List<SocketChannel> holdAllPlaces() throws IOException {
        List<SocketChannel> holders = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            SocketChannel one = SocketChannel.open(servers.getLast().address().orElseThrow());
            holders.add(one);
            one.configureBlocking(false);
            one.write(ByteBuffer.wrap(new byte[]{'G'}));
        }
        return holders;
    }

    @Test
    void tcp_allPlacesHeld_unixSocketAnswers() throws IOException {
        start();
        List<SocketChannel> holders = holdAllPlaces();
        try {
            assertThatThrownBy(() -> assertThat(tcp("/healthz/live")).isNotEmpty())
                    .as("no place is left").isInstanceOfAny(IOException.class,
                            AssertionError.class);
            assertThat(ask("/healthz/live").status()).isEqualTo(200);
        } finally {
            for (SocketChannel one : holders) {
                one.close();
            }
        }
    }

    @Test
    void request_byteAfterByteForEver_isEndedAfterItsTime() throws IOException {
        requestLimit = Duration.ofMillis(300);
        start();
        List<SocketChannel> holders = holdAllPlaces();
        List<SocketChannel> open = new ArrayList<>(holders);
        try {
            // Far fewer bytes than a line may have, which would end it, too.
            for (int bytes = 0; bytes < 400 && !open.isEmpty(); bytes++) {
                open.removeIf(AdminServerTest::endedWhileWriting);
                Optional<SocketChannel> first = open.stream().findFirst();
                if (first.isPresent()) {
                    awaitReadable(first.get());
                }
            }
            assertThat(open).isEmpty();
            assertThat(tcp("/healthz/live")).startsWith("HTTP/1.1 200");
        } finally {
            for (SocketChannel one : holders) {
                one.close();
            }
        }
    }

    /** Until the server ends it, for 50 ms at most. */
    private static void awaitReadable(SocketChannel client) throws IOException {
        try (Selector selector = Selector.open()) {
            client.register(selector, SelectionKey.OP_READ);
            selector.select(50);
        }
    }

    private static boolean endedWhileWriting(SocketChannel client) {
        try {
            client.write(ByteBuffer.wrap(new byte[]{'E'}));
            return client.read(ByteBuffer.allocate(1)) < 0;
        } catch (IOException reset) {
            return true;
        }
    }

    @Test
    void onNio_bothAddressesAnswer() throws IOException {
        start(NioIoHandler.newFactory());
        assertThat(ask("/healthz/live").status()).isEqualTo(200);
        assertThat(tcp("/healthz/live")).startsWith("HTTP/1.1 200");
        servers.removeLast().close();
        assertThat(socket()).doesNotExist();
    }
}
