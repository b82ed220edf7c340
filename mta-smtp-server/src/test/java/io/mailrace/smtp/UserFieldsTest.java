// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Rate;
import io.mailrace.core.RoutingHints;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UserFieldsTest {
    private static final Set<String> POOLS = Set.of("default", "b");

    private static UserRights rights(String fields) {
        return UserFields.parse(fields, "team").rights();
    }

    @Test
    void everyKey_maps() {
        UserRights read = rights("from=Example.com,*.shop.test lane=bulk pool=b rate=100/min "
                + "rcpt-rate=5000/h size=10m hold=7d control=lane,tag,tenant,pool,not-before");
        assertThat(read).isEqualTo(new UserRights("team", List.of("example.com", "*.shop.test"),
                Optional.of(Lane.BULK), UserRights.of("team").lanes(), Optional.of("b"),
                Optional.of(new Rate(100, Rate.Unit.MINUTE)),
                Optional.of(new Rate(5000, Rate.Unit.HOUR)), 10 << 20, Duration.ofDays(7),
                Set.of(ControlField.values())));
    }

    @Test
    void noKeys_permitWhatEveryoneMay() {
        UserRights read = rights("");
        assertThat(read.control()).containsOnly(ControlField.LANE, ControlField.TAG);
        assertThat(read.maxHold()).isZero();
        assertThat(read.maxSize()).isEqualTo(Long.MAX_VALUE);
        assertThat(read.maySendAs(MailAddress.parse("a@b.example").orElseThrow())).isTrue();
        assertThat(read.mayWriteAs(List.of())).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"100,100", "1k,1024", "2m,2097152", "1g,1073741824"})
    void size_isIn1024s(String text, long octets) {
        if (octets < 1024) {
            assertThatThrownBy(() -> rights("size=" + text)).hasMessageContaining("size must be");
        } else {
            assertThat(rights("size=" + text).maxSize()).isEqualTo(octets);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"lnae=bulk | unknown key lnae; known are cert, control",
            "lane | lane has no value", "lane= | lane has no value", "=x | unknown key",
            "lane=fast | lane must be transactional, default or bulk, not \"fast\"",
            "lane=bulk lane=bulk | lane is there twice", "lane=bulk lanes=bulk | cannot both",
            "lanes=bulk,, | lanes must be", "from=a@b | from must be", "from= | no value",
            "from=*.*.test | from must be", "from=example.com, | from must be",
            "rate=100 | rate must be a rate such as 100/min", "rate=0/s | rate must be",
            "rcpt-rate=5/week | rcpt-rate must be", "size=10x | size must be",
            "size=99999999999999999999 | size must be", "size=3g | size must be",
            "size=-5m | size must be", "hold=7 | hold must be a length of time",
            "hold=366d | hold must be", "hold=9999999999d | hold must be",
            "control=lane,all | control must be", "control=Lane | control must be",
            "cert=abc | cert must be", "cert=sha256:12 | cert must be",
            "scram=x | scram must be SCRAM-SHA-256$"})
    void badField_isASentence(String fields, String sentence) {
        assertThatThrownBy(() -> UserFields.parse(fields, "team"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(sentence);
    }

    @Test
    void badField_isToldWithItsLine() {
        String hash = Fixture.USER_LINES.getFirst().split(":")[1];
        assertThatThrownBy(() -> UserTable.parse(List.of("# ok", "a:" + hash,
                "b:" + hash + ":team:lnae=bulk"), POOLS)).isInstanceOf(UserTable.BadFile.class)
                .hasMessageStartingWith("line 3: unknown key lnae");
        assertThatThrownBy(() -> UserTable.parse(List.of("b:" + hash + "::pool=c"), POOLS))
                .hasMessage("line 1: there is no pool c; known are b, default");
        assertThatThrownBy(() -> UserTable.parse(List.of("a:" + hash + "::cert=app.test",
                "b:" + hash + "::cert=app.test"), POOLS))
                .hasMessage("line 2 repeats a certificate");
    }

    @Test
    void manyOfAnything_isBounded() {
        String domains = "x.test,".repeat(2000) + "x.test";
        assertThatThrownBy(() -> rights("from=" + domains)).hasMessageContaining("from must be");
        assertThatThrownBy(() -> rights("from=" + "x".repeat(100_000)))
                .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(300));
    }

    @ParameterizedTest
    @CsvSource({"a@example.com,true", "a@EXAMPLE.com,true", "a@x.example.com,false",
            "a@shop.test,false", "a@x.shop.test,true", "a@x.y.shop.test,true",
            "a@xshop.test,false", "a@shop.test.evil.test,false"})
    void domains_coverWhatTheySay(String sender, boolean may) {
        assertThat(rights("from=example.com,*.shop.test")
                .maySendAs(MailAddress.parse(sender).orElseThrow())).isEqualTo(may);
    }

    @Test
    void route_fixedGoesBeforeAsked() {
        RoutingHints asked = new RoutingHints(Optional.of(Lane.TRANSACTIONAL),
                Optional.of("default"), Map.of("x-campaign", "may"));
        assertThat(rights("lane=bulk pool=b").route(asked)).isEqualTo(new RoutingHints(
                Optional.of(Lane.BULK), Optional.of("b"), asked.fields()));
        assertThat(rights("pool=b control=pool").route(asked).pool()).contains("default");
        assertThat(rights("").route(asked).lane()).contains(Lane.TRANSACTIONAL);
        assertThat(rights("lanes=default,bulk").route(asked).lane()).isEmpty();
        assertThat(rights("control=none").route(asked).lane()).isEmpty();
        assertThat(UserRights.WITHOUT_LOGIN.route(asked)).isEqualTo(asked);
    }

    @Test
    void submission_goesTheWayOfItsUser() {
        RecordingSpool.Stored sent = sentBy("news", "X-Mailrace-Lane: bulk");
        assertThat(sent.submission().tenant()).isEqualTo("team");
        assertThat(sent.submission().hints().lane()).contains(Lane.BULK);
        assertThat(sent.submission().hints().pool()).contains("b");
        RecordingSpool.Stored chosen = sentBy("picky", "X-Mailrace-Lane: bulk");
        assertThat(chosen.submission().tenant()).isEqualTo("picky");
        assertThat(chosen.submission().hints().lane()).contains(Lane.BULK);
        assertThat(sentBy("news", "X-Other: x").submission().hints().lane()).contains(Lane.BULK);
        assertThat(sentBy("picky", "X-Other: x").submission().hints().lane()).isEmpty();
    }

    private static RecordingSpool.Stored sentBy(String user, String field) {
        return SessionDriver.opened("submissions").say("EHLO c",
                "AUTH PLAIN " + Fixture.plainLogin(user, Fixture.PASSWORD),
                "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA", field, "", ".")
                .onlyMessage();
    }

    @Test
    void with_changesAndTakesOut() {
        UserFields fields = UserFields.parse("lane=bulk  rate=1/s", "team");
        assertThat(fields.with(Map.of("lane", "")).toString()).isEqualTo("rate=1/s");
        assertThat(fields.with(Map.of("lane", "default")).toString())
                .isEqualTo("lane=default rate=1/s");
        assertThatThrownBy(() -> fields.with(Map.of("lane", "a b")))
                .hasMessageContaining("without blanks");
        assertThatThrownBy(() -> fields.with(Map.of("lane", "bulk\nroot:x")))
                .hasMessageContaining("without blanks");
        assertThatThrownBy(() -> fields.with(Map.of("", "x"))).hasMessageContaining("unknown key");
    }

    @Test
    void shown_hidesWhatProvesTheUser() {
        UserFields fields = Fixture.userTable().users().get("alice").fields();
        assertThat(fields.shown()).isEqualTo("scram=yes");
    }
}
