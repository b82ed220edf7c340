// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import io.mailrace.core.ConfigException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URL;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DaemonConfigTest {
    private static final String NAMED = "hostname = mta1.example.com\n";

    private static DaemonConfig read(String more) {
        return DaemonConfig.ofText(NAMED + more);
    }

    private static void refused(String config, String problem) {
        assertThatThrownBy(() -> DaemonConfig.ofText(config)).isInstanceOf(ConfigException.class)
                .hasMessageContaining(problem);
    }

    @Test
    void defaults_areThoseOfTheReference() {
        DaemonConfig config = read("");
        assertThat(config.hostname()).isEqualTo("mta1.example.com");
        assertThat(config.stopTimeout()).isEqualTo(Duration.ofSeconds(30));
        assertThat(config.admin()).isEqualTo(new AdminConfig(Path.of("/run/mailrace/admin.sock"),
                Optional.of(new InetSocketAddress("127.0.0.1", 8025)), List.of()));
        assertThat(config.log()).isEqualTo(new LogConfig(LogConfig.Level.INFO,
                new LogConfig.Events.Stdout(), 64 << 20, 5));
        assertThat(config.doctor().blockLists()).startsWith("zen.spamhaus.org").hasSize(3);
    }

    @Test
    void values_changedFromTheirDefaults_arrive() {
        DaemonConfig config = DaemonConfig.ofText("""
                hostname = MTA2.Example.COM
                stop-timeout = 5s
                admin { socket = /tmp/other.sock, bind = "[::1]:99", allowed-hosts = [A.test] }
                log { level = debug, events = /var/log/events, events-max-size = 1m
                      events-max-files = 9 }
                doctor.block-lists = [BL.test]
                """);
        assertThat(config.doctor()).isEqualTo(new DoctorConfig(List.of("bl.test")));
        assertThat(config.hostname()).isEqualTo("mta2.example.com");
        assertThat(config.stopTimeout()).isEqualTo(Duration.ofSeconds(5));
        assertThat(config.admin()).isEqualTo(new AdminConfig(Path.of("/tmp/other.sock"),
                Optional.of(new InetSocketAddress("::1", 99)), List.of("a.test")));
        assertThat(config.log()).isEqualTo(new LogConfig(LogConfig.Level.DEBUG,
                new LogConfig.Events.File(Path.of("/var/log/events")), 1 << 20, 9));
        assertThat(read("admin.bind = \"\"").admin().bind()).isEmpty();
        assertThat(read("log.events = off").log().events()).isEqualTo(new LogConfig.Events.Off());
    }

    /** The daemon's own part of the reference, without the other modules'. */
    @Test
    void reference_hasExactlyTheKeysOfTheRecords() throws IOException {
        var reference = ConfigFactory.parseURL(ownReference(), ConfigParseOptions.defaults());
        assertThat(reference.root().keySet())
                .containsExactlyInAnyOrder("hostname", "stop-timeout", "admin", "log",
                        "doctor");
        assertThat(reference.getObject("admin").keySet()).isEqualTo(keys(AdminConfig.class));
        assertThat(reference.getObject("log").keySet()).isEqualTo(keys(LogConfig.class));
        assertThat(reference.getObject("doctor").keySet()).isEqualTo(keys(DoctorConfig.class));
    }

    private static URL ownReference() throws IOException {
        return Collections.list(Main.class.getClassLoader().getResources("reference.conf"))
                .stream().filter(url -> url.toString().contains("mta-daemon")).findFirst()
                .orElseThrow();
    }

    private static Set<String> keys(Class<? extends Record> type) {
        return Stream.of(type.getRecordComponents())
                .map(c -> c.getName().replaceAll("([A-Z])", "-$1").toLowerCase(
                        java.util.Locale.ROOT))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void hostname_missingOrNoName_isSaid() {
        refused("", "hostname: must be set to the full DNS name of this server");
        for (String bad : List.of("localhost", "\"a b.test\"", "\"[127.0.0.1]\"", "\"x@y.test\"",
                "\"\"", "\"-a.test\"")) {
            refused("hostname = " + bad, "hostname: must be the full DNS name of this server");
        }
    }

    @Test
    void problems_ofSeveralSections_areAllReported() {
        assertThatThrownBy(() -> DaemonConfig.ofText("""
                stop-timeout = 30
                admin { socket = "", bnd = "127.0.0.1:1" }
                log { level = loud, events = standard-output }
                lisseners {}
                doctor.block-lists = ["a b"]
                """)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("hostname: must be set")
                .hasMessageContaining("admin.socket: must be a path")
                .hasMessageContaining("admin.bnd: unknown key; did you mean bind?")
                .hasMessageContaining("log.level: must be one of: error, warn, info, debug")
                .hasMessageContaining("log.events: must be stdout, off or the absolute path")
                .hasMessageContaining("doctor.block-lists: must be a DNS name")
                .hasMessageContaining("lisseners: unknown key; did you mean listeners?");
    }

    @Test
    void admin_outOfBounds_isRefused() {
        refused(NAMED + "admin.socket = /" + "x".repeat(107), "must not be longer than 107 bytes");
        for (String bad : List.of("8025", "localhost:80", "127.0.0.1:", "127.0.0.1:99999",
                "::1:80", "[127.0.0.1]:80", ":80")) {
            refused(NAMED + "admin.bind = \"" + bad + "\"", "admin.bind: must be a numeric");
        }
    }
}
