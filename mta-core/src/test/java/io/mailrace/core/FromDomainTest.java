// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FromDomainTest {
    private static String of(String value) {
        return FromDomain.of(value.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\'', value = {
            "a@example.com | example.com", "A <a@Example.COM> | example.com",
            "\"x@y.test <z@w.test>\" <a@example.com> | example.com",
            "(c@comment.test (nested \\) <d@e.test>)) a@example.com (tail) | example.com",
            "=?utf-8?q?x=40y=2Etest?= <a@example.com> | example.com",
            "a@example.com, b@other.test | example.com",
            "Team: a@example.com, b@other.test; | example.com",
            "Empty:;, a@example.com | example.com", "\"x@y\"@example.com | example.com",
            "a @ example . com | example.com", "<@route.test,@b.test:a@example.com> | example.com",
            "a(c)@(d)example(e).com | example.com", "Doe, John <j@example.com> | example.com",
            "a@[192.0.2.1] | [192.0.2.1]", "a@[IPv6:2001:db8::1] | [ipv6:2001:db8::1]",
            "ü <a@bücher.test> | xn--bcher-kva.test", "\"unterminated <a@example.com> | ''",
            "(unterminated <a@example.com> | ''", "nobody | ''", "@example.com | ''",
            "a@ | ''", "<> | ''", "a@b@example.com | example.com", "a@exa mple.com | example.com",
            "a@-bad.test | ''", "'' | ''", "\\ | ''", "\"\\ | ''", "a@example.com> | example.com"})
    void of_anyForm_firstMailbox(String value, String domain) {
        assertThat(of(value)).isEqualTo(domain);
    }

    /** Readers may take another mailbox than the one that is found first. */
    @ParameterizedTest
    @ValueSource(strings = {"<ceo@evil.test> <x@ok.test>", "<ceo@evil.test>: <x@ok.test>",
            "ceo@evil.test:, x@ok.test", "<x@ok.test> ceo@evil.test", "<<ceo@evil.test> x@ok.test",
            "<x@ok.test> \"ceo@evil.test\""})
    void allOf_strayText_isNeverSure(String value) {
        assertThat(FromDomain.allOf(value.getBytes(StandardCharsets.UTF_8))).contains("");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a@ok.test", "A (c) <a@ok.test> (tail)",
            "Team: a@ok.test, B <b@ok.test>;",
            "\"x@evil.test\" <a@ok.test>"})
    void allOf_plainForms_areSure(String value) {
        assertThat(FromDomain.allOf(value.getBytes(StandardCharsets.UTF_8))).containsOnly(
                "ok.test");
    }

    @Test
    void of_hostileLength_staysLinear() {
        for (String piece : new String[]{"(", "\"", "<", ",", "a@", "@", "[", ":", "\\", "()"}) {
            String value = piece.repeat(8192 / piece.length());
            Assertions.assertTimeout(Duration.ofSeconds(2), () -> of(value));
        }
    }
}
