// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigSource;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.dkim.DkimSigners;
import io.mailrace.dkim.MessageSigner;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;

/** {@code mailrace reload} against a running daemon, and what systemd hears of it. */
class ReloadTest {
    @TempDir
    private Path folder;
    private final NotifyListener systemd = new NotifyListener();
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private Path file = Path.of("");
    private String before = "";
    private @Nullable Daemon daemon;

    private Daemon running() {
        return Objects.requireNonNull(daemon);
    }

    private String text(String more) {
        return """
                hostname = mta1.example.test
                listeners { relay { bind = "127.0.0.1:0", tls = off,
                                    relay-from = ["127.0.0.0/8"] } }
                spool { path = "%1$s/spool", min-free = 1m }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off, level = error }
                %2$s
                """.formatted(folder, more);
    }

    @BeforeEach
    void start() throws IOException {
        before = rootLevel();
        systemd.bind(folder.resolve("notify").toString());
        file = Files.writeString(folder.resolve("mailrace.conf"), text(""));
        ConfigSource source = ConfigSource.ofFile(file);
        daemon = Daemon.start(DaemonConfig.from(source), Systemd.of(Map.of("NOTIFY_SOCKET",
                folder.resolve("notify").toString()), TimeSource.system()),
                Optional.of(new Daemon.Origin(file, source)));
    }

    @AfterEach
    void stop() {
        running().close();
        systemd.close();
        Logging.level(LogConfig.Level.WARN);
    }

