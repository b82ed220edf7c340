// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.dkim.DkimConfig;
import io.mailrace.dkim.DkimKey;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** {@code mailrace init} in an empty folder, in one with the files we ship, and a second time. */
class InitCommandTest {
    @TempDir
    private Path folder;
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private Path file() {
        return folder.resolve("etc/mailrace.conf");
    }

    private int init(String... words) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        List<String> all = new ArrayList<>(List.of("init", "--yes", "--config",
                file().toString()));
        all.addAll(List.of(words));
        CommandLine line = Main.commandLine();
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        return line.execute(all.toArray(String[]::new));
    }

    private String password() {
        Matcher password = Pattern.compile("with the password (\\w{24}) ").matcher(out.toString());
        assertThat(password.find()).as(out.toString()).isTrue();
        return password.group(1);
    }

    @Test
    void emptyFolder_getsAConfigurationThatIsGood() throws IOException {
        assertThat(init("--hostname", "MTA.sender.test")).as(err.toString()).isZero();
        DaemonConfig written = DaemonConfig.load(file());
        assertThat(written.hostname()).isEqualTo("mta.sender.test");
        assertThat(written.smtp().listeners()).containsOnlyKeys("submission", "relay");
        assertThat(written.dkim().signedBy("sender.test")).isEqualTo("s1@sender.test");
        assertThat(out.toString()).contains("sender.test. IN TXT \"v=spf1 a:mta.sender.test",
                "s1._domainkey.sender.test", "v=DKIM1", "_dmarc.sender.test. IN TXT",
                "Next: systemctl enable --now mailrace", "mailrace doctor sender.test");
        Path users = folder.resolve("etc/users");
        assertThat(Files.readString(users)).startsWith("app").doesNotContain(password());
        for (Path secret : List.of(users, file(), folder.resolve("etc/dkim/sender.test.s1.pem"))) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(secret)))
                    .as(secret.toString()).isEqualTo("rw-------");
        }
    }

    /** What is printed adds a key; those that are there go on signing. */
    @Test
    void keyMadeLater_addedAsPrinted_signsBesideTheFirst() throws IOException {
        assertThat(init("--hostname", "mta.sender.test")).as(err.toString()).isZero();
        for (String domain : List.of("sender.test", "other.test")) {
            CommandLine line = Main.commandLine();
            StringWriter printed = new StringWriter();
            line.setOut(new PrintWriter(printed, true)).setErr(new PrintWriter(err, true));
            assertThat(line.execute("dkim", "keygen", domain, "--type", "ed25519", "--selector",
                    "e1", "--config", file().toString())).as(err.toString()).isZero();
            String addition = printed.toString().lines().filter(one -> one.startsWith("dkim"))
                    .findFirst().orElseThrow();
            Files.writeString(file(), addition + "\n", StandardOpenOption.APPEND);
        }
        DkimConfig both = DaemonConfig.load(file()).dkim();
        assertThat(both.keysFor("sender.test")).extracting(DkimKey::algorithm)
                .containsExactly("rsa-sha256", "ed25519-sha256");
        assertThat(both.keysFor("other.test")).extracting(DkimKey::algorithm)
                .containsExactly("ed25519-sha256");
    }

    @Test
    void secondTime_changesNothing_withForceOnlyTheFile() throws IOException {
        assertThat(init("--hostname", "mta.sender.test")).as(err.toString()).isZero();
        List<byte[]> before = contents();
        assertThat(init("--hostname", "other.sender.test")).isEqualTo(1);
        assertThat(err.toString()).isEqualTo("mailrace: " + file()
                + " is there and stays as it is; --force replaces it\n");
        assertThat(contents()).usingRecursiveComparison().isEqualTo(before);
        assertThat(init("--hostname", "other.sender.test", "--force")).as(err.toString()).isZero();
        assertThat(out.toString()).contains("User app is there already");
        assertThat(DaemonConfig.load(file()).hostname()).isEqualTo("other.sender.test");
        assertThat(Files.readString(folder.resolve("etc/mailrace.conf.old")))
                .contains("hostname = mta.sender.test");
        assertThat(Files.readAllBytes(folder.resolve("etc/dkim/sender.test.s1.pem")))
                .isEqualTo(before.getFirst());
    }

    /** Key, configuration and users. */
    private List<byte[]> contents() throws IOException {
        List<byte[]> all = new ArrayList<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path one : files.filter(Files::isRegularFile).sorted().toList()) {
                all.add(Files.readAllBytes(one));
            }
        }
        return all;
    }

    @Test
    void port25Taken_givesTheRelayAnotherOne_andSaysSo() throws IOException {
        try (ServerSocket other = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            CommandLine line = new CommandLine(new InitCommand(other.getLocalPort()));
            line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
            assertThat(line.execute("--yes", "--config", file().toString(), "--hostname",
                    "mta.sender.test")).as(err.toString()).isZero();
            assertThat(out.toString()).contains("Port " + other.getLocalPort() + " belongs to ",
                    "the listener \"relay\"", "has 127.0.0.1:2525 instead.");
        }
        assertThat(Files.readString(file())).contains("\n  # Port 25 was taken",
                "relay { bind = \"127.0.0.1:2525\"", "relayhost = [127.0.0.1]:2525\n");
        DaemonConfig.load(file());
    }

    @Test
    void shippedFiles_areReplacedAndIncluded() throws IOException {
        Files.createDirectories(file().getParent());
        for (String name : List.of("mailrace.conf", "providers.conf", "warmup.conf")) {
            Files.copy(Program.ROOT.resolve("config").resolve(name),
                    file().resolveSibling(name));
        }
        assertThat(init("--hostname", "mta.sender.test", "--domain", "shop.test", "--user",
                "billing")).as(err.toString()).isZero();
        assertThat(Files.readString(file())).contains("include \"providers.conf\"",
                "include \"warmup.conf\"");
        assertThat(DaemonConfig.load(file()).dkim().signedBy("shop.test")).isEqualTo(
                "s1@shop.test");
        assertThat(out.toString()).contains("User billing with the password");
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "mta1.example.com", "mail.invalid", "a b.test",
            "[127.0.0.1]", "x@y.test",
            "../../etc.test", "$(id).test", "\u001b[31m.test"})
    void hostname_thatIsNone_isRefused(String name) {
        assertThat(init("--hostname", name)).isEqualTo(1);
        assertThat(err.toString()).startsWith("mailrace: ").doesNotContain("\u001b", "\tat ");
        assertThat(file()).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x.test", "/etc.test", "a/b.test", ""})
    void domain_thatIsNone_isRefused(String name) {
        assertThat(init("--hostname", "mta.sender.test", "--domain", name)).isEqualTo(1);
        assertThat(file()).doesNotExist();
    }
}
