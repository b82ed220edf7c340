// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SourceWatchTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private final List<String> cameBack = new ArrayList<>();
    private final TestMachine machine = new TestMachine();

    /** A machine whose addresses come and go. */
    private static final class TestMachine implements SourceWatch.Machine {
        final Set<InetAddress> here = new HashSet<>();
        final Map<String, InetAddress> names = new HashMap<>();

        @Override
        public Set<InetAddress> addresses() {
            return Set.copyOf(here);
        }

        @Override
        public boolean binds(InetAddress address) {
            return address.isLoopbackAddress();
        }

        @Override
        public InetAddress find(String host) throws UnknownHostException {
            InetAddress found = names.get(host);
            if (found == null) {
                throw new UnknownHostException(host);
            }
            return found;
        }
    }

    private static InetAddress ip(String text) throws UnknownHostException {
        return InetAddress.getByName(text);
    }

    private EgressSource source(String config) {
        DeliveryConfig read = DeliveryConfig.from(ConfigSource.ofText("sources { a { " + config
                + " } }").root(), "mta.test");
        return new EgressSource(read.sources().values().iterator().next(), time);
    }

    private SourceWatch watch(EgressSource source) {
        return new SourceWatch(List.of(source), machine, cameBack::add);
    }

    @Test
    void look_addressGoesAndComes_sourceRestsAndResumes() throws IOException {
        EgressSource source = source("address = 192.0.2.1");
        try (SourceWatch watch = watch(source)) {
            String why = "source a: address 192.0.2.1 is not on this machine";
            watch.look();
            assertThat(source.resting()).isTrue();
            assertThat(source.whyResting()).isEqualTo(why);
            assertThat(source.fits(ip("198.51.100.1"))).isFalse();
            source.wake();
            time.advance(Duration.ofHours(1));
            assertThat(source.resting()).as("no wish and no time brings it back").isTrue();

            machine.here.add(ip("192.0.2.1"));
            watch.look();
            assertThat(source.resting()).isFalse();
            assertThat(source.fits(ip("198.51.100.1"))).isTrue();
            assertThat(cameBack).containsExactly(why);

            machine.here.clear();
            watch.look();
            assertThat(source.whyResting()).isEqualTo(why);
        }
    }

    @Test
    void look_oneFamilyIsMissing_theOtherIsUsed() throws IOException {
        machine.here.add(ip("192.0.2.1"));
        EgressSource source = source("address = 192.0.2.1, address6 = \"2001:db8::1\"");
        try (SourceWatch watch = watch(source)) {
            watch.look();
            assertThat(source.resting()).isFalse();
            assertThat(source.fits(ip("198.51.100.1"))).isTrue();
            assertThat(source.fits(ip("2001:db8::2"))).isFalse();
            assertThat(source.suits(ip("2001:db8::2"))).isTrue();
            assertThat(source.whyLacking()).isEqualTo(
                    "source a: address 2001:db8:0:0:0:0:0:1 is not on this machine");
            machine.here.clear();
            watch.look();
            assertThat(source.whyResting()).isEqualTo("source a: address 192.0.2.1 and "
                    + "2001:db8:0:0:0:0:0:1 are not on this machine");
        }
    }

    /** Of a routed block interfaces list but one address. */
    @Test
    void look_addressNotListedButUsable_isUsed() {
        EgressSource source = source("address = 127.0.0.2");
        try (SourceWatch watch = watch(source)) {
            watch.look();
            assertThat(source.resting()).isFalse();
        }
    }

    @Test
    void look_sourceWithProxy_addressIsNotLookedFor() {
        EgressSource source = source("address = 192.0.2.1, proxy = \"haproxy://127.0.0.1:1\"");
        try (SourceWatch watch = watch(source)) {
            assertThat(source.resting()).as("before the first look").isTrue();
            watch.look();
            assertThat(source.resting()).isFalse();
            assertThat(source.proxyAddress().getPort()).isEqualTo(1);
        }
    }

    @Test
    void look_nameOfTheProxy_isLookedUpAgain() throws IOException {
        EgressSource source = source("proxy = \"socks5://p.test:1080\"");
        try (SourceWatch watch = watch(source)) {
            watch.look();
            assertThat(source.whyResting()).isEqualTo("source a: proxy socks5://p.test:1080 cannot "
                    + "be used: its name has no address");
            machine.names.put("p.test", ip("192.0.2.9"));
            watch.look();
            assertThat(source.resting()).isFalse();
            assertThat(source.proxyAddress().getAddress()).isEqualTo(ip("192.0.2.9"));
            machine.names.clear();
            watch.look();
            assertThat(source.resting()).as("the address it had is kept").isFalse();
        }
    }

    @Test
    void real_machine_knowsWhatItBinds() throws IOException {
        SourceWatch.Machine real = SourceWatch.Machine.real();
        assertThat(real.addresses()).contains(ip("127.0.0.1"));
        assertThat(real.binds(ip("127.0.0.2"))).isTrue();
        assertThat(real.binds(ip("198.51.100.1"))).isFalse();
    }

    /** Measures against subnets are about what receivers see. */
    @Test
    void block_publicAddress_isTheSubnetReceiversJudge() throws IOException {
        EgressSource source = source("address = 10.0.0.1, address6 = \"2001:db8::1\", "
                + "public-address = 203.0.113.7");
        assertThat(source.block(ip("198.51.100.1"))).contains("203.0.113.0/24");
        assertThat(source.block(ip("2001:db8:9::1"))).contains("2001:db8:0:0:0:0:0:0/64");
        assertThat(source.blocks()).containsExactly("203.0.113.0/24",
                "2001:db8:0:0:0:0:0:0/64");
        assertThat(source.local(ip("198.51.100.1"))).contains(ip("10.0.0.1"));
        OwnAddresses own = new OwnAddresses(DeliveryConfig.from(ConfigSource.ofText(
                "sources { a { address = 10.0.0.1, public-address = 203.0.113.7 } }").root(),
                "mta.test"));
        assertThat(own.contains(ip("203.0.113.7"))).isTrue();
        assertThat(own.contains(ip("10.0.0.1"))).isTrue();
    }
}
