// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CidrTest {
    private static InetAddress address(String text) {
        return Cidr.parseAddress(text).orElseThrow();
    }

    @ParameterizedTest
    @CsvSource({"10.0.0.0/8,10.255.1.2,true", "10.0.0.0/8,11.0.0.0,false",
            "10.1.2.3/8,10.9.9.9,true", "192.168.0.0/20,192.168.15.255,true",
            "192.168.0.0/20,192.168.16.0,false", "0.0.0.0/0,255.255.255.255,true",
            "0.0.0.0/0,::1,false", "::/0,1.2.3.4,false", "1.2.3.4,1.2.3.4,true",
            "1.2.3.4,1.2.3.5,false", "1.2.3.4/32,1.2.3.4,true", "::1/128,::1,true",
            "fe80::/10,febf::1,true", "fe80::/10,fec0::1,false", "2001:db8::/33,2001:db8::1,true",
            "2001:db8::/33,2001:db8:8000::1,false", "127.0.0.0/8,::ffff:127.0.0.1,true"})
    void contains_address_isTold(String block, String address, boolean inside) {
        assertThat(Cidr.parse(block).orElseThrow().contains(address(address))).isEqualTo(inside);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
            "10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/0008", "10.0.0.0/8/8", "::/129", "10.0.0/8",
            "010.0.0.1", "10.0.0.08", "256.0.0.1", "1.2.3.4.5", "0x7f.0.0.1", "2130706433",
            "localhost", "example.com/8", "fe80::1%eth0", "::ffff:10.0.0.0/104",
            "::ffff:10.0.0.0/8", ":::1", "1::2::3", "12345::", "\u0661.0.0.1", "[::1]", " ::1"})
    void parse_notABlock_isEmpty(String text) {
        assertThat(Cidr.parse(text)).isEmpty();
    }

    @Test
    void toString_block_readsBack() {
        for (String text : new String[]{"10.0.0.0/8", "1.2.3.4/32"}) {
            assertThat(Cidr.parse(text).orElseThrow()).hasToString(text);
        }
        Cidr six = Cidr.parse("2001:db8::/33").orElseThrow();
        assertThat(Cidr.parse(six.toString())).contains(six);
    }

    @Test
    void constructor_lengthOutOfRange_isRefused() {
        assertThatThrownBy(() -> new Cidr(address("1.2.3.4"), 33))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Cidr(address("1.2.3.4"), -1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
