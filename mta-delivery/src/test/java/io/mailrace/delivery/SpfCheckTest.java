// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.SpfCheck.Verdict;
import io.mailrace.delivery.SpfCheck.Word;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.Rcode;

/** One domain, d.test, with a record; hosts and further records are the same in each case. */
class SpfCheckTest {
    private static final String DOMAIN = "d.test";
    private TestDns dns = unset();

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // set before each test
    private static <T> T unset() {
        return null;
    }

    @BeforeEach
    void start() throws IOException {
        dns = new TestDns();
        dns.a("h.test", "192.0.2.1").a("h.test", "2001:db8::1").a("mx1.test", "192.0.2.11")
                .a("mx2.test", "192.0.2.12")
                .a("mx2.test", "2001:db8::12").cname("alias.test", "h.test");
        dns.txt("pass.test", "v=spf1 +all").txt("fail.test", "v=spf1 -all")
                .txt("soft.test", "v=spf1 ~all").txt("neutral.test", "v=spf1 ?all")
                .txt("one.test", "v=spf1 ip4:192.0.2.1 -all")
                .txt("deep.test", "v=spf1 include:one.test -all")
                .txt("bad.test", "v=spf1 ipv4:192.0.2.1 -all")
                .txt("maybe.test", "v=spf1 exists:%{i}.x.test -all")
                .txt("loop.test", "v=spf1 include:loop.test -all")
                .txt("twice.test", "v=spf1 -all").moreTxt("twice.test", "v=spf1 +all")
                .txt("other.test", "hello").rcode("broken.test", Rcode.SERVFAIL)
                .txt("mxbad.test", "v=spf1 mx -all").mx("mxbad.test", 1, "broken.test");
        IntStream.range(0, 11).forEach(i -> dns.mx("many.test", i, "mx" + i + ".many.test"));
    }

    @AfterEach
    void stop() {
        dns.close();
    }

    /** The domain has that record from now on. */
    private void publish(String record) {
        dns.forget(DOMAIN);
        dns.a(DOMAIN, "192.0.2.80").a(DOMAIN, "2001:db8::80").mx(DOMAIN, 10, "mx1.test")
                .mx(DOMAIN, 20, "mx2.test").moreTxt(DOMAIN, record);
    }

    private Verdict verdict(String domain, String address) {
        InetAddress ip = Cidr.parseAddress(address).orElseThrow();
        return new SpfCheck(look(dns)).of(domain, ip);
    }

    static DnsLook look(TestDns dns) {
        DeliveryConfig config = DeliveryConfig.from(ConfigSource.ofText(
                "dns { servers = [\"" + dns.address() + "\"], timeout = 2s, tries = 1 }").root(),
                "mta.test");
        return new DnsLook(new DnsClient(config.dns(), new Metrics()), TimeSource.system(),
                Duration.ofSeconds(20));
    }

