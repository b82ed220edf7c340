// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostHeaderTest {

    @Test
    void host_withAndWithoutPort_isTheBareName() {
        assertThat(HostHeader.host("MTA1.Example.com:8025")).contains("mta1.example.com");
        assertThat(HostHeader.host("localhost")).contains("localhost");
        assertThat(HostHeader.host("[::1]:80")).contains("::1");
        assertThat(HostHeader.host("127.0.0.1:80")).contains("127.0.0.1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ":80", "a:b", "a:80:90", "[::1", "[]:80", "[::1]x", "a:123456"})
    void host_malformed_isNone(String header) {
        assertThat(HostHeader.host(header)).isEmpty();
    }

    @Test
    void numeric_addressesOnly() {
        assertThat(HostHeader.numeric("127.0.0.1")).isTrue();
        assertThat(HostHeader.numeric("::1")).isTrue();
        assertThat(HostHeader.numeric("127.0.0.1.evil.test")).isFalse();
        assertThat(HostHeader.numeric("localhost")).isFalse();
    }
}
