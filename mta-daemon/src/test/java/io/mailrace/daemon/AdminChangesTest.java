// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import io.mailrace.core.Metrics;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import io.mailrace.queue.SetAction;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What can be changed over the admin address, by whom, and what is refused. */
class AdminChangesTest {
    private static final String OPERATIONS = "/api/v1/operations";
    private static final QueueKey GMAIL = new QueueKey(Lane.BULK, "shop", "gmail.test", "default");
    private static final QueueKey OTHER = new QueueKey(Lane.BULK, "shop", "other.test", "default");

    @TempDir
    Path folder;
    private final StandInSpool spool = new StandInSpool();
    private final StandInSites sites = new StandInSites();
    private final MetricsPage page = new MetricsPage(new Metrics());
    private final IoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1,
            NioIoHandler.newFactory());
    private Optional<AdminServer> server = Optional.empty();

    @BeforeEach
    void start() {
        AdminApi api = new AdminApi(spool, key -> "", sites, NoShaping.API,
                new IntakeReport(() -> true, Optional::empty), page,
                new FakeTimeSource());
        server = Optional.of(AdminServer.open(new AdminConfig(folder.resolve("admin.sock"),
                Optional.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
                List.of()), api, loops, "mta1.example.com"));
        spool.statuses.add(new QueueStatus(GMAIL, 5, 0, 0, 0, 0, 0, ""));
        spool.statuses.add(new QueueStatus(OTHER, 5, 0, 0, 0, 0, 0, ""));
    }

    @AfterEach
    void stop() {
        server.ifPresent(AdminServer::close);
        page.close();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }

    private AdminClient.Answer post(String query) throws IOException {
        return new AdminClient(folder.resolve("admin.sock")).post(OPERATIONS + query);
    }

    @Test
    void operation_bySite_meansTheQueuesThatGoThere() throws IOException {
        assertThat(post("?action=hold&site=GMAIL.test&why=odd").status()).isEqualTo(200);
        AskedOperations.Asked asked = spool.operations.asked.getFirst();
        assertThat(asked.action()).isEqualTo(new SetAction.Hold("odd"));
        assertThat(asked.selection().where().test(GMAIL)).isTrue();
        assertThat(asked.selection().where().test(OTHER)).isFalse();
        assertThat(asked.selection().text()).isEqualTo("site=gmail.test");
        assertThat(sites.woken).isEmpty();
    }

    @Test
    void retry_wakesTheSitesItConcerns() throws IOException {
        assertThat(post("?action=retry&site=mx.gmail.test").status()).isEqualTo(200);
        assertThat(sites.woken).hasSize(1);
        assertThat(sites.woken.getFirst().test(GMAIL)).isTrue();
        assertThat(sites.woken.getFirst().test(OTHER)).isFalse();
    }

    @Test
    void retry_byDomain_wakesThatDomainsSitesOnly() throws IOException {
        assertThat(post("?action=retry&domain=gmail.test").status()).isEqualTo(200);
        assertThat(sites.woken).hasSize(1);
        assertThat(sites.woken.getFirst().test(GMAIL)).isTrue();
        assertThat(sites.woken.getFirst().test(OTHER)).isFalse();
    }

    /** Which queues have mail of that age is known once they were looked through. */
    @ParameterizedTest
    @CsvSource({"id=0000000000001", "tag=news", "author=a.test", "older-than=1h"})
    void retry_byWhatTheQueueDoesNotSay_wakesTheSitesOfQueuesFound(String which)
            throws IOException {
        assertThat(post("?action=retry&" + which).status()).isEqualTo(200);
        assertThat(sites.woken).noneMatch(woken -> woken.test(GMAIL) || woken.test(OTHER));
        spool.operations.asked.getFirst().found().accept(Set.of(GMAIL));
        assertThat(sites.woken.getLast().test(GMAIL)).isTrue();
        assertThat(sites.woken.getLast().test(OTHER)).isFalse();
    }

    @Test
    void tooManyWait_isAConflict() throws IOException {
        spool.operations.fill();
        assertThat(post("?action=release&all=true").status()).isEqualTo(409);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "?all=true                                     | action must be",
            "?action=explode&all=true                      | action must be",
            "?action=hold                                  | say what is meant",
            "?action=hold&domian=a.test                    | unknown parameter domian",
            "?action=hold&domain=a.test&domain=b.test      | domain is given twice",
            "?action=hold&domain=                          | short printable text",
            "?action=hold&domain=a%00b                     | short printable text",
            "?action=hold&domain=%C3%BC.test               | short printable text",
            "?action=hold&older-than=-1h                   | 90s, 15m, 2h or 3d",
            "?action=hold&older-than=99999999999999999999d | 90s, 15m, 2h or 3d",
            "?action=hold&id=nonsense                      | queued as ID",
            "?action=hold&all=maybe                        | true or false",
            "?action=hold&all=true&to-pool=x               | unknown parameter to-pool",
            "?action=rebind&all=true                       | rebind needs",
            "?action=rebind&all=true&to-via=ftp://x        | smtp://host:port"})
    void malformed_isRefusedAndNothingStarts(String query, String reason) throws IOException {
        AdminClient.Answer answer = post(query);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains(reason);
        assertThat(spool.operations.asked).isEmpty();
    }

    @Test
    void valuesTooLong_areRefused() throws IOException {
        assertThat(post("?action=hold&domain=" + "a".repeat(301)).status()).isEqualTo(400);
        assertThat(post("?action=hold&all=true&why=" + "a".repeat(201)).status()).isEqualTo(400);
        assertThat(spool.operations.asked).isEmpty();
    }

    @Test
    void overTcp_nothingIsChangedOrShownOfMail() throws IOException {
        assertThat(tcp("POST " + OPERATIONS + "?action=discard&all=true"))
                .startsWith("HTTP/1.1 405").contains("unix socket");
        assertThat(tcp("GET /api/v1/content/0000000000001")).startsWith("HTTP/1.1 404");
        assertThat(tcp("GET " + OPERATIONS)).startsWith("HTTP/1.1 404");
        assertThat(tcp("GET /api/v1/spool")).startsWith("HTTP/1.1 404");
        assertThat(spool.operations.asked).isEmpty();
    }

    private String tcp(String request) throws IOException {
        InetSocketAddress address = server.orElseThrow().address().orElseThrow();
        try (Socket client = new Socket(address.getAddress(), address.getPort())) {
            client.setSoTimeout(20_000);
            client.getOutputStream().write((request + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .getBytes(StandardCharsets.ISO_8859_1));
            return new String(client.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
