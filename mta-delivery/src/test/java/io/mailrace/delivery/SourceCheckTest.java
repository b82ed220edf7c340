// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Finding.Publish;
import io.mailrace.delivery.Finding.Severity;
import io.mailrace.delivery.SourceCheck.Report;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

class SourceCheckTest {
    private static final String PLAIN = "sources { a { address = 192.0.2.10, ehlo = mta.test } }";
    private TestDns dns = unset();

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // set before each test
    private static <T> T unset() {
        return null;
    }

    /** As it should be for {@link #PLAIN} and senders of d.test. */
    @BeforeEach
    void start() throws IOException {
        dns = new TestDns();
        dns.ptr("192.0.2.10", "mta.test").a("mta.test", "192.0.2.10")
                .moreTxt("mta.test", "v=spf1 a -all")
                .moreTxt("d.test", "v=spf1 ip4:192.0.2.10 -all").moreTxt("d.test", "other");
    }

    @AfterEach
    void stop() {
        dns.close();
    }

    private Report check(String sources, String... domains) {
        DeliveryConfig config = DeliveryConfig.from(ConfigSource.ofText(sources
                + "\ndns { servers = [\"" + dns.address() + "\"], timeout = 500ms, tries = 1 }")
                .root(), "host.test");
        return SourceCheck.of(new DnsClient(config.dns(), new Metrics()), TimeSource.system(),
                config.sources().values().iterator().next(), List.of(domains)).join();
    }

    private static Finding only(Report report, String check) {
        List<Finding> found = report.findings().stream().filter(one -> one.check().equals(check))
                .toList();
        assertThat(found).as("%s in %s", check, report).hasSize(1);
        return found.getFirst();
    }

    @Test
    void of_everythingInOrder_isOk() {
        Report report = check(PLAIN, "d.test");
        assertThat(report.worst()).isEqualTo(Severity.OK);
        assertThat(report.findings()).extracting(Finding::text).containsExactly(
                "The EHLO name mta.test leads to 192.0.2.10.",
                "192.0.2.10 has the PTR name mta.test.",
                "The PTR name mta.test leads back to 192.0.2.10.",
                "The EHLO name is the PTR name.",
                "SPF of the EHLO name passes for 192.0.2.10.",
                "SPF of d.test passes for 192.0.2.10, with 0 of 10 look-ups.");
    }

    @Test
    void of_publicAddress_isTheOneChecked() {
        Report report = check("sources { a { address = 10.0.0.5, public-address = 192.0.2.10"
                + ", ehlo = mta.test } }", "d.test");
        assertThat(report.addresses()).extracting("hostAddress").containsExactly("192.0.2.10");
        assertThat(report.worst()).isEqualTo(Severity.OK);
    }

    @Test
    void of_privateAddressOrSystemsChoice_isUnknown() {
        Report hidden = check("sources { a { address = 10.0.0.5, ehlo = mta.test } }", "d.test");
        assertThat(only(hidden, "address")).satisfies(one -> {
            assertThat(one.severity()).isEqualTo(Severity.UNKNOWN);
            assertThat(one.fix()).contains("Set sources.a.public-address to");
        });
        Report chosen = check("sources { a { ehlo = mta.test } }", "d.test", "none.test");
        assertThat(only(chosen, "address").text()).startsWith("The system chooses the address");
        assertThat(only(chosen, "ehlo").severity()).isEqualTo(Severity.OK);
        assertThat(chosen.findings()).extracting(Finding::text).contains(
                "d.test has an SPF record; whether it names our address cannot be told.",
                "none.test has no SPF record.");
        assertThat(check("sources { a { ehlo = gone.test } }").worst()).isEqualTo(Severity.FAIL);
    }

    @Test
    void of_noPtr_saysWhatToAskFor() {
        dns.forget("10.2.0.192.in-addr.arpa");
        Finding ptr = only(check(PLAIN), "ptr");
        assertThat(ptr.severity()).isEqualTo(Severity.FAIL);
        assertThat(ptr.fix()).isEqualTo("Ask the provider of 192.0.2.10 to set its PTR name"
                + " (reverse DNS) to mta.test, and to no other.");
    }

    @Test
    void of_ptrThatDoesNotLeadBack_fails() {
        dns.forget("10.2.0.192.in-addr.arpa");
        dns.ptr("192.0.2.10", "other.test").a("other.test", "192.0.2.11");
        Finding forward = only(check(PLAIN), "forward");
        assertThat(forward.severity()).isEqualTo(Severity.FAIL);
        assertThat(forward.publish()).containsExactly(new Publish("other.test", "A",
                "192.0.2.10"));
    }

