// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What operators ask about shaping and do to it, as they type it. */
class ShapingCommandsTest {
    @TempDir
    Path folder;
    private Path config = Path.of("unset");
    private ServerSocket peer = unset();
    private Daemon daemon = unset();

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // set before each test
    private static <T> T unset() {
        return null;
    }

    /** What a command printed and its exit code. */
    private record Said(int code, String out, String err) {}

    @BeforeEach
    void start() throws IOException {
        peer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon(true).start(this::refuse);
        Files.copy(Path.of("../config/providers.conf"), folder.resolve("providers.conf"));
        config = folder.resolve("mailrace.conf");
        Files.writeString(config, """
                hostname = mta1.example.test
                include "providers.conf"
                listeners { relay { bind = "127.0.0.1:0", tls = off,
                                    relay-from = ["127.0.0.0/8"] } }
                providers { cross { match-mx = ["127.0.0.1"], rate = [1000/h, 50/s], rules = [
                  { name = no, code = 421, words = "go away", class = throttled, scope = source
                    action = suspend, for = 2h } ] } }
                spool { path = "%1$s/spool", min-free = 1m }
                routes = [ { when { tenant = billing }, lane = transactional
                             via = "smtp://127.0.0.1:%2$d" }
                           { via = "smtp://127.0.0.1:%2$d" } ]
                admin { socket = "%1$s/admin.sock", bind = "" }
                users.file = "%1$s/users"
                log { events = off, level = error }
                stop-timeout = 1s
                """.formatted(folder, peer.getLocalPort()));
        daemon = Daemon.start(DaemonConfig.load(config));
    }

    /** Says the same to everybody. */
    private void refuse() {
        while (!peer.isClosed()) {
            try (Socket socket = peer.accept()) {
                socket.getOutputStream().write("421 4.7.0 go away\r\n"
                        .getBytes(StandardCharsets.US_ASCII));
            } catch (IOException over) {
                // the next one, or the end
            }
        }
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
        peer.close();
    }

