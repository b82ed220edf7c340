// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigSource;
import java.lang.reflect.RecordComponent;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DeliveryConfigTest {

    private static DeliveryConfig read(String text) {
        ConfigSource source = ConfigSource.ofText(text);
        return DeliveryConfig.from(source.root(), "mta.example.com");
    }

    private static void finish(String text) {
        ConfigSource source = ConfigSource.ofText(text);
        DeliveryConfig.from(source.root(), "mta.example.com");
        source.finish();
    }

    private static Set<String> keys(String section) {
        Config own = ConfigFactory.parseURL(ownReference());
        return own.getConfig(section).root().keySet();
    }

    private static URL ownReference() {
        try {
            return Collections.list(DeliveryConfigTest.class.getClassLoader().getResources(
                    "reference.conf")).stream().filter(url -> url.toString().contains(
                            "mta-delivery/target/classes"))
                    .findFirst().orElseThrow();
        } catch (java.io.IOException unreadable) {
            throw new java.io.UncheckedIOException(unreadable);
        }
    }

    private static Set<String> components(Class<?> record) {
        return Arrays.stream(record.getRecordComponents()).map(RecordComponent::getName)
                .map(DeliveryConfigTest::dashed).collect(Collectors.toCollection(TreeSet::new));
    }

    private static String dashed(String name) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            text.append(c >= 'A' && c <= 'Z' ? "-" + Ascii.lower(c) : String.valueOf(c));
        }
        return text.toString();
    }

    @Test
    void reference_keys_areTheRecordsComponents() throws URISyntaxException {
        assertThat(Path.of(ownReference().toURI())).exists();
        Set<String> delivery = components(DeliveryConfig.Settings.class);
        delivery.remove("peer-tls");
        delivery.addAll(Set.of("dane", "mta-sts", "tls-authorities"));
        assertThat(keys("delivery")).containsExactlyInAnyOrderElementsOf(delivery);
        assertThat(keys("delivery.mta-sts")).containsExactlyInAnyOrder("enabled", "port",
                "timeout");
        assertThat(keys("delivery.timeouts")).containsExactlyInAnyOrderElementsOf(components(
                DeliveryTimeouts.class));
        assertThat(keys("dns")).containsExactlyInAnyOrderElementsOf(components(DnsConfig.class));
        Set<String> source = components(SourceConfig.class);
        source.removeAll(Set.of("name", "bounds"));
        source.addAll(Set.of("connections", "rate", "connection-rate"));
        assertThat(keys("source-defaults")).containsExactlyInAnyOrderElementsOf(source);
        assertThat(keys("source-defaults.warmup")).containsExactlyInAnyOrderElementsOf(
                components(WarmupConfig.Joined.class));
        Set<String> plan = components(WarmupPlan.class);
        plan.removeAll(Set.of("name", "rules", "hours"));
        plan.addAll(components(WarmupPlan.Rules.class));
        plan.addAll(Set.of("per", "timezone", "sending-hours"));
        assertThat(keys("warmup.plan-defaults")).containsExactlyInAnyOrderElementsOf(plan);
        Set<String> pool = components(PoolConfig.class);
        pool.remove("name");
        assertThat(keys("pool-defaults")).containsExactlyInAnyOrderElementsOf(pool);
    }

    @Test
    void from_nothingSet_isTheReference() {
        DeliveryConfig config = read("");
        assertThat(config.delivery().port()).isEqualTo(25);
        assertThat(config.delivery().tls()).isEqualTo(TlsPolicy.OPPORTUNISTIC);
        assertThat(config.sources()).containsOnlyKeys("default");
        assertThat(config.sources().get("default")).extracting(SourceConfig::ehlo).isEqualTo(
                "mta.example.com");
        assertThat(config.pools()).containsOnlyKeys("default");
    }

    /** Each value changed from its default shows up, and in the record's text. */
    @ParameterizedTest
    @CsvSource({"delivery.port = 2525,port=2525", "delivery.tls = required,tls=REQUIRED",
            "delivery.connections = 100,connections=100",
            "delivery.connections-per-site = 3,connectionsPerSite=3",
            "delivery.messages-per-connection = 7,messagesPerConnection=7",
            "delivery.recipients-per-transaction = 9,recipientsPerTransaction=9",
            "delivery.idle-timeout = 3s,idleTimeout=PT3S",
            "delivery.pipelining = false,pipelining=false",
            "delivery.chunking = false,chunking=false",
            "delivery.signing-threads = 5,signingThreads=5",
            "delivery.park-first = 2s,parkFirst=PT2S", "delivery.park-max = 3m,parkMax=PT3M",
            "delivery.allow-destinations = [10.0.0.0/8],allowDestinations=[10.0.0.0/8]",
            "delivery.timeouts.connect = 1s,connect=PT1S",
            "delivery.timeouts.greeting = 1s,greeting=PT1S",
            "delivery.timeouts.ehlo = 1s,ehlo=PT1S", "delivery.timeouts.tls = 1s,tls=PT1S",
            "delivery.timeouts.mail = 1s,mail=PT1S", "delivery.timeouts.rcpt = 1s,rcpt=PT1S",
            "delivery.timeouts.data = 1s,data=PT1S",
            "delivery.timeouts.content = 1s,content=PT1S",
            "delivery.timeouts.end-of-data = 1s,endOfData=PT1S",
            "delivery.timeouts.quit = 1s,quit=PT1S", "dns.timeout = 1s,timeout=PT1S",
            "dns.tries = 4,tries=4", "dns.concurrent-queries = 6,concurrentQueries=6",
            "dns.cache-size = 8,cacheSize=8", "dns.min-ttl = 1s,minTtl=PT1S",
            "dns.max-ttl = 7m,maxTtl=PT7M",
            "dns.servers = [\"127.0.0.1:5353\"],servers=[/127.0.0.1:5353]",
            "sources.a.address = 192.0.2.1,/192.0.2.1", "sources.a.ehlo = a.test,ehlo=a.test",
            "sources.a.address6 = \"2001:db8::1\",address6=Optional[/2001:db8:0:0:0:0:0:1]",
            "sources.a.public-address = 192.0.2.7,publicAddress=Optional[/192.0.2.7]",
            "sources.a.public-address6 = \"2001:db8::7\",publicAddress6=Optional[/2001:db8",
            "sources.a.proxy = \"socks5://u:secret@h.test:1080\",Optional[socks5://h.test:1080]"})
    void from_valueChanged_isTaken(String line, String shows) {
        assertThat(read("").toString()).doesNotContain(shows);
        assertThat(read(line.replace("[10.0.0.0/8]", "[\"10.0.0.0/8\"]")).toString()).contains(
                shows);
    }

    @Test
    void from_poolsAndSources_areRead() {
        DeliveryConfig config = read("""
                sources { a { address = 192.0.2.1, ehlo = a.test }, b {} }
                pools { fast { sources { a = 1, b = 3 } } }
                """);
        assertThat(config.pools().keySet()).containsExactlyInAnyOrder("fast", "default");
        assertThat(config.pools().get("fast")).extracting(PoolConfig::sources).hasToString(
                "{a=1, b=3}");
        assertThat(config.pools().get("default")).extracting(PoolConfig::sources).hasToString(
                "{a=1, b=1}");
        assertThat(read("""
                sources { a {}, b {} }
                pools { fast { sources { a = 1 }, overflow = slow, sticky = false }
                  slow { sources { b = 1 } } }
                """).pools().get("fast")).isEqualTo(new PoolConfig("fast", Map.of("a", 1), "slow",
                false));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "delivery.port = 0 | delivery.port: must be 1 to 65535",
            "delivery.tls = maybe | must be one of: opportunistic, off, required",
            "delivery { connections = 5, connections-per-site = 6 } | must not exceed connections",
            "delivery { park-first = 2m, park-max = 1m } | park-first must not exceed park-max",
            "delivery.allow-destinations = [\"here\"] | an address or block such as 10.0.0.0/8",
            "delivery.timeouts.mial = 1s | did you mean mail",
            "dns.servers = [\"localhost\"] | an address or address:port",
            "dns { min-ttl = 2h } | min-ttl must not exceed max-ttl",
            "sources.a.address = eth0 | must be an address of this machine",
            "sources.a.ehlo = \"a b\" | ehlo must be a host name",
            "pools.fast.sources.x = 1 | there is no such source; known are: default",
            "pools.fast.sources.default = 0 | a source with a weight above 0",
            "sources.a.address6 = 192.0.2.1 | address6 must be an IPv6 address",
            "sources.a { address = \"::1\", address6 = \"::2\" } | are both IPv6",
            "sources.a { address = 192.0.2.1, public-address = \"::1\" } | of the family of",
            "sources.a.proxy = \"http://u:p@h:1\" | sources.a.proxy: must be socks5://host:port",
            "sources.a.proxy = \"socks5://h\" | must be socks5://host:port",
            "sources.a.proxy = \"socks5://u@h:1\" | must be socks5://host:port",
            "sources.a { address = 192.0.2.1, proxy = \"haproxy://u:p@h:1\" } | must be socks5",
            "sources.a.proxy = \"haproxy://h:1\" | address must be set",
            "pools.a { sources { default = 1 }, overflow = b } | there is no pool named b",
            "pools.a { sources { default = 1 }, overflow = a } | in a circle: a -> a"})
    void finish_badValue_saysWhatIsWrong(String line, String problem) {
        assertThatThrownBy(() -> finish(line)).isInstanceOf(ConfigException.class)
                .hasMessageContaining(problem);
    }

    @Test
    void finish_overflowsInACircle_saysWhich() {
        assertThatThrownBy(() -> finish("""
                pools { a { sources { default = 1 }, overflow = b }
                  b { sources { default = 1 }, overflow = c }
                  c { sources { default = 1 }, overflow = b } }
                """)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("in a circle: b -> c -> b")
                .hasMessageContaining("in a circle: c -> b -> c")
                .hasMessageNotContaining("circle: a");
    }

    /** Neither a problem nor the configuration as text shows it. */
    @Test
    void proxyPassword_isNeverShown() {
        String proxy = "sources.a.proxy = \"socks5://me%40x:se%3Acret@[::1]:1080\"";
        DeliveryConfig config = read(proxy);
        EgressProxy read = config.sources().values().iterator().next().proxy().orElseThrow();
        assertThat(read).isEqualTo(new EgressProxy(EgressProxy.Kind.SOCKS5, "::1", 1080, "me@x",
                "se:cret"));
        assertThat(config.toString()).contains("socks5://[::1]:1080").doesNotContain("cret");
        assertThatThrownBy(() -> finish("sources.a.proxy = \"socks4://me:secret@h:1\""))
                .isInstanceOf(ConfigException.class).hasMessageNotContaining("secret");
        assertThat(ConfigSource.ofText(proxy).show()).contains("socks5://me%40x:***@[::1]:1080")
                .doesNotContain("cret");
    }

    @ParameterizedTest
    @CsvSource({"smtp://10.0.0.9:2525,10.0.0.9,2525", "smtp://relay.test,relay.test,25",
            "smtp://[::1]:26,::1,26"})
    void parse_smartHost_isRead(String text, String host, int port) {
        assertThat(Destination.parse(text)).isEqualTo(new Destination.SmartHost(
                Destination.Protocol.SMTP, host, port));
    }

    @ParameterizedTest
    @CsvSource({"smtp://", "smtp://a:b", "smtp://a:0", "smtp://a:99999", "[nothing]",
            "smtp://[::1]x"})
    void parse_brokenDestination_isUnreadable(String text) {
        assertThat(Destination.parse(text)).isInstanceOf(Destination.Unreadable.class);
    }

    @Test
    void smartHost_inCapitals_isTheOneRoutesName() {
        assertThat(read("smart-hosts { \"smtp://Relay.Example.COM:587\" { tls = verified } }")
                .smartHost("smtp://relay.example.com:587").tls()).contains(TlsPolicy.VERIFIED);
    }

    @Test
    void smartHost_ofIpv6_keepsItsProtocol() {
        DeliveryConfig config = read("");
        for (String via : List.of("lmtp://[2001:db8::1]:24", "smtps://[2001:db8::1]:465")) {
            Destination.SmartHost host = (Destination.SmartHost) Destination.parse(via);
            SessionTerms.Hop hop = SessionTerms.Hop.of(new Site(host.site(), host.port(),
                    TlsDemand.of(TlsPolicy.OPPORTUNISTIC)), config);
            assertThat(hop.lmtp()).isEqualTo(via.startsWith("lmtp"));
            assertThat(hop.implicitTls()).isEqualTo(via.startsWith("smtps"));
        }
    }
}
