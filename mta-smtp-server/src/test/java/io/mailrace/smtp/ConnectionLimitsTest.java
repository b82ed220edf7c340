// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import java.net.InetAddress;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ConnectionLimitsTest {
    private final FakeTimeSource time = new FakeTimeSource();

    private static InetAddress address(String text) throws Exception {
        return InetAddress.getByName(text);
    }

    @Test
    void admit_ofOneAddress_hasABound() throws Exception {
        ConnectionLimits limits = new ConnectionLimits(10, 2, time);
        assertThat(limits.admit(address("192.0.2.1"), false)).isTrue();
        assertThat(limits.admit(address("192.0.2.1"), false)).isTrue();
        assertThat(limits.admit(address("192.0.2.1"), false)).isFalse();
        assertThat(limits.admit(address("192.0.2.2"), false)).isTrue();
        assertThat(limits.admit(address("192.0.2.1"), true)).isTrue();
        limits.release(address("192.0.2.1"));
        limits.release(address("192.0.2.1"));
        assertThat(limits.admit(address("192.0.2.1"), false)).isTrue();
        assertThat(limits.open()).isEqualTo(3);
    }

    @Test
    void admit_ipv6_countsNetworks() throws Exception {
        ConnectionLimits limits = new ConnectionLimits(10, 1, time);
        assertThat(limits.admit(address("2001:db8::1"), false)).isTrue();
        assertThat(limits.admit(address("2001:db8::2"), false)).isFalse();
        assertThat(limits.admit(address("2001:db8:0:1::2"), false)).isTrue();
    }

    @Test
    void admit_inAll_hasABoundForEverybody() throws Exception {
        ConnectionLimits limits = new ConnectionLimits(2, 2, time);
        assertThat(limits.admit(address("192.0.2.1"), true)).isTrue();
        assertThat(limits.admit(address("192.0.2.2"), true)).isTrue();
        assertThat(limits.admit(address("192.0.2.3"), true)).isFalse();
        limits.release(address("192.0.2.1"));
        assertThat(limits.admit(address("192.0.2.3"), true)).isTrue();
        assertThat(limits.open()).isEqualTo(2);
    }

    @Test
    void admit_aTenthOfAll_isKeptForThoseWeKnow() throws Exception {
        ConnectionLimits limits = new ConnectionLimits(10, 10, time);
        for (int i = 0; i < 9; i++) {
            assertThat(limits.admit(address("192.0.2.1"), false)).isTrue();
        }
        assertThat(limits.admit(address("192.0.2.2"), false)).as("a stranger").isFalse();
        limits.loggedIn(address("192.0.2.2"));
        assertThat(limits.admit(address("192.0.2.2"), false)).as("logged in lately").isTrue();
        limits.release(address("192.0.2.2"));
        time.advance(Duration.ofHours(7));
        assertThat(limits.admit(address("192.0.2.2"), false)).as("long ago").isFalse();
        assertThat(limits.admit(address("192.0.2.3"), true)).as("in relay-from").isTrue();
        assertThat(limits.admit(address("192.0.2.3"), true)).as("more than all").isFalse();
    }
}
