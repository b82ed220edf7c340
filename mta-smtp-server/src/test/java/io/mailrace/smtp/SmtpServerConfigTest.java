// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigSource;
import java.lang.reflect.RecordComponent;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SmtpServerConfigTest {

    private static SmtpServerConfig read(String text) {
        ConfigSource source = ConfigSource.ofText(text);
        SmtpServerConfig config = SmtpServerConfig.from(source.root(), "mta.example.com");
        // Other modules own the rest of the file.
        source.root().keys().stream().filter(k -> !OURS.contains(k))
                .forEach(k -> source.root().has(k));
        source.finish();
        return config;
    }

    private static final List<String> OURS = List.of("listeners", "listener-defaults", "tls",
            "users", "submission", "pressure");

    private static List<String> components(Class<?> type) {
        return Arrays.stream(type.getRecordComponents()).map(RecordComponent::getName)
                .map(name -> name.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT)).sorted()
                .toList();
    }

    @Test
    void keysAndComponents_areTheSame() {
        ConfigSource source = ConfigSource.ofText("");
        assertThat(source.root().section("listener-defaults").keys())
                .isEqualTo(components(ListenerConfig.class));
        assertThat(source.root().section("listener-defaults").section("pressure").keys())
                .isEqualTo(components(ListenerPressure.class));
        assertThat(source.root().section("tls").keys()).isEqualTo(components(TlsConfig.class));
        assertThat(source.root().section("users").keys())
                .isEqualTo(components(UsersConfig.class));
        assertThat(source.root().section("submission").keys())
                .isEqualTo(components(SubmissionConfig.class));
        assertThat(source.root().section("pressure").keys())
                .isEqualTo(components(PressureConfig.class));
    }

    @Test
    void defaults_openNothing() {
        SmtpServerConfig config = read("");
        assertThat(config.listeners()).isEmpty();
        assertThat(config.tls()).isEqualTo(TlsConfig.SELF_SIGNED);
        assertThat(config.submission().maxSize()).isEqualTo(50L << 20);
        assertThat(config.submission().maxRecipients()).isEqualTo(1000);
    }

    @Test
    void everyValue_changed_maps() throws Exception {
        SmtpServerConfig config = read("""
                listeners { a { bind = "[::1]:2525", tls = implicit, auth = optional,
                                relay-from = ["10.0.0.0/8", "::1"], proxy-from = ["10.0.0.3"],
                                xclient-from = ["10.0.0.4/31"], xclient-login = true,
                                client-certificate = required,
                                pressure { max-connections = 18, budget = 3m } } }
                tls { certificate = /c, key = /k, client-authorities = /a }
                users { file = /u, hash-queue = 2, verdict-cache = 3s, max-failures = 4,
                        max-user-failures = 17, failure-window = 5s }
                submission { max-size = 6m, max-recipients = 7, add-missing-headers = false,
                  refuse-long-lines = true, binarymime = true,
                  control-headers = [pool, tag], max-header = 8k, max-received = 9, max-errors = 10,
                  max-junk = 11, idle-timeout = 12s, handshake-timeout = 13s, min-rate = 14,
                  max-connections = 16, max-connections-per-address = 15 }
                pressure { budget = 1m, slow-at = 2, refuse-at = 3, max-commits-waiting = 4,
                  max-handshakes = 5, max-backlog = 6, max-tenant-backlog = 7, max-due-for = 8s,
                  slow-delay = 9s, flow-delay = 19s }
                """);
        assertThat(config).isEqualTo(new SmtpServerConfig("mta.example.com",
                Map.of("a", new ListenerConfig(
                        new InetSocketAddress(InetAddress.getByName("::1"), 2525),
                        ListenerConfig.Tls.IMPLICIT, ListenerConfig.Auth.OPTIONAL,
                        List.of(Cidr.parse("10.0.0.0/8").orElseThrow(),
                                Cidr.parse("::1").orElseThrow()),
                        ListenerConfig.ClientCertificates.REQUIRED,
                        List.of(Cidr.parse("10.0.0.3").orElseThrow()),
                        List.of(Cidr.parse("10.0.0.4/31").orElseThrow()), true,
                        new ListenerPressure(18, 3 << 20))),
                new TlsConfig("/c", "/k", "/a"),
                new UsersConfig(Path.of("/u"), 2, Duration.ofSeconds(3), 4, 17,
                        Duration.ofSeconds(5)),
                new SubmissionConfig(6 << 20, 7, false, true, true,
                        Set.of(ControlField.TAG, ControlField.POOL), 8 << 10, 9, 10, 11,
                        Duration.ofSeconds(12), Duration.ofSeconds(13), 14, 16, 15),
                new PressureConfig(1 << 20, 2, 3, 4, 5, 6, 7, Duration.ofSeconds(8),
                        Duration.ofSeconds(9), Duration.ofSeconds(19)),
                Set.of("default")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "LISTENER { tls = off, RELAY } | a.bind: is missing",
            "LISTENER { PORT, RELAY, pressure.budget = 10k } | a.pressure: budget must be 2m",
            "LISTENER { PORT, RELAY, pressure.max-connections = -1 } | a.pressure.max-conn",
            "LISTENER { PORT, RELAY, pressure.max-connections = 500 } | larger than submission",
            "LISTENER { PORT, RELAY, pressure.max-handshakes = 1 } | a.pressure.max-hand",
            "LISTENER { bind = \"localhost:25\", RELAY } | an address with a port",
            "LISTENER { bind = \"127.0.0.1\", RELAY } | an address with a port",
            "LISTENER { bind = \"::1:25\", RELAY } | an address with a port",
            "LISTENER { bind = \"127.0.0.1:70000\", RELAY } | an address with a port",
            "LISTENER { PORT } | nobody could send mail here",
            "LISTENER { PORT, tls = off, auth = required } | only over TLS",
            "LISTENER { PORT, auth = required, RELAY } | no effect",
            "LISTENER { PORT, RELAY, client-certificate = optional } | logs a user in",
            "LISTENER { PORT, auth = required, client-certificate = optional } | -authorities",
            "LISTENER { PORT, relay-from = [\"ten\"] } | a network such as",
            "LISTENER { PORT, tls = off, relay-from = [\"0.0.0.0/0\"] } | open relay",
            "LISTENER { PORT, RELAY, proxy-from = [\"0.0.0.0/0\"] } | proxy-from must not hold",
            "LISTENER { PORT, RELAY, xclient-from = [\"::/0\"] } | xclient-from must not hold",
            "LISTENER { PORT, RELAY, xclient-login = true } | no effect without xclient-from",
            "LISTENER { PORT, RELAY, xclient-from = [\"::1\"], xclient-login = true } | users",
            "LISTENER { PORT, tls = maybe, RELAY } | one of: off, starttls",
            "LISTENER { PORT, relays-from = [] } | did you mean relay-from",
            "tls.certificate = /c                   | set both certificate and key",
            "users.file = \"\"                      | must be a path",
            "submission.max-recipients = 0          | must be 1 to 10000",
            "submission.max-size = 1                | must be 1024 bytes to",
            "submission.max-connections = 10        | must not be larger than max-connections",
            "submission.max-header = 2m             | must be 1024 bytes to 786432 bytes",
            "submission { max-size = 2k, max-header = 4k } | max-header must not be larger",
            "pressure { slow-at = 90, refuse-at = 90 } | slow-at must be smaller",
            "pressure.max-handshakes = -1           | must be 0 to",
            "submission.control-headers = [lan]     | must be of: tag, lane, tenant, pool",
            "submission.max-sise = 1m               | did you mean max-size"})
    void badValue_isAClearProblem(String text, String problem) {
        String written = text.replace("LISTENER", "listeners.a")
                .replace("PORT", "bind = \"127.0.0.1:25\"")
                .replace("RELAY", "relay-from = [\"::1\"]");
        assertThatThrownBy(() -> read(written)).isInstanceOf(ConfigException.class)
                .hasMessageContaining(problem.strip());
    }
}
