// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigSource;
import io.mailrace.core.SmtpReply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The shipped rules, each with the replies it carries, and a table of replies they must know. */
class ProvidersTest {
    private static final Path SHIPPED = Path.of("../config/providers.conf");

    /** One row of the table. */
    record Row(String provider, Stage stage, String category, boolean fails, String also,
            SmtpReply reply) {
        @Override
        public String toString() {
            return provider + ": " + reply;
        }
    }

    private static Providers shipped() {
        ConfigSource source = ConfigSource.ofFile(SHIPPED);
        return Providers.from(source.root());
    }

    static List<Row> table() throws IOException {
        List<Row> rows = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("src/test/resources/replies/table.txt"))) {
            if (line.startsWith("#")) {
                continue;
            }
            String[] columns = line.split("\\|", 6);
            Stage stage = Stage.valueOf(columns[1].strip().toUpperCase(Locale.ROOT)
                    .replace('-', '_'));
            rows.add(new Row(columns[0].strip(), stage, columns[2].strip(),
                    columns[3].strip().equals("fail"), columns[4].strip(),
                    ReplyRule.parse(columns[5]).orElseThrow()));
        }
        return rows;
    }

    @ParameterizedTest
    @MethodSource("table")
    void judge_replyOfTheTable_isClassifiedAsItSays(Row row) {
        Providers providers = shipped();
        Provider provider = providers.named(row.provider()).orElseThrow();
        Ruling ruling = providers.judge(provider, row.stage(), row.reply());
        assertThat(ruling.category().word()).describedAs(ruling.source())
                .isEqualTo(row.category());
        assertThat(ruling.fails()).describedAs(ruling.source()).isEqualTo(row.fails());
        List<String> does = ruling.rule().map(rule -> rule.actions().stream()
                .flatMap(action -> rule.scopes().stream()
                        .map(scope -> action.word() + " " + scope.word()))
                .toList()).orElse(List.of());
        if (row.also().equals("-")) {
            assertThat(does).describedAs(ruling.source()).isEmpty();
        } else {
            assertThat(does).describedAs(ruling.source()).contains(row.also());
        }
    }

    @Test
    void table_hasAtLeast150Replies() throws IOException {
        assertThat(table()).hasSizeGreaterThanOrEqualTo(150);
    }

    /** Loading tries each rule's own samples: a rule that misses one is a problem. */
    @Test
    void shippedFile_isFreeOfProblems_andEveryRuleCarriesSamples() {
        ConfigSource source = ConfigSource.ofFile(SHIPPED);
        DeliveryConfig.from(source.root(), "mta.example.com");
        shipped().all().forEach(provider -> provider.rules().forEach(rule -> {
            assertThat(rule.matches()).describedAs(provider.name() + "/" + rule.name())
                    .isNotEmpty();
            assertThat(rule.others()).describedAs(provider.name() + "/" + rule.name())
                    .isNotEmpty();
        }));
        // problems are only those of sections other modules own
        assertThatThrownBy(source::finish).isInstanceOfSatisfying(ConfigException.class,
                wrong -> assertThat(wrong.problems()).noneMatch(problem -> problem.text()
                        .startsWith("providers")));
    }

    /** An earlier rule must not take what a later one carries as its own. */
    @Test
    void shippedFile_noRuleIsShadowed() {
        Providers providers = shipped();
        providers.all().forEach(provider -> provider.rules().forEach(rule -> {
            Stage stage = rule.when().stages().isEmpty() ? Stage.RCPT
                    : rule.when().stages().getFirst();
            rule.matches().forEach(reply -> assertThat(providers.judge(provider, stage, reply)
                    .source()).describedAs("%s", reply)
                    .isEqualTo(provider.name() + "/" + rule.name()));
        }));
    }

    @ParameterizedTest
    @CsvSource({"gmail-smtp-in.l.google.com;alt1.gmail-smtp-in.l.google.com, gmail",
            "GMAIL-SMTP-IN.L.GOOGLE.COM, gmail", "aspmx.l.google.com, gmail",
            "outlook-com.olc.protection.outlook.com, outlook",
            "contoso-com.mail.protection.outlook.com, office365",
            "contoso-com.x-v1.mx.microsoft, office365", "mta5.am0.yahoodns.net, yahoo",
            "mx01.mail.icloud.com, apple", "mx1.comcast.net, comcast", "mx00.gmx.net, gmx",
            "mx-ha02.web.de, gmx", "smtp-in.orange.fr, orange", "mxs.mail.ru, mail-ru",
            "mx3.qq.com, qq", "163mx01.mxmail.netease.com, netease",
            "eu-smtp-inbound-1.mimecast.com, mimecast", "mxa-1.gslb.pphosted.com, proofpoint",
            "d1.ess.barracudanetworks.com, barracuda", "mx00.t-online.de, t-online",
            "mx1.free.fr, free", "mx.zoho.com, zoho", "mx.example.com, default",
            "google.com, default", "evilgoogle.com, default",
            "mx.google.com.example.net, default",
            "gmail-smtp-in.l.google.com;mx.example.com, default"})
    void of_hosts_isTheProviderAllOfThemBelongTo(String hosts, String provider) {
        assertThat(shipped().of(List.of(hosts.split(";"))).name()).isEqualTo(provider);
    }

    static List<String[]> senseless() {
        String begin = "name = a, code = 421, class = throttled";
        return List.of(
                new String[]{begin + ", action = suspend, scope = source", "needs an end"},
                new String[]{"name = a, class = throttled", "needs code, status or words"},
                new String[]{"name = a, code = 250, class = throttled", "must be such as 421"},
                new String[]{begin + ", status = 4.7.28", "subject and detail"},
                new String[]{"name = a, code = 421, class = trottled", "a class of replies"},
                new String[]{begin + ", action = slow, scope = source, for = 1h", "a rate"},
                new String[]{begin + ", for = 1h", "does nothing that lasts"},
                new String[]{begin + ", action = suspend, scope = message, for = 1h",
                        "a scope that lasts"},
                new String[]{begin + ", match = [\"451 no\"]", "does not match: 451 no"},
                new String[]{begin + ", no-match = [\"421 yes\"]", "though it must not"},
                new String[]{begin + ", match = [\"nonsense\"]", "is no SMTP reply"},
                new String[]{begin + ", trigger = often", "how often in which time"},
                new String[]{begin + ", wordz = x", "did you mean words?"},
                new String[]{begin + ", words = \"ask help@x.test\"", "must not have an"},
                new String[]{"name = \"a b\", code = 421, class = throttled",
                        "name without blanks"});
    }

    @ParameterizedTest
    @MethodSource("senseless")
    void rule_thatMakesNoSense_isAProblemThatSaysWhy(String rule, String why) {
        ConfigSource source = ConfigSource.ofText("hostname = mta.example.com\n"
                + "providers { x { match-mx = [\"*.x.test\"], rules = [ { " + rule + " } ] } }");
        DeliveryConfig.from(source.root(), "mta.example.com");
        assertThatThrownBy(source::finish).isInstanceOfSatisfying(ConfigException.class,
                wrong -> assertThat(wrong.problems()).anySatisfy(problem -> assertThat(
                        problem.text()).contains("providers.x").contains(why)));
    }
}
