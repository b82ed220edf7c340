// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.MxAnswer.MxHost;
import io.mailrace.delivery.MxAnswer.Undeliverable;
import io.mailrace.delivery.MxAnswer.Unknown;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

class MxResolverTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private TestDns dns;
    private MxResolver resolver;

    @BeforeEach
    void start() throws IOException {
        dns = new TestDns();
        resolver = resolver("");
    }

    @AfterEach
    void stop() {
        dns.close();
    }

    private MxResolver resolver(String more) {
        ConfigSource source = ConfigSource.ofText("dns { servers = [\"" + dns.address()
                + "\"], timeout = 300ms, tries = 2 }\n" + more);
        DeliveryConfig config = DeliveryConfig.from(source.root(), "mta.example.com");
        return new MxResolver(config, time, new Metrics());
    }

    private MxAnswer resolve(String destination) {
        return join(resolver.resolve(Destination.parse(destination)));
    }

    private static MxAnswer join(CompletableFuture<MxAnswer> answer) {
        return answer.orTimeout(10, TimeUnit.SECONDS).join();
    }

    private List<String> hosts(String destination) {
        MxAnswer answer = resolve(destination);
        assertThat(answer).isInstanceOf(Hosts.class);
        return ((Hosts) answer).hosts().stream().map(MxHost::name).toList();
    }

    private String never(String destination) {
        MxAnswer answer = resolve(destination);
        assertThat(answer).isInstanceOf(Undeliverable.class);
        return ((Undeliverable) answer).reply().statusOrUndefined().toString();
    }

    private String unknown(String destination) {
        MxAnswer answer = resolve(destination);
        assertThat(answer).isInstanceOf(Unknown.class);
        return ((Unknown) answer).reply().statusOrUndefined().toString();
    }

    @Test
    void resolve_severalHosts_areInOrderOfPreference() {
        dns.mx("d.test", 20, "b.test").mx("d.test", 10, "a.test").a("a.test", "198.51.100.1")
                .a("b.test", "198.51.100.2").a("b.test", "2001:db8::2");
        assertThat(hosts("d.test")).containsExactly("a.test", "b.test");
    }

    @Test
    void shuffled_equals_changePlacesButKeepPreference() {
        for (int i = 0; i < 4; i++) {
            dns.mx("d.test", i == 3 ? 20 : 10, "h" + i + ".test").a("h" + i + ".test",
                    "198.51.100." + i);
        }
        Hosts hosts = (Hosts) resolve("d.test");
        Set<String> first = new HashSet<>();
        Random random = new Random(7);
        for (int i = 0; i < 100; i++) {
            List<MxHost> order = hosts.shuffled(random);
            first.add(order.getFirst().name());
            assertThat(order.getLast().name()).isEqualTo("h3.test");
        }
        assertThat(first).containsExactlyInAnyOrder("h0.test", "h1.test", "h2.test");
        assertThat(hosts.names()).isEqualTo("h0.test,h1.test,h2.test,h3.test");
    }

    @Test
    void resolve_noMx_addressIsImplicitMx() {
        dns.a("d.test", "198.51.100.1");
        assertThat(hosts("d.test")).containsExactly("d.test");
    }

    @Test
    void resolve_onlyAaaa_isUsed() {
        dns.mx("d.test", 10, "a.test").a("a.test", "2001:db8::1");
        assertThat(hosts("d.test")).containsExactly("a.test");
    }

    @Test
    void resolve_aaaaFails_aIsUsed() {
        dns.mx("d.test", 10, "a.test").a("a.test", "198.51.100.1").rcode("a.test/AAAA",
                Rcode.SERVFAIL);
        assertThat(hosts("d.test")).containsExactly("a.test");
    }

    @Test
    void resolve_someHostsWithoutAddress_othersAreUsed() {
        dns.mx("d.test", 10, "gone.test").mx("d.test", 20, "a.test").a("a.test", "198.51.100.1");
        assertThat(hosts("d.test")).containsExactly("a.test");
    }

    @Test
    void resolve_noSuchDomain_bounces() {
        assertThat(never("none.test")).isEqualTo("5.1.2");
    }

    @Test
    void resolve_noMxAndNoAddress_bounces() {
        dns.mx("other.test", 1, "x.test").rcode("empty.test", Rcode.NOERROR);
        assertThat(never("empty.test")).isEqualTo("5.4.4");
    }

    @Test
    void resolve_nullMx_bounces() {
        dns.mx("d.test", 0, ".");
        assertThat(never("d.test")).isEqualTo("5.1.10");
    }

    @ParameterizedTest
    @ValueSource(ints = {Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP, Rcode.FORMERR,
            TestDns.SILENT, TestDns.JUNK, TestDns.OTHER_QUESTION})
    void resolve_serverFails_isDeferred(int rcode) {
        dns.mx("d.test", 10, "a.test").a("a.test", "198.51.100.1").rcode("d.test", rcode);
        assertThat(unknown("d.test")).isEqualTo("4.4.3");
    }

    @Test
    void resolve_hostLookupFails_isDeferredNotBounced() {
        dns.mx("d.test", 10, "a.test").rcode("a.test", Rcode.SERVFAIL);
        assertThat(unknown("d.test")).isEqualTo("4.4.3");
    }

    @Test
    void resolve_aliases_areFollowedToABound() {
        dns.cname("d.test", "e.test").mx("e.test", 10, "a.test").a("a.test", "198.51.100.1");
        assertThat(hosts("d.test")).containsExactly("a.test");
        dns.cname("loop.test", "loop.test");
        assertThat(unknown("loop.test")).isEqualTo("4.4.3");
        for (int i = 0; i < 9; i++) {
            dns.cname("c" + i + ".test", "c" + (i + 1) + ".test");
        }
        dns.mx("c9.test", 10, "a.test");
        assertThat(hosts("c1.test")).containsExactly("a.test");
        assertThat(unknown("c0.test")).isEqualTo("4.4.3");
    }

    @Test
    void resolve_ourselvesInTheSet_isCutThere() {
        dns.mx("d.test", 10, "a.test").mx("d.test", 20, "MTA.example.com").mx("d.test", 30,
                "b.test").a("a.test", "198.51.100.1").a("b.test", "198.51.100.2");
        assertThat(hosts("d.test")).containsExactly("a.test");
        dns.mx("l.test", 10, "mta.example.com").mx("l.test", 20, "b.test");
        assertThat(never("l.test")).isEqualTo("5.4.6");
    }

    @Test
    void resolve_ownAddressInTheSet_isALoop() {
        resolver = resolver("sources { s { address = \"198.51.100.77\" } }");
        dns.mx("d.test", 10, "a.test").a("a.test", "198.51.100.77");
        assertThat(never("d.test")).isEqualTo("5.4.6");
    }

    @Test
    void resolve_literalOfOurOwn_isALoop() {
        resolver = resolver("sources { s { address = \"198.51.100.77\" } }");
        assertThat(never("[198.51.100.77]")).isEqualTo("5.4.6");
        resolver = resolver("sources { s { address = \"198.51.100.77\" } }\n"
                + "delivery { allow-destinations = [\"198.51.100.77\"] }");
        assertThat(hosts("[198.51.100.77]")).containsExactly("[198.51.100.77]");
    }

    @Test
    void resolve_noHostHasAnAddress_isKeptAsLongAsThatOnly() {
        dns.ttl(3600);
        dns.mx("d.test", 10, "a.test");
        dns.ttl(10);
        assertThat(never("d.test")).isEqualTo("5.4.4");
        dns.a("a.test", "198.51.100.1");
        time.advance(Duration.ofSeconds(11));
        assertThat(hosts("d.test")).containsExactly("a.test");
    }

    @Test
    void resolve_ownAddressForAMoment_isALoopAsLongAsThatOnly() {
        resolver = resolver("sources { s { address = \"198.51.100.77\" } }");
        dns.ttl(3600);
        dns.mx("d.test", 10, "a.test");
        dns.ttl(10);
        dns.a("a.test", "198.51.100.77");
        assertThat(never("d.test")).isEqualTo("5.4.6");
        dns.forget("a.test");
        dns.a("a.test", "198.51.100.1");
        time.advance(Duration.ofSeconds(11));
        assertThat(hosts("d.test")).containsExactly("a.test");
    }

    @Test
    void resolve_oneFamilyFailsOtherIsPrivate_isDeferredNotBounced() {
        dns.mx("d.test", 10, "a.test").a("a.test", "10.0.0.1").rcode("a.test/AAAA",
                Rcode.SERVFAIL);
        assertThat(unknown("d.test")).isEqualTo("4.4.3");
    }

    @ParameterizedTest
    @CsvSource({"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
            "100.64.0.1", "0.0.0.0", "::1", "fe80::1", "fd00::1", "224.0.0.1", "64:ff9b::a00:1"})
    void resolve_addressNotPublic_isRefusedUnlessAllowed(String address) {
        dns.mx("d.test", 10, "a.test").a("a.test", address);
        MxAnswer refused = resolve("d.test");
        assertThat(((Undeliverable) refused).reply().toString()).contains("5.4.4",
                "delivery.allow-destinations");
        resolver = resolver("delivery { allow-destinations = [\"" + address + "\"] }");
        assertThat(hosts("d.test")).containsExactly("a.test");
    }

    @Test
    void resolve_somePublicAddresses_onlyThoseAreUsed() {
        dns.mx("d.test", 10, "a.test").a("a.test", "10.0.0.1").a("a.test", "198.51.100.1");
        Hosts hosts = (Hosts) resolve("d.test");
        assertThat(hosts.hosts().getFirst().addresses()).hasSize(1);
        assertThat(hosts.hosts().getFirst().addresses().getFirst().getHostAddress())
                .isEqualTo("198.51.100.1");
    }

    @Test
    void resolve_literal_needsNoDns() {
        assertThat(hosts("[198.51.100.5]")).containsExactly("[198.51.100.5]");
        assertThat(never("[127.0.0.1]")).isEqualTo("5.4.4");
        assertThat(hosts("[ipv6:2001:db8::5]")).hasSize(1);
    }

    @Test
    void resolve_smartHost_skipsMxAndMayBePrivate() {
        assertThat(hosts("smtp://127.0.0.1:2525")).containsExactly("127.0.0.1");
        dns.a("relay.test", "10.0.0.9").mx("relay.test", 10, "other.test");
        assertThat(hosts("smtp://relay.test:25")).containsExactly("relay.test");
        assertThat(unknown("smtp://gone.test:25")).isEqualTo("4.4.3");
        assertThat(unknown("smtp://:25")).isEqualTo("4.3.5");
    }

    @Test
    void resolve_again_isAnsweredFromTheCacheUntilTheTtl() {
        dns.ttl(60);
        dns.mx("d.test", 10, "a.test").a("a.test", "198.51.100.1");
        resolve("d.test");
        resolve("d.test");
        assertThat(dns.asked("d.test", Type.MX)).isEqualTo(1);
        time.advance(Duration.ofSeconds(61));
        resolve("d.test");
        assertThat(dns.asked("d.test", Type.MX)).isEqualTo(2);
    }

    @Test
    void resolve_negative_isCachedForTheSoaMinimum() {
        dns.ttl(30);
        assertThat(never("none.test")).isEqualTo("5.1.2");
        never("none.test");
        assertThat(dns.asked("none.test", Type.MX)).isEqualTo(1);
        time.advance(Duration.ofSeconds(31));
        dns.a("none.test", "198.51.100.1");
        assertThat(hosts("none.test")).hasSize(1);
    }

    @Test
    void resolve_failsAfterTheTtl_usesTheOldAnswer() {
        dns.mx("d.test", 10, "a.test").a("a.test", "198.51.100.1");
        resolve("d.test");
        time.advance(Duration.ofHours(2));
        dns.rcode("d.test", Rcode.SERVFAIL);
        assertThat(hosts("d.test")).containsExactly("a.test");
    }

    @Test
    void resolve_manyAtOnce_asksOnce() {
        dns.mx("d.test", 10, "a.test").a("a.test", "198.51.100.1");
        List<CompletableFuture<MxAnswer>> all = new java.util.ArrayList<>();
        for (int i = 0; i < 50; i++) {
            all.add(resolver.resolve(new Destination.Domain("d.test")));
        }
        all.forEach(one -> assertThat(join(one)).isInstanceOf(Hosts.class));
        assertThat(dns.asked("d.test", Type.MX)).isEqualTo(1);
    }

    @Test
    void resolve_moreThanTheBoundOfQueries_allAreAnswered() {
        resolver = resolver("dns { concurrent-queries = 2 }");
        List<CompletableFuture<MxAnswer>> all = new java.util.ArrayList<>();
        for (int i = 0; i < 100; i++) {
            dns.mx("d" + i + ".test", 10, "h" + i + ".test").a("h" + i + ".test",
                    "198.51.100.1");
            all.add(resolver.resolve(new Destination.Domain("d" + i + ".test")));
        }
        all.forEach(one -> assertThat(join(one)).isInstanceOf(Hosts.class));
    }

    @Test
    void resolve_hundredsOfHosts_isBounded() {
        for (int i = 0; i < 60; i++) {
            dns.mx("d.test", i, "h" + i + ".test").a("h" + i + ".test", "198.51.100." + i);
        }
        // 60 MX records do not fit a datagram of 4096 bytes without compression; they do with it
        assertThat(hosts("d.test")).hasSize(MxResolver.MAX_HOSTS).startsWith("h0.test");
    }
}