    @Test
    void of_ptrOfAnotherName_warns_ofSeveralNames_warns() {
        dns.forget("10.2.0.192.in-addr.arpa");
        dns.ptr("192.0.2.10", "other.test").a("other.test", "192.0.2.10");
        assertThat(only(check(PLAIN), "ehlo-ptr").severity()).isEqualTo(Severity.WARN);
        dns.ptr("192.0.2.10", "mta.test");
        Report several = check(PLAIN);
        assertThat(only(several, "ptr").text()).startsWith("192.0.2.10 has 2 PTR names: ");
        assertThat(only(several, "ehlo-ptr").severity()).isEqualTo(Severity.OK);
    }

    @Test
    void of_ehloThatDoesNotLeadHere_fails() {
        dns.forget("mta.test");
        Report report = check(PLAIN);
        assertThat(only(report, "ehlo").publish()).containsExactly(new Publish("mta.test", "A",
                "192.0.2.10"));
        assertThat(only(report, "spf-ehlo").severity()).isEqualTo(Severity.WARN);
        assertThat(only(check(PLAIN.replace("mta.test", "localhost")), "ehlo").text())
                .isEqualTo("The EHLO name localhost is not a full DNS name.");
    }

    @Test
    void of_ehloWhoseSpfRefuses_fails() {
        dns.forget("mta.test");
        dns.a("mta.test", "192.0.2.10").moreTxt("mta.test", "v=spf1 -all");
        Finding spf = only(check(PLAIN), "spf-ehlo");
        assertThat(spf.severity()).isEqualTo(Severity.FAIL);
        assertThat(spf.text()).contains("is fail for 192.0.2.10: no term before -all names");
        assertThat(spf.publish()).containsExactly(new Publish("mta.test", "TXT",
                "v=spf1 a -all"));
    }

    @Test
    void of_bothFamilies_areCheckedEach_spfTogether() {
        dns.ptr("2001:db8::10", "mta.test").a("mta.test", "2001:db8::10");
        Report report = check("sources { a { address = 192.0.2.10, address6 = \"2001:db8::10\""
                + ", ehlo = mta.test } }", "d.test");
        assertThat(report.findings()).filteredOn(one -> one.check().equals("ptr")).hasSize(2);
        assertThat(report.findings()).filteredOn(one -> one.check().equals("spf"))
                .extracting(Finding::severity).containsExactly(Severity.OK, Severity.FAIL);
        Finding six = report.findings().getLast();
        assertThat(six.publish()).containsExactly(new Publish("d.test", "TXT",
                "v=spf1 ip6:2001:db8:0:0:0:0:0:10 ip4:192.0.2.10 -all"));
        dns.forget("0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
        assertThat(check("sources { a { address = \"2001:db8::10\", ehlo = mta.test } }")
                .findings()).filteredOn(one -> one.check().equals("ptr")).first().satisfies(
                        one -> assertThat(one.fix()).contains("leave this IPv6 address out"));
    }

    @Test
    void of_senderWithoutSpf_orWithTwo_fails() {
        dns.moreTxt("two.test", "v=spf1 -all").moreTxt("two.test", "v=spf1 a -all")
                .moreTxt("bad.test", "v=spf1 ipv4:192.0.2.10 -all");
        Report report = check(PLAIN, "none.test", "two.test", "bad.test");
        assertThat(report.findings()).filteredOn(one -> one.check().equals("spf")).satisfies(
                all -> assertThat(all).extracting(Finding::severity)
                        .containsOnly(Severity.FAIL),
                all -> assertThat(all.getFirst().publish()).containsExactly(new Publish(
                        "none.test", "TXT", "v=spf1 ip4:192.0.2.10 -all")),
                all -> assertThat(all.get(1).text()).contains("has 2 SPF records"),
                all -> assertThat(all.get(2).text()).contains("; ip4 was meant"));
    }

    /** No kind of trouble with the DNS is a failure of the source. */
    @Test
    void of_dnsFailing_isUnknownNeverAFailure() {
        for (int rcode : List.of(Rcode.SERVFAIL, Rcode.REFUSED, TestDns.SILENT, TestDns.JUNK)) {
            for (String name : List.of("10.2.0.192.in-addr.arpa", "mta.test", "d.test",
                    "mta.test/" + Type.string(Type.A), "mta.test/" + Type.string(Type.TXT))) {
                dns.rcode(name, rcode);
                Report report = check(PLAIN, "d.test");
                assertThat(report.worst()).as("%s %d: %s", name, rcode, report.findings())
                        .isEqualTo(Severity.UNKNOWN);
                dns.forget(name);
                restore(name);
            }
        }
    }

    private void restore(String name) {
        if (name.endsWith(".arpa")) {
            dns.ptr("192.0.2.10", "mta.test");
        } else if (name.equals("mta.test")) {
            dns.a("mta.test", "192.0.2.10").moreTxt("mta.test", "v=spf1 a -all");
        } else if (name.equals("d.test")) {
            dns.moreTxt("d.test", "v=spf1 ip4:192.0.2.10 -all");
        }
    }
}
