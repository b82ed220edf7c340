// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is read from a page for Prometheus. */
class AdminPageTest {
    private static final String PAGE = """
            # HELP queue_dsn_total Delivery status notifications
            queue_dsn_total{action="failed"} 3.0
            queue_dsn_total{action="relayed"} 4.0
            queue_envelopes_taken 1.2E2
            queue_envelopes_taken_long 7
            """;

    @Test
    void metric_withLabels_isSummed() {
        assertThat(AdminPage.metricIn(PAGE, "queue_dsn_total")).hasValue(7);
    }

    @Test
    void metric_prefixOfAnother_isNotMistaken() {
        assertThat(AdminPage.metricIn(PAGE, "queue_envelopes_taken")).hasValue(120);
        assertThat(AdminPage.metricIn(PAGE, "queue_envelopes")).isEmpty();
    }

    /** A daemon that has no time to answer is asked again. */
    @Test
    void present_noAnswerAtFirst_isAskedAgain(@TempDir Path directory) throws Exception {
        AdminPage page = new AdminPage(directory.resolve("admin.sock"));
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            server.bind(UnixDomainSocketAddress.of(page.socket()));
            Future<Long> asked = threads.submit(() -> page.present("queue_envelopes_taken"));
            for (String answer : new String[]{"", "HTTP/1.1 200 OK\r\n\r\n" + PAGE}) {
                try (SocketChannel daemon = server.accept()) {
                    assertThat(daemon.read(ByteBuffer.allocate(1024))).isPositive();
                    daemon.write(StandardCharsets.US_ASCII.encode(answer));
                }
            }
            assertThat(asked.get()).isEqualTo(120);
        }
    }
}
