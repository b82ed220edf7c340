// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.MxAnswer.MxHost;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HostLadderTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private final EgressSource source = new EgressSource(SourceConfig.plain("a", "mta.test"), time);

    private static InetAddress address(int host, int number) throws UnknownHostException {
        return InetAddress.getByAddress(new byte[]{(byte) 192, 0, 2, (byte) (20 * host + number)});
    }

    /** Hosts of that many addresses each. */
    private HostLadder ladder(int addresses, int... preferences) throws UnknownHostException {
        List<MxHost> hosts = new ArrayList<>();
        for (int host = 0; host < preferences.length; host++) {
            List<InetAddress> all = new ArrayList<>();
            for (int number = 0; number < addresses; number++) {
                all.add(address(host, number));
            }
            hosts.add(new MxHost("mx" + host + ".test", preferences[host], all));
        }
        return new HostLadder(new Hosts(hosts, false, Long.MAX_VALUE), 25,
                TlsDemand.of(TlsPolicy.OFF), time);
    }

    /** A site that is said to be reachable and gives no address would wait for nothing. */
    @Test
    void manyAddressesOfOnePreference_reachesAndNextAgree() throws Exception {
        Random random = new Random(7);
        int reached = 0;
        for (int round = 0; round < 2_000; round++) {
            HostLadder ladder = ladder(8, 10, 10, 10);
            List<InetAddress> all = new ArrayList<>();
            for (int i = 0; i < 24; i++) {
                all.add(address(i / 8, i % 8));
            }
            Collections.shuffle(all, random);
            List<InetAddress> down = all.subList(0, random.nextInt(25));
            down.forEach(one -> ladder.markDown(one, HostLadder.DOWN));
            boolean reaches = ladder.reaches(source, false);
            Target next = ladder.next(source, false);
            assertThat(next != null).isEqualTo(reaches);
            if (next != null) {
                assertThat(down).doesNotContain(next.address());
                reached++;
            }
        }
        assertThat(reached).isBetween(1, 1_999);
    }

    /** Else a name with hundreds of dead addresses would be tried for hours. */
    @Test
    void manyFailed_restIsNotTriedBeforeAPause() throws Exception {
        HostLadder ladder = ladder(12, 10);
        for (int i = 0; i < MxResolver.MAX_ADDRESSES; i++) {
            assertThat(ladder.reaches(source, false)).isTrue();
            ladder.markDown(address(0, i), HostLadder.DOWN);
        }
        assertThat(ladder.reaches(source, false)).isFalse();
        ladder.forgetDown();
        assertThat(ladder.next(source, false)).isNotNull();
    }

    @Test
    void someWorkAmongManyThatFail_areUsed() throws Exception {
        HostLadder ladder = ladder(8, 10, 10, 10);
        for (int i = 0; i < 16; i++) {
            ladder.markDown(address(i / 8, i % 8), HostLadder.DOWN);
            if (i % 5 == 4) {
                ladder.markUp(address(2, i % 8));
            }
        }
        Target next = ladder.next(source, false);
        assertThat(next).isNotNull().extracting(Target::host).isEqualTo("mx2.test");
    }

    @Test
    void preferredHostDown_nextOneIsUsed() throws Exception {
        HostLadder ladder = ladder(2, 10, 20);
        for (int i = 0; i < 20; i++) {
            Target first = ladder.next(source, false);
            assertThat(first).isNotNull().extracting(Target::host).isEqualTo("mx0.test");
        }
        ladder.markDown(address(0, 0), HostLadder.DOWN);
        ladder.markDown(address(0, 1), HostLadder.DOWN);
        Target second = ladder.next(source, false);
        assertThat(second).isNotNull().extracting(Target::host).isEqualTo("mx1.test");
        time.advance(HostLadder.DOWN);
        Target again = ladder.next(source, false);
        assertThat(again).isNotNull().extracting(Target::host).isEqualTo("mx0.test");
    }
}
