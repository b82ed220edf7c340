// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.TXTRecord;

/** Policy files and their DNS records as strangers write them. */
class StsPolicyTest {

    @Test
    void parse_wholePolicy_isRead() {
        StsPolicy policy = StsPolicy.parse("""
                version: STSv1
                mode:enforce
                mx: MX.d.test
                mx: *.e.test
                max_age: 604800
                later: whatever

                """.replace("\n", "\r\n"));
        assertThat(policy).isEqualTo(new StsPolicy(StsPolicy.Mode.ENFORCE,
                List.of("mx.d.test", "*.e.test"), 604_800));
        assertThat(policy.allows("mx.d.test")).isTrue();
        assertThat(policy.allows("a.e.test")).isTrue();
        assertThat(policy.allows("e.test")).isFalse();
        assertThat(policy.allows("b.a.e.test")).isFalse();
        assertThat(StsPolicy.parse(policy.text())).isEqualTo(policy);
    }

    @Test
    void parse_longAge_isBounded() {
        assertThat(StsPolicy.parse("""
                version: STSv1
                mode: testing
                mx: a.test
                max_age: 9999999999
                """).maxAgeSeconds()).isEqualTo(StsPolicy.LONGEST_SECONDS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "mode: enforce\nmx: a.test\nmax_age: 1",
            "version: STSv2\nmode: enforce\nmx: a.test\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmax_age: 1",
            "version: STSv1\nmode: strict\nmx: a.test\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmx: a.test",
            "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1",
            "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 99999999999",
            "version: STSv1\nmode: enforce\nmx: a test\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmx: *.\nmax_age: 1",
            "<html>\n<body>not found</body>\n</html>"})
    void parse_brokenPolicy_isRefused(String text) {
        assertThatThrownBy(() -> StsPolicy.parse(text)).isInstanceOf(
                IllegalArgumentException.class);
    }

    @Test
    void parse_endlessPolicy_isRefused() {
        assertThatThrownBy(() -> StsPolicy.parse("x: y\n".repeat(2000))).isInstanceOf(
                IllegalArgumentException.class);
    }

    private static List<Record> txt(String... texts) throws Exception {
        List<Record> records = new java.util.ArrayList<>();
        for (String text : texts) {
            records.add(new TXTRecord(Name.fromString("_mta-sts.d.test."), DClass.IN, 60, text));
        }
        return records;
    }

    @Test
    void id_oneSoundRecord_isRead() throws Exception {
        assertThat(StsRecord.id(txt("v=STSv1; id=20261128T000000Z; x=y", "v=spf1 -all")))
                .contains("20261128T000000Z");
        assertThat(StsRecord.id(txt("v=STSv1; id=1", "v=STSv1; id=2"))).isEmpty();
        assertThat(StsRecord.id(txt("v=STSv1; id=" + "1".repeat(33)))).isEmpty();
        assertThat(StsRecord.id(txt("v=STSv1; id=a b"))).isEmpty();
        assertThat(StsRecord.id(txt("v=STSv10; id=1"))).isEmpty();
        assertThat(StsRecord.id(txt())).isEmpty();
    }
}