    private Said run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine().setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err));
        String[] all = Arrays.copyOf(arguments, arguments.length + 2);
        all[arguments.length] = "--config";
        all[arguments.length + 1] = config.toString();
        int code = line.execute(all);
        return new Said(code, out.toString(), err.toString());
    }

    private void submit() throws IOException {
        InetSocketAddress address = Objects.requireNonNull(daemon.addresses().get("relay"));
        try (SimulatedClient client = SimulatedClient.connect(address, Duration.ofSeconds(30))) {
            assertThat(client.send("app@sender.test", List.of("a@one.test"),
                    "Subject: x\r\n\r\nHello\r\n".getBytes(StandardCharsets.US_ASCII)).code())
                    .isEqualTo(250);
        }
    }

    @Test
    void classify_saysClassFateAndActions() {
        assertThat(run("classify", "421 4.7.28 unusual rate of mail from your IP address",
                "--provider", "gmail").out()).isEqualTo("""
                        provider  gmail
                        class     throttled: mail comes too fast
                        rule      gmail/rate-ip
                        mail      tried again by the schedule
                        action    recover source for 10m
                        """);
        assertThat(run("classify", "550 5.7.26 unauthenticated", "--host",
                "gmail-smtp-in.l.google.com").out()).contains("gmail/unauthenticated", "bounces",
                        "hold-domain signing-domain for 4h, when it was said 3 times within 1h",
                        "action    alert");
        assertThat(run("classify", "550 Ip frequency limited", "--provider", "qq").out())
                .contains("tried again by the schedule, not before 1h");
        assertThat(run("classify", "554 no service", "--stage", "greeting").out())
                .contains("class     host-refuses", "rule      none: by code and status alone");
        assertThat(run("classify", "550 5.1.1 no such user", "--json").out())
                .contains("\"class\":\"unknown-user\"", "\"does\":[\"suppress recipient\"]");
        assertThat(run("classify", "hello").err()).contains("that is no SMTP reply");
        assertThat(run("classify", "550 x", "--provider", "gmial").err())
                .contains("there is no provider named gmial");
        assertThat(run("classify", "550 x", "--stage", "lunch").err())
                .contains("stage must be greeting");
    }

    @Test
    void explain_saysHowMailWouldGo() {
        assertThat(run("explain", "app@shop.test", "a@one.test", "--tenant", "billing").out())
                .contains("tenant    billing\n", "lane      transactional\n",
                        "pool      default\n",
                        "dkim      not signed: there is no key for shop.test\n",
                        "next-hop  127.0.0.1 [127.0.0.1] port " + peer.getLocalPort() + "\n",
                        "provider  cross\n", "tls       opportunistic\n",
                        "source    default, weight 1, address by the system",
                        "limit     rate from each source: 1000/h, 50/s\n");
        assertThat(run("explain", "app@shop.test", "a@one.test", "--json").out())
                .contains("{\"name\":\"provider\",\"value\":\"cross\"}");
        assertThat(run("explain", "app@shop.test", "nobody").err())
                .contains("to must be an address");
    }

    @Test
    void rules_listWhatIsInForce_andEndIt() throws IOException {
        assertThat(run("rules").out()).isEqualTo("Nothing is in force.\n");
        submit();
        await().atMost(Duration.ofSeconds(30)).until(() -> run("rules").out()
                .contains("source default at cross: suspended until"));
        String line = run("rules").out();
        assertThat(line).contains("by cross/no: 421 4.7.0 go away");
        String number = line.substring(0, line.indexOf(' '));
        await().atMost(Duration.ofSeconds(30)).until(() -> run("queue").out()
                .contains("is suspended by cross/no"));
        assertThat(run("explain", "app@shop.test", "a@one.test").out())
                .contains("is suspended by cross/no: 421 4.7.0 go away");
        assertThat(run("rules", "extend", number, "3h").out())
                .isEqualTo("extended " + number + " by 3h\n");
        assertThat(run("rules", "sources").out()).contains("default at cross:");
        assertThat(run("rules", "cancel", "999").err()).contains("nothing of that number");
        assertThat(run("rules", "cancel", number, "--why", "talked to them").out())
                .isEqualTo("ended " + number + "\n");
    }

    @Test
    void suspendAndResume_tenantSourceDomainProvider() {
        assertThat(run("suspend", "--tenant", "Spammer", "--for", "2h", "--why", "complaints")
                .out()).isEqualTo("suspended: tenant Spammer everywhere\n");
        assertThat(run("suspend", "--source", "default", "--at", "gmail").code()).isZero();
        assertThat(run("suspend", "--signing-domain", "shop.test").code()).isZero();
        assertThat(run("suspend", "--provider", "yahoo", "--for", "30m").code()).isZero();
        assertThat(run("rules").out()).contains("tenant spammer everywhere: suspended until",
                "by operator: complaints", "source default at gmail: suspended",
                "mail of shop.test everywhere: suspended", "everything to yahoo: suspended");
        assertThat(run("explain", "app@shop.test", "a@one.test", "--tenant", "spammer").out())
                .contains("tenant spammer everywhere is suspended by operator: complaints",
                        "mail of shop.test everywhere is suspended by operator");
        assertThat(run("resume", "--tenant", "spammer").out())
                .isEqualTo("resumed: tenant spammer everywhere\n");
        assertThat(run("resume", "--tenant", "spammer").err()).contains("it is not suspended");
        assertThat(run("suspend", "--source", "nine").err())
                .contains("there is no source named nine; known are: default");
        assertThat(run("suspend", "--source", "default", "--at", "gmial").err())
                .contains("there is no provider named gmial");
        assertThat(run("suspend", "--tenant", "x", "--for", "soon").err())
                .contains("for must be a time");
        assertThat(run("suspend").code()).isNotZero();
        assertThat(run("rules", "--json").out()).contains("\"subject\":\"everything to yahoo\"");
    }

    @Test
    void suppress_addListImportRemove_overARestart() throws IOException {
        assertThat(run("suppress", "add", "Gone@one.test", "--why", "asked us to").out())
                .isEqualTo("suppressed Gone@one.test\n");
        assertThat(run("suppress", "list").out()).contains("gone@one.test  since",
                ": asked us to", "1 shown of 1 suppressed");
        Path file = Files.writeString(folder.resolve("list.csv"),
                "# old list\na@two.test, bounced\nb@two.test\nnobody\n");
        Said imported = run("suppress", "import", file.toString());
        assertThat(imported.out()).isEqualTo("2 suppressed, 1 refused\n");
        assertThat(imported.err()).contains("line 4: address must be one");
        daemon.close();
        daemon = Daemon.start(DaemonConfig.load(config));
        assertThat(run("suppress", "list", "two.test").out()).contains("a@two.test", ": bounced",
                "imported from list.csv", "2 shown of 3 suppressed");
        assertThat(run("suppress", "remove", "gone@ONE.test").code()).isZero();
        assertThat(run("suppress", "remove", "gone@one.test").err())
                .contains("it is not on the list");
        assertThat(run("suppress", "list", "--json").out()).contains("\"count\":2");
    }
}
