// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class MainTest {
    @TempDir
    Path folder;
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        CommandLine line = Main.commandLine();
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        return line.execute(arguments);
    }

    private int runWithInput(String input, String... arguments) {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        try {
            return run(arguments);
        } finally {
            System.setIn(before);
        }
    }

    private String config(String text) throws IOException {
        return Files.writeString(folder.resolve("mailrace.conf"), text).toString();
    }

    @Test
    void version_saysNumberAndJava() {
        assertThat(run("version")).isZero();
        assertThat(out.toString()).matches("Mailrace \\d+\\.\\d+\\.\\d+ on Java 25.*\\R");
        assertThat(run("--version")).isZero();
    }

    @Test
    void noCommand_showsHelp_unknownOneIsAnError() {
        assertThat(run()).isZero();
        assertThat(out.toString()).contains("serve", "check", "queue", "trace", "dkim", "user");
        assertThat(run("sevre")).isEqualTo(2);
        assertThat(run("dkim")).isEqualTo(2);
        assertThat(run("user")).isEqualTo(2);
    }

    @Test
    void check_goodFile_isGood() throws IOException {
        String file = config("hostname = mta1.example.com");
        assertThat(run("check", "--config", file)).isZero();
        assertThat(out.toString()).isEqualTo(file + ": good" + System.lineSeparator());
    }

    @ParameterizedTest
    @CsvSource({"check, 1", "serve, " + Main.BAD_CONFIG})
    void noFile_namesTheNextStep(String command, int code) {
        String file = folder.resolve("none.conf").toString();
        assertThat(run(command, "--config", file)).isEqualTo(code);
        assertThat(err.toString()).contains(file + " does not exist: \"mailrace init\" makes");
    }

    @Test
    void check_badFile_printsEveryProblemWithItsPlace() throws IOException {
        String file = config("hostname = mta1.example.com\nlog.level = loud\nadmin.bnd = x\n");
        assertThat(run("check", "--config", file)).isEqualTo(1);
        assertThat(err.toString()).contains(file + ":2: log.level: must be one of",
                file + ":3: admin.bnd: unknown key; did you mean bind?", "2 problems")
                .doesNotContain("Exception");
    }

    /** {@code serve} is read without its siblings; nobody should notice. */
    @Test
    void serve_alone_readsItsOptionsAndReportsProblems() throws IOException {
        CommandLine alone = Main.serveAlone();
        alone.setOut(new PrintWriter(out, true));
        alone.setErr(new PrintWriter(err, true));
        assertThat(alone.execute("--config", config("hostnam = x")))
                .isEqualTo(Main.BAD_CONFIG);
        assertThat(err.toString()).contains("did you mean hostname?").doesNotContain("Exception");
        assertThat(alone.execute("--help")).isZero();
        assertThat(out.toString()).startsWith("Usage: mailrace serve ");
        assertThat(alone.execute("--confg=x")).isEqualTo(2);
    }

    @Test
    void check_noFile_saysSo() {
        assertThat(run("check", "--config", folder.resolve("none").toString())).isEqualTo(1);
        assertThat(err.toString()).contains("does not exist").doesNotContain("\tat ");
    }

    @Test
    void configShow_printsValuesWithTheirOrigin() throws IOException {
        String file = config("hostname = mta1.example.com\nstop-timeout = 7s\n");
        assertThat(run("config", "show", "--config", file)).isZero();
        assertThat(out.toString()).contains("stop-timeout=\"7s\"", file + ": 2")
                .contains("reference.conf");
    }

    @Test
    void dkimKeygen_writesKeyAndPrintsWhatToPublish() throws IOException {
        String file = config("hostname = mta1.example.com");
        assertThat(run("dkim", "keygen", "Example.com", "--type", "ed25519", "--config", file))
                .isZero();
        Path key = folder.resolve("dkim/example.com.s1.pem");
        assertThat(key).isRegularFile();
        assertThat(out.toString()).contains("s1._domainkey.example.com. IN TXT",
                "dkim.\"example.com\" += { selector = s1, key = \"" + key + "\" }");
        assertThat(run("dkim", "keygen", "example.com", "--config", file)).isEqualTo(1);
        assertThat(err.toString()).contains(key.toString());
        assertThat(run("dkim", "keygen", "../x", "--config", file)).isEqualTo(1);

        config("hostname = mta1.example.com\ndkim { \"example.com\" = [ { selector = s1, key = \""
                + key + "\" } ] }");
        assertThat(run("dkim", "list", "--config", file)).isZero();
        assertThat(out.toString()).contains("example.com selector s1, ed25519-sha256, 256 bits");
    }

    @Test
    void user_addListPasswdRemove_worksOnTheConfiguredFile() throws IOException {
        Path users = folder.resolve("users");
        String file = config("hostname = mta1.example.com\nusers.file = \"" + users + "\"");
        assertThat(runWithInput("secret-1\n", "user", "add", "alice", "--config", file)).isZero();
        assertThat(Files.readString(users)).startsWith("alice:$argon2id$")
                .doesNotContain("secret-1");
        assertThat(run("user", "list", "--config", file)).isZero();
        assertThat(out.toString()).contains("alice (tenant alice)");
        String before = Files.readString(users);
        assertThat(runWithInput("secret-2\n", "user", "passwd", "alice", "--config", file))
                .isZero();
        assertThat(Files.readString(users)).isNotEqualTo(before);
        assertThat(runWithInput("\n", "user", "add", "bob", "--config", file)).isEqualTo(1);
        assertThat(err.toString()).contains("the password is empty");
        assertThat(run("user", "remove", "alice", "--file", users.toString())).isZero();
        assertThat(run("user", "remove", "alice", "--file", users.toString())).isEqualTo(1);
        assertThat(err.toString()).contains("there is no user alice");
    }

    @Test
    void user_setShowScram_changeTheLine() throws IOException {
        Path users = folder.resolve("users");
        String file = config("hostname = mta1.example.com\nusers.file = \"" + users + "\"\n"
                + "pools { b {} }");
        assertThat(runWithInput("secret-1\n", "user", "add", "alice", "lane=bulk", "pool=b",
                "--scram", "--config", file)).as(err.toString()).isZero();
        assertThat(Files.readString(users)).contains("::lane=bulk pool=b scram=SCRAM-SHA-256$");
        assertThat(run("user", "set", "alice", "rate=100/min", "pool=", "--config", file))
                .isZero();
        assertThat(run("user", "show", "alice", "--config", file)).isZero();
        assertThat(out.toString())
                .contains("alice (tenant alice) lane=bulk scram=yes rate=100/min");
        String before = Files.readString(users);
        assertThat(run("user", "set", "alice", "pool=c", "--config", file)).isEqualTo(1);
        assertThat(err.toString()).contains("there is no pool c; known are b, default");
        assertThat(run("user", "set", "alice", "lnae=bulk", "--config", file)).isEqualTo(1);
        assertThat(err.toString()).contains("unknown key lnae; known are cert, control, from");
        assertThat(run("user", "set", "alice", "bulk", "--config", file)).isEqualTo(1);
        assertThat(run("user", "set", "alice", "--config", file)).isEqualTo(2);
        assertThat(run("user", "show", "bob", "--config", file)).isEqualTo(1);
        assertThat(Files.readString(users)).isEqualTo(before);
        assertThat(runWithInput("secret-2\n", "user", "passwd", "alice", "--config", file))
                .isZero();
        assertThat(Files.readString(users)).contains("lane=bulk", "rate=100/min", "scram=");
    }

    /** Each file by itself, so that one sentence is all there is. */
    @Test
    void check_filesThatCannotBeUsed_areNamedWithWhatIsWrong() throws IOException {
        Path users = folder.resolve("users");
        Path junk = Files.writeString(folder.resolve("junk.pem"), "nothing");
        String listeners = "hostname = mta1.example.com\nlisteners { s { bind = \"127.0.0.1:0\""
                + ", auth = required } }\nusers.file = \"" + users + "\"\n";
        assertThat(run("check", "--config", config(listeners))).isZero();
        assertThat(out.toString()).contains("warning: users.file: " + users + " is not there");
        Files.writeString(users, "alice:$1$x$y\n");
        assertThat(run("check", "--config", config(listeners))).isEqualTo(1);
        assertThat(err.toString()).contains("mailrace.conf: users.file: " + users
                + " line 1 has no argon2id or bcrypt hash", "1 problem");
        Files.delete(users);
        assertThat(run("check", "--config", config(listeners + "tls { certificate = \"" + junk
                + "\", key = \"" + folder.resolve("none.pem") + "\", client-authorities = \""
                + folder + "\" }"))).isEqualTo(1);
        assertThat(err.toString()).contains("tls.certificate: " + junk + " is no PEM file",
                "tls.key: " + folder.resolve("none.pem") + " is not there",
                "tls.client-authorities: " + folder + " is a directory", "3 problems")
                .doesNotContain("\tat ");
    }

    @Test
    void firstLine_takesOneLineAndIsBounded() throws IOException {
        assertThat(UserCommand.firstLine(in("p\u00e4ss word\r\nrest")))
                .isEqualTo("p\u00e4ss word".toCharArray());
        assertThat(UserCommand.firstLine(in("end"))).isEqualTo("end".toCharArray());
        assertThatThrownBy(() -> UserCommand.firstLine(in("x".repeat(2000))))
                .hasMessageContaining("longer than");
    }

    private static InputStream in(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void queueAndTrace_noDaemon_sayWhereTheyLooked() throws IOException {
        String socket = folder.resolve("admin.sock").toString();
        String file = config("admin.socket = \"" + socket + "\"");
        assertThat(run("queue", "--config", file)).isEqualTo(1);
        assertThat(run("trace", "x", "--socket", socket)).isEqualTo(1);
        assertThat(err.toString()).contains("cannot reach the daemon at " + socket
                + ": there is no such socket: is the daemon running?").doesNotContain("\tat ");
    }
}