    private int run(String... words) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        CommandLine line = Main.commandLine();
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        return line.execute(words);
    }

    private int reload() {
        return run("reload", "--socket", folder.resolve("admin.sock").toString());
    }

    private String rootLevel() {
        return ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).getLevel().toString();
    }

    @Test
    void reload_takesKeysAndLevel_andNamesWhatWaits() throws IOException {
        assertThat(reload()).as(err.toString()).isZero();
        assertThat(out.toString()).isEqualTo(
                "reloaded: users, certificate, DKIM keys, log level\n");
        Path key = folder.resolve("key.pem");
        assertThat(run("dkim", "keygen", "sender.test", "--out", key.toString()))
                .as(err.toString()).isZero();
        Files.writeString(file, text("""
                dkim { "sender.test" = [ { selector = s1, key = "%s" } ] }
                log.level = info
                delivery.connections = 77
                """.formatted(key)));
        assertThat(explained()).contains("not signed");
        assertThat(reload()).as(err.toString()).isZero();
        assertThat(out.toString()).isEqualTo(
                """
                        reloaded: users, certificate, DKIM keys, log level
                        changed, but in force after a restart only: delivery.connections
                        """);
        assertThat(explained()).contains("s1@sender.test");
        assertThat(rootLevel()).isEqualTo("INFO");
        awaitReady(2);
    }

    /** What systemd is told comes a moment after the answer. */
    private void awaitReady(int reloads) {
        systemd.awaitMessage("RELOADING=1\nMONOTONIC_USEC=");
        await().until(() -> systemd.count("RELOADING=1") == reloads
                && systemd.messages.getLast().startsWith("READY=1\n"));
    }

    private String explained() {
        run("explain", "a@sender.test", "b@localhost", "--socket",
                folder.resolve("admin.sock").toString());
        return out.toString() + err;
    }

    @Test
    void reload_badFile_changesNothingAndSaysWhy() throws IOException {
        Files.writeString(file, text("log.level = debug\ndelivery.conections = 77"));
        assertThat(reload()).isEqualTo(1);
        assertThat(err.toString()).contains("mailrace.conf:", "did you mean",
                "nothing is changed: the daemon goes on as before");
        assertThat(rootLevel()).isEqualTo(before);
        Files.writeString(file, "{{{{");
        assertThat(reload()).isEqualTo(1);
        Files.delete(file);
        assertThat(reload()).isEqualTo(1);
        assertThat(err.toString()).contains("nothing is changed");
        assertThat(running().accepting()).isTrue();
        awaitReady(3);
    }

    @Test
    void reload_certificateThatIsMissing_isRefused() throws IOException {
        Files.writeString(file, text("""
                listeners.submission { bind = "127.0.0.1:0", tls = starttls, auth = required }
                tls { certificate = "%1$s/none.pem", key = "%1$s/none.key" }
                log.level = info
                """.formatted(folder)));
        assertThat(reload()).isEqualTo(1);
        assertThat(err.toString()).contains("tls.certificate: " + folder
                + "/none.pem is not there");
        assertThat(rootLevel()).isEqualTo(before);
    }

    @Test
    void reload_rsaProviderThisMachineLacks_changesNothingAndSaysWhy() throws IOException {
        running().close();
        ConfigSource good = ConfigSource.ofFile(file);
        daemon = Daemon.start(DaemonConfig.from(good), Systemd.none(),
                Optional.of(new Daemon.Origin(file, good)), ReloadTest::withoutCorretto);
        String problem = "dkim.rsa-provider = corretto, but it cannot be used: no such library";
        Files.writeString(file, text("dkim.rsa-provider = corretto\nlog.level = debug"));
        assertThat(reload()).isEqualTo(1);
        assertThat(err.toString()).contains(problem,
                "nothing is changed: the daemon goes on as before");
        assertThat(rootLevel()).isEqualTo(before);
        assertThat(running().accepting()).isTrue();
        running().close();
        ConfigSource bad = ConfigSource.ofFile(file);
        assertThatThrownBy(() -> Daemon.start(DaemonConfig.from(bad), Systemd.none(),
                Optional.empty(), ReloadTest::withoutCorretto))
                .isInstanceOf(ConfigException.class).hasMessageContaining(problem);
    }

    private static MessageSigner withoutCorretto(DkimConfig config, TimeSource time) {
        if (config.rsaProvider() == DkimConfig.RsaProvider.CORRETTO) {
            throw new IllegalStateException(
                    "dkim.rsa-provider = corretto, but it cannot be used: no such library");
        }
        return DkimSigners.open(config, time);
    }

    /** Which file it reads was decided at the start: another one counts after a restart. */
    @Test
    void reload_certificateMovedAway_isNotSaidToBeTaken() throws IOException {
        running().close();
        String listener = """
                listeners.submission { bind = "127.0.0.1:0", tls = starttls, auth = required }
                users.file = "%1$s/users"
                tls { certificate = "%1$s/%2$s.pem", key = "%1$s/%2$s.key" }
                """;
        SimulatedCertificate.write("a.test", folder.resolve("a.pem"), folder.resolve("a.key"));
        SimulatedCertificate.write("b.test", folder.resolve("b.pem"), folder.resolve("b.key"));
        Files.writeString(file, text(listener.formatted(folder, "a")));
        ConfigSource source = ConfigSource.ofFile(file);
        daemon = Daemon.start(DaemonConfig.from(source), Systemd.none(),
                Optional.of(new Daemon.Origin(file, source)));
        SimulatedCertificate.write("c.test", folder.resolve("a.pem"), folder.resolve("a.key"));
        assertThat(reload()).as(err.toString()).isZero();
        assertThat(out.toString()).startsWith("reloaded: users, certificate, DKIM keys");

        Files.writeString(file, text(listener.formatted(folder, "b")));
        assertThat(reload()).as(err.toString()).isZero();
        assertThat(out.toString()).isEqualTo("""
                reloaded: users, DKIM keys, log level
                changed, but in force after a restart only: tls.certificate, tls.key
                """);
        Files.delete(folder.resolve("a.pem"));
        for (int i = 0; i < 2; i++) {
            assertThat(reload()).as(err.toString()).isZero();
            assertThat(out.toString()).startsWith("""
                    reloaded: users, DKIM keys, log level
                    kept as before, for the files the daemon was started with cannot be used: \
                    certificate
                    changed, but in force""");
        }
    }

    @Test
    void reload_nobodyRuns_saysSo() {
        running().close();
        assertThat(reload()).isEqualTo(1);
        assertThat(err.toString()).contains("is the daemon running?");
    }
}
