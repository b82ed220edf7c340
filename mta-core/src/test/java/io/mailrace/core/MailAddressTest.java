// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MailAddressTest {
    @ParameterizedTest
    @CsvSource(delimiter = ' ', quoteCharacter = '\u0001', textBlock = """
            a@b.c a@b.c
            Joe.Q@EXAMPLE.com Joe.Q@example.com
            !#$%&'*+-/=?^_`{|}~@b.c !#$%&'*+-/=?^_`{|}~@b.c
            a%b@c.d a%b@c.d
            a!b@c.d a!b@c.d
            "a@b"@c.d "a@b"@c.d
            "a\\"b"@c.d "a\\"b"@c.d
            "a..b"@c.d "a..b"@c.d
            root+${run{x}}@b.c root+${run{x}}@b.c
            a@localhost a@localhost
            a@x_y.example a@x_y.example
            a@1.example a@1.example
            a@xn--bcher-kva.example a@xn--bcher-kva.example
            a@b\u00fccher.example a@xn--bcher-kva.example
            a@B\u00dcCHER.example a@xn--bcher-kva.example
            a@b\u3002c a@b.c
            \u00fc@b.c \u00fc@b.c
            \u4e2d\u6587@b.c \u4e2d\u6587@b.c
            \ud83d\ude00@b.c \ud83d\ude00@b.c
            "\u00fc"@b.c "\u00fc"@b.c
            a@[127.0.0.1] a@[127.0.0.1]
            a@[IPv6:2001:DB8::1] a@[ipv6:2001:db8::1]
            a@[IPv6:::1] a@[ipv6:::1]
            """)
    void parse_mailbox_hasANormalForm(String text, String normal) {
        assertThat(MailAddress.parse(text)).map(MailAddress::toString).contains(normal);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "@", "a", "a@", "@b.c", ";sleep 66;", ";sleep 66;@", "a b@c.d",
            "a@b c", "a@b@c.d", "@a:b@c.d", "@a,@b:c@d.e", ".a@b.c", "a.@b.c", "a..b@c.d",
            "\"\"@b.c", "\"a@b.c", "\"a\"b@c.d", "a\"b\"@c.d", "\"a\\\"@b.c", "\"a\\", "<a@b.c>",
            "a@b.c>", "a(c)@b.c", "a,b@c.d", "a:b@c.d", "a;b@c.d", "a@b..c", "a@.b", "a@b.",
            "a@-b.c", "a@b-.c", "a@b!c", "a@b/c", "a@../../etc", "a@%s.example", "a@b\u0000.c",
            "a\u0000@b.c", "a\r\nRCPT TO:<x@y.z>@b.c", "a\rb@c.d", "\"a\r\nb\"@c.d",
            "\"a\u0000\"@b.c", "\"a\u007f\"@b.c", "a\u007f@b.c", "a\u0085@b.c", "\"\u0085\"@b.c",
            "a\t@b.c", "\u0130@\u0000", "a@\u0000", "a@\ud800.c", "\ud800@b.c", "a\udc00@b.c",
            "a@stra\u00dfe.example", "a@\u03c3\u03c2.example", "a@a\u200db.example", "a@\u2028",
            "a@\uff0f.example", "a@\uff20b.c", "a@127.0.0.1", "a@2130706433", "a@b.123",
            "a@[127.0.0.1", "a@[127.0.0.256]", "a@[127.1]", "a@[010.0.0.1]", "a@[localhost]",
            "a@[::1]", "a@[IPv6:127.0.0.1]", "a@[IPv6:fe80::1%eth0]", "a@[IPv6:]", "a@[]",
            "a@[x:y]", "a@[IPv6:::ffff:10.0.0.1]", "a@[127.0.0.1].b"})
    void parse_notAMailbox_isEmpty(String text) {
        assertThat(MailAddress.parse(text)).isEmpty();
    }

    @Test
    void parse_bounds_areThoseOfTheRfc() {
        String label = "x".repeat(63);
        String longest = label + "." + label + "." + label + "." + "x".repeat(61);
        assertThat(longest).hasSize(253);
        assertThat(MailAddress.parse("l".repeat(64) + "@" + longest)).isPresent();
        assertThat(MailAddress.parse("l".repeat(65) + "@b.c")).isEmpty();
        assertThat(MailAddress.parse("\u00fc".repeat(32) + "@b.c")).isPresent();
        assertThat(MailAddress.parse("\u00fc".repeat(33) + "@b.c")).isEmpty();
        assertThat(MailAddress.parse("a@" + longest + "x")).isEmpty();
        assertThat(MailAddress.parse("a@x" + label + ".c")).isEmpty();
        assertThat(MailAddress.parse("a@" + "\u00fc".repeat(63) + ".c")).isEmpty();
        assertThat(MailAddress.parse("a@" + "b.".repeat(100_000) + "c")).isEmpty();
        assertThat(MailAddress.parse("a".repeat(1_000_000))).isEmpty();
    }

    @Test
    void needsUtf8_onlyForTheLocalPart() {
        assertThat(MailAddress.parse("a@b\u00fccher.example")).get()
                .matches(a -> !a.needsUtf8());
        assertThat(MailAddress.parse("\u00fc@b.c")).get().matches(MailAddress::needsUtf8);
    }

    @Test
    void null_path_isEmptyText() {
        assertThat(MailAddress.NULL.isNull()).isTrue();
        assertThat(MailAddress.NULL).hasToString("");
    }

    /** Whatever comes in: no exception, and what is accepted is its own normal form. */
    @Test
    void parse_randomText_isRefusedOrStable() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        String alphabet = "ab.@\"\\[]:-_1 \u0000\r\n"
                + "\u00fc\u00df\ud83d\ude00\u200d\u3002\uff0e\uff21";
        for (int round = 0; round < 50_000; round++) {
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(14); i > 0; i--) {
                text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            MailAddress.parse(text.toString()).ifPresent(address -> {
                assertThat(MailAddress.parse(address.toString())).as("seed %d: %s", seed, text)
                        .contains(address);
                assertThat(address.domain()).as("seed %d: %s", seed, text)
                        .matches("[a-z0-9._-]+|\\[[a-z0-9.:]+]");
                assertThat(address.localPart()).doesNotContain("\r", "\n", "\u0000");
            });
        }
    }
}