    @ParameterizedTest(name = "{0} {1} -> {2}")
    @CsvSource(delimiter = '|', value = {
            "v=spf1 ip4:192.0.2.1 -all | 192.0.2.1 | PASS | it matches ip4:192.0.2.1",
            "V=SPF1 IP4:192.0.2.1 -ALL | 192.0.2.1 | PASS | it matches IP4",
            "v=spf1 ip4:192.0.2.1 -all | 192.0.2.2 | FAIL | no term before -all names",
            "v=spf1 ip4:192.0.2.0/24 -all | 192.0.2.200 | PASS | ip4:192.0.2.0/24",
            "v=spf1 ip4:192.0.2.0/25 ~all | 192.0.2.200 | SOFTFAIL | ~all",
            "v=spf1 ip4:0.0.0.0/0 -all | 203.0.113.9 | PASS | ip4:0.0.0.0/0",
            "v=spf1 ip4:192.0.2.1 -all | 2001:db8::1 | FAIL | -all",
            "v=spf1 ip6:2001:db8::/32 -all | 2001:db8:5::9 | PASS | ip6:2001:db8::/32",
            "v=spf1 ip6:2001:db8::1 -all | 2001:db8::2 | FAIL | -all",
            "v=spf1 ip6:::ffff:192.0.2.1 -all | 2001:db8::2 | FAIL | -all",
            "v=spf1 -ip4:192.0.2.1 +all | 192.0.2.1 | FAIL | it matches -ip4:192.0.2.1",
            "v=spf1 ?ip4:192.0.2.1 -all | 192.0.2.1 | NEUTRAL | ?ip4",
            "v=spf1 ?all | 192.0.2.1 | NEUTRAL | ?all",
            "v=spf1 | 192.0.2.1 | NEUTRAL | no term names the address",
            "v=spf1 ip4:192.0.2.9 | 192.0.2.1 | NEUTRAL | no term names the address",
            "v=spf1 a -all | 192.0.2.80 | PASS | it matches a",
            "v=spf1 a -all | 2001:db8::80 | PASS | it matches a",
            "v=spf1 a:h.test -all | 192.0.2.1 | PASS | a:h.test",
            "v=spf1 a:h.test/28 -all | 192.0.2.14 | PASS | a:h.test/28",
            "v=spf1 a:h.test/32//64 -all | 2001:db8::9999 | PASS | a:h.test/32//64",
            "v=spf1 a:h.test//64 -all | 192.0.2.2 | FAIL | -all",
            "v=spf1 a:alias.test -all | 192.0.2.1 | PASS | a:alias.test",
            "v=spf1 a:none.test -all | 192.0.2.1 | FAIL | -all",
            "v=spf1 mx -all | 192.0.2.12 | PASS | it matches mx",
            "v=spf1 mx -all | 2001:db8::12 | PASS | it matches mx",
            "v=spf1 mx:d.test/24 -all | 192.0.2.99 | PASS | mx:d.test/24",
            "v=spf1 mx -all | 192.0.2.13 | FAIL | -all",
            "v=spf1 mx:many.test -all | 192.0.2.1 | PERMERROR | more than 10 MX hosts",
            "v=spf1 mx:mxbad.test -all | 192.0.2.1 | TEMPERROR | broken.test are not known",
            "v=spf1 include:one.test -all | 192.0.2.1 | PASS | in include:one.test, it matches ip4",
            "v=spf1 include:deep.test -all | 192.0.2.1 | PASS | in include:deep.test, in include:",
            "v=spf1 include:fail.test ~all | 192.0.2.1 | SOFTFAIL | ~all",
            "v=spf1 include:soft.test include:neutral.test -all | 192.0.2.1 | FAIL | -all",
            "v=spf1 -include:pass.test +all | 192.0.2.1 | FAIL | in -include:pass.test",
            "v=spf1 include:none.test -all | 192.0.2.1 | PERMERROR | none.test has no SPF record",
            "v=spf1 include:bad.test -all | 192.0.2.1 | PERMERROR | ip4 was meant",
            "v=spf1 include:broken.test -all | 192.0.2.1 | TEMPERROR | TXT records of broken.test",
            "v=spf1 include:twice.test -all | 192.0.2.1 | PERMERROR | has 2 SPF records",
            "v=spf1 include:loop.test -all | 192.0.2.1 | PERMERROR | more than 10 look-ups",
            "v=spf1 redirect=one.test | 192.0.2.1 | PASS | ip4:192.0.2.1",
            "v=spf1 redirect=one.test | 192.0.2.2 | FAIL | -all",
            "v=spf1 redirect=none.test | 192.0.2.2 | PERMERROR | none.test has no SPF record",
            "v=spf1 redirect=pass.test -all | 192.0.2.2 | FAIL | -all",
            "v=spf1 redirect=one.test ip4:192.0.2.7 | 192.0.2.7 | PASS | ip4:192.0.2.7",
            "v=spf1 a:n1.test a:n2.test -all | 192.0.2.1 | FAIL | -all",
            "v=spf1 a:n1.test a:n2.test mx:n3.test -all | 192.0.2.1 | PERMERROR | more than 2",
            "v=spf1 a:n1.test a:n2.test ip4:192.0.2.1 a:n3.test | 192.0.2.1 | PASS | ip4",
            "v=spf1 a:broken.test ip4:192.0.2.1 | 192.0.2.1 | TEMPERROR | not known: SERVFAIL",
            "v=spf1 ip4:192.0.2.1 a:broken.test | 192.0.2.1 | PASS | ip4:192.0.2.1",
            "v=spf1 x-new=%{d} moo=1 ip4:192.0.2.1 -all | 192.0.2.1 | PASS | ip4",
            "v=spf1 exp=why.test -all | 192.0.2.1 | FAIL | -all",
            "v=spf1 exists:x.test ip4:192.0.2.1 -all | 192.0.2.1 | PASS | ip4",
            "v=spf1 ptr ?all include:pass.test | 192.0.2.1 | ? | it depends on the mail: ptr",
            "v=spf1 include:maybe.test -all | 192.0.2.1 | ? | exists:%{i}.x.test",
            "v=spf1 include:%{d}.x.test +all | 192.0.2.1 | PASS | +all",
            "v=spf1 redirect=%{d}.x.test | 192.0.2.1 | ? | redirect=%{d}.x.test"})
    void of_record_isEvaluatedAsReceiversDo(String record, String address, String word,
            String why) {
        publish(record);
        Verdict verdict = verdict(DOMAIN, address);
        assertThat(verdict.why()).contains(why);
        if (word.equals("?")) {
            assertThat(verdict.unknown()).isTrue();
            assertThat(verdict.possible()).hasSizeGreaterThan(1);
        } else {
            assertThat(verdict.possible()).containsExactly(Word.valueOf(word));
        }
        assertThat(verdict.record()).isEqualTo(record);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"v=spf1 ip4:192.0.2 -all | \"ip4:192.0.2\" does not have",
            "v=spf1 ip4:192.0.2.1/33 -all | does not have an IPv4 address",
            "v=spf1 ip4:192.0.2.1/08 -all | does not have an IPv4 address",
            "v=spf1 ip4 -all | does not have an IPv4 address",
            "v=spf1 ip4:2001:db8::1 -all | does not have an IPv4 address",
            "v=spf1 ip6:192.0.2.1 -all | does not have an IPv6 address",
            "v=spf1 ip6:2001:db8::/129 -all | does not have an IPv6 address",
            "v=spf1 ipv6:2001:db8:: -all | ip6 was meant",
            "v=spf1 all:x.test | must have nothing after all",
            "v=spf1 include -all | \"include\" does not name a domain",
            "v=spf1 include:localhost -all | does not name a domain",
            "v=spf1 include:a.123 -all | does not name a domain",
            "v=spf1 a:/24 -all | does not name a domain",
            "v=spf1 a/33 -all | prefix length", "v=spf1 a//129 -all | prefix length",
            "v=spf1 mx:bad%x.test -all | does not name a domain",
            "v=spf1 redirect=a.test redirect=b.test | is there twice",
            "v=spf1 ip4:192.0.2.1 — all | characters that are not allowed",
            "v=spf1 ip4:192.0.2.1, -all | does not have an IPv4 address",
            "v=spf1 +redirect=a.test | is not a term of SPF",
            "v=spf1 -all- | is not a term of SPF", "v=spf1 %all | is not a term of SPF",
            "v=spf1 x=%y -all | has a stray %"})
    void of_wrongTerm_isAPermanentErrorThatNamesIt(String record, String why) {
        publish(record);
        Verdict verdict = verdict(DOMAIN, "192.0.2.1");
        assertThat(verdict.possible()).containsExactly(Word.PERMERROR);
        assertThat(verdict.why()).contains(why);
    }

    @Test
    void of_noneOrSeveralRecords_isSaid() {
        assertThat(verdict("other.test", "192.0.2.1").possible()).containsExactly(Word.NONE);
        assertThat(verdict("gone.test", "192.0.2.1").possible()).containsExactly(Word.NONE);
        dns.txt("close.test", "v=spf10 +all");
        assertThat(verdict("close.test", "192.0.2.1").possible()).containsExactly(Word.NONE);
        Verdict twice = verdict("twice.test", "192.0.2.1");
        assertThat(twice.possible()).containsExactly(Word.PERMERROR);
        assertThat(twice.record()).isEmpty();
        assertThat(verdict("broken.test", "192.0.2.1").unknown()).isTrue();
    }

    /** Terms that look something up count wherever they stand; addresses of MX hosts do not. */
    @Test
    void of_tenLookUps_areAllowed_elevenAreNot() {
        String ten = "v=spf1 " + String.join(" ", Stream.generate(() -> "a:h.test").limit(9)
                .toList());
        publish(ten + " mx -all");
        assertThat(verdict(DOMAIN, "203.0.113.1").possible()).containsExactly(Word.FAIL);
        assertThat(verdict(DOMAIN, "192.0.2.12")).extracting(Verdict::passes, Verdict::lookUps)
                .containsExactly(true, 10);
        publish(ten + " mx include:one.test -all");
        Verdict eleven = verdict(DOMAIN, "203.0.113.1");
        assertThat(eleven.possible()).containsExactly(Word.PERMERROR);
        assertThat(eleven.why()).contains("more than 10 look-ups, include:one.test is one too");
        assertThat(verdict(DOMAIN, "192.0.2.1").passes()).isTrue();
    }
}
