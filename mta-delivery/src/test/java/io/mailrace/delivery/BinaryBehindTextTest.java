// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Disposition;
import io.mailrace.core.SpoolId;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Binary mail behind a text on a real connection: one by BDAT, the other by DATA. */
class BinaryBehindTextTest {
    private static final String ADDRESS = "127.4.0.1";

    @TempDir
    Path directory;

    @Test
    void binaryMail_behindText_goesOnAtOnce() throws Exception {
        CountDownLatch allThere = new CountDownLatch(1);
        CountDownLatch atData = new CountDownLatch(1);
        try (TestDns dns = new TestDns();
                TestPeer peer = new TestPeer(new InetSocketAddress(
                        InetAddress.getByName(ADDRESS), 0),
                        List.of("PIPELINING", "CHUNKING", "BINARYMIME", "8BITMIME"), null,
                        (verb, line, at, connection) -> {
                            if (verb.equals("DATA")) {
                                atData.countDown();
                                DeliveryFixture.pass(allThere);
                            }
                            return null;
                        });
                DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                        new DeliveryFixture.NoSigner(), "delivery { port = " + peer.port()
                                + ", connections-per-site = 1, chunking = false\n"
                                + "timeouts.data = 1m }")) {
            dns.mx("x.test", 10, "mx.x.test").a("mx.x.test", ADDRESS);
            List<SpoolId> ids = new ArrayList<>();
            ids.add(fixture.submit("a text", "a@x.test"));
            DeliveryFixture.pass(atData);
            for (int i = 0; i < 10; i++) {
                ids.add(fixture.submitBinary("\0octets\n" + i, "a@x.test"));
            }
            await(() -> fixture.spool.queues().find(TestMail.key("x.test")).orElseThrow()
                    .status().taken() > 1);
            allThere.countDown();
            await(() -> fixture.spool.queues().waiting() == 0);
            for (SpoolId id : ids) {
                assertThat(fixture.outcomes(id)).as("at the first try").hasSize(1).first()
                        .matches(one -> one.disposition() instanceof Disposition.Delivered);
            }
            assertThat(peer.connections.get()).isEqualTo(1);
            assertThat(peer.texts()).hasSize(11);
        }
    }
}
