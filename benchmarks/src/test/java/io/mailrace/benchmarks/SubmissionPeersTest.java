// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.daemon.SimulatedClient;
import io.mailrace.smtp.UserFile;
import jakarta.mail.Message;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The clients applications use, each with what it can: STARTTLS and implicit TLS, PLAIN, LOGIN and
 * SCRAM-SHA-256, SMTPUTF8, 8BITMIME, BDAT. What they hand in must arrive byte by byte. {@code mvn
 * -Ppeers verify}; a program that is missing skips its rows.
 */
@Tag("peers")
class SubmissionPeersTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String USER = "alice";
    private static final String PASSWORD = "correct-horse";
    private static final String SENDER = "load@load.test";
    private static final String RECIPIENT = "u1@d1.test";
    private static final String SMTPLIB = """
            import base64, smtplib, ssl, sys
            what, port, user, password, path = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            implicit = "implicit" in what
            smtp = smtplib.SMTP_SSL("127.0.0.1", port, timeout=30, context=context) \\
                if implicit else smtplib.SMTP("127.0.0.1", port, timeout=30)
            if not implicit:
                smtp.starttls(context=context)
            smtp.ehlo()
            smtp.user, smtp.password = user, password
            if "LOGIN" in what:
                smtp.auth("LOGIN", smtp.auth_login)
            else:
                smtp.auth("PLAIN", smtp.auth_plain)
            data = open(path, "rb").read()
            if "bdat" in what:
                for command in ("mail FROM:<load@load.test>", "rcpt TO:<u1@d1.test>"):
                    code, said = smtp.docmd(command)
                    assert code == 250, said
                for part, last in ((data[:100], ""), (data[100:], " LAST")):
                    smtp.send(b"BDAT %d%s\\r\\n" % (len(part), last.encode()) + part)
                    code, said = smtp.getreply()
                    assert code == 250, said
            elif "utf8" in what:
                smtp.sendmail("grün@load.test", ["u1@d1.test"], data, mail_options=["SMTPUTF8"])
            else:
                smtp.sendmail("load@load.test", ["u1@d1.test"], data,
                    mail_options=["BODY=8BITMIME"])
            smtp.quit()
            """;
    private static final String NET_SMTP = """
            use Net::SMTP;
            my ($what, $port, $user, $password, $path) = @ARGV;
            open my $file, '<:raw', $path or die $!;
            my $data = do { local $/; <$file> };
            my @tls = (SSL_verify_mode => 0);
            my $smtp = Net::SMTP->new('127.0.0.1', Port => $port, Timeout => 30,
                $what =~ /implicit/ ? (SSL => 1, @tls) : ()) or die "no connection $@";
            $smtp->starttls(@tls) or die $smtp->message if $what !~ /implicit/;
            $smtp->auth($user, $password) or die $smtp->message;
            $smtp->mail('load@load.test') or die $smtp->message;
            $smtp->to('u1@d1.test') or die $smtp->message;
            $smtp->data() or die $smtp->message;
            $data =~ s/\\r\\n/\\n/g;
            $smtp->datasend($data);
            $smtp->dataend() or die $smtp->message;
            $smtp->quit;
            """;
    private static final String NODEMAILER = """
            const [folder, what, port, user, pass, path] = process.argv.slice(2);
            const nodemailer = require(folder + "/node_modules/nodemailer");
            const transport = nodemailer.createTransport({host: "127.0.0.1", port: Number(port),
                secure: what.includes("implicit"), requireTLS: !what.includes("implicit"),
                tls: {rejectUnauthorized: false}, auth: {user, pass},
                authMethod: what.includes("LOGIN") ? "LOGIN" : "PLAIN"});
            transport.sendMail({envelope: {from: "load@load.test", to: ["u1@d1.test"]},
                raw: require("fs").readFileSync(path)}).then(() => transport.close(),
                failed => { console.error(failed); process.exit(1); });
            """;

    private static final List<AutoCloseable> OPEN = new ArrayList<>();
    private static final AtomicInteger NUMBERS = new AtomicInteger();
    @SuppressWarnings("NullAway.Init")
    private static Path folder;
    @SuppressWarnings("NullAway.Init")
    private static SinkNetwork network;
    private static int starttlsPort;
    private static int implicitPort;

    @BeforeAll
    static void start() throws Exception {
        folder = opened(TemporaryFolder.make(false)).path();
        network = opened(SinkNetwork.start(1));
        UserFile users = UserFile.open(folder.resolve("users"));
        users.add(USER, PASSWORD.toCharArray());
        users.setScram(USER, PASSWORD.toCharArray());
        starttlsPort = FreePort.find();
        implicitPort = FreePort.find();
        String configuration = """
                hostname = mta1.mailrace.test
                listeners {
                  submission { bind = "127.0.0.1:%2$d", tls = starttls, auth = required }
                  submissions { bind = "127.0.0.1:%3$d", tls = implicit, auth = required }
                }
                users { file = "%1$s/users" }
                spool { path = "%1$s/spool", min-free = 64m }
                dns { servers = ["127.0.0.1:%4$d"] }
                delivery { port = %5$d, allow-destinations = ["127.0.0.0/8"], tls = off }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off }
                """.formatted(folder, starttlsPort, implicitPort, network.dnsPort(),
                network.port());
        opened(DaemonProcess.start(folder, configuration,
                new InetSocketAddress(InetAddress.getLoopbackAddress(), starttlsPort),
                List.of())).awaitReady();
    }

    private static <T extends AutoCloseable> T opened(T part) {
        OPEN.add(part);
        return part;
    }

    @AfterAll
    static void stop() throws Exception {
        for (AutoCloseable part : OPEN.reversed()) {
            part.close();
        }
    }

    private interface Client {
        void send(String port, Path file) throws Exception;
    }

    private static void arrives(String what, Client client) throws Exception {
        int number = NUMBERS.getAndIncrement();
        int corrupt = network.sink().corrupt();
        var content = new ByteArrayOutputStream();
        new LoadMessage(number, SENDER, RECIPIENT, 5000).writeTo(content);
        Path file = Files.write(folder.resolve(number + ".eml"), content.toByteArray());
        client.send(String.valueOf(what.contains("implicit") ? implicitPort : starttlsPort), file);
        await(what, () -> network.sink().firstArrivalNanos(number).isPresent()
                || network.sink().corrupt() > corrupt);
        assertThat(network.sink().corrupt()).as(what + " arrives unaltered").isEqualTo(corrupt);
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what + " arrives in time").isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"starttls PLAIN", "starttls LOGIN", "implicit PLAIN",
            "implicit LOGIN"})
    void swaks(String what) throws Exception {
        PeerProgram swaks = PeerProgram.of("swaks", "swaks libnet-ssleay-perl");
        arrives(what, (port, file) -> {
            // it ends the last line itself
            byte[] all = Files.readAllBytes(file);
            Files.write(file, Arrays.copyOf(all, all.length - 2));
            swaks.run(LIMIT, "--server", "127.0.0.1", "--port", port,
                    what.contains("implicit") ? "--tls-on-connect" : "--tls", "--auth",
                    mechanism(what), "--auth-user", USER, "--auth-password", PASSWORD, "--from",
                    SENDER, "--to", RECIPIENT, "--data", "@" + file);
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"starttls PLAIN", "starttls LOGIN", "implicit PLAIN",
            "implicit LOGIN"})
    void curl(String what) throws Exception {
        PeerProgram curl = PeerProgram.of("curl", "curl");
        arrives(what, (port, file) -> curl.run(LIMIT, "--silent", "--show-error", "--ssl-reqd",
                "--insecure", "--url",
                (what.contains("implicit") ? "smtps" : "smtp") + "://127.0.0.1:" + port,
                "--login-options", "AUTH=" + mechanism(what), "--user", USER + ":" + PASSWORD,
                "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "--upload-file",
                file.toString()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"starttls PLAIN", "starttls LOGIN", "implicit PLAIN",
            "implicit LOGIN 8bitmime", "starttls PLAIN bdat", "implicit PLAIN bdat",
            "starttls PLAIN utf8"})
    void smtplib(String what) throws Exception {
        PeerProgram python = PeerProgram.of("python3", "python3");
        Client client = (port, file) -> python.run(LIMIT, "-c", SMTPLIB, what, port, USER,
                PASSWORD, file.toString());
        if (what.contains("utf8")) {
            // it has no number, so the sink counts it among those that it does not know
            int unknown = network.sink().corrupt();
            client.send(String.valueOf(starttlsPort), Files.writeString(
                    folder.resolve("utf8.eml"), "Subject: grün\r\n\r\ngrün\r\n"));
            await(what, () -> network.sink().corrupt() > unknown);
        } else {
            arrives(what, client);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"starttls PLAIN", "starttls LOGIN", "implicit PLAIN",
            "starttls SCRAM-SHA-256"})
    void msmtp(String what) throws Exception {
        PeerProgram msmtp = PeerProgram.of("msmtp", "msmtp");
        assumeOffered(mechanism(what));
        arrives(what, (port, file) -> {
            Path config = Files.writeString(folder.resolve("msmtprc"), """
                    account default
                    host 127.0.0.1
                    port %s
                    tls on
                    tls_starttls %s
                    tls_certcheck off
                    auth %s
                    user %s
                    password %s
                    from %s
                    """.formatted(port, what.contains("implicit") ? "off" : "on",
                    mechanism(what).toLowerCase(Locale.ROOT), USER, PASSWORD, SENDER));
            Files.setPosixFilePermissions(config, PosixFilePermissions.fromString("rw-------"));
            PeerProgram.of("sh", "dash").run(LIMIT, "-c", "exec " + msmtp.file() + " -C " + config
                    + " " + RECIPIENT + " < " + file);
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"starttls", "implicit"})
    void netSmtp(String what) throws Exception {
        PeerProgram perl = PeerProgram.of("perl", "perl libio-socket-ssl-perl libauthen-sasl-perl");
        assumeTrue(Files.isDirectory(Path.of("/usr/share/perl5/Authen/SASL")),
                "skipped: install libauthen-sasl-perl");
        assumeTrue(Files.isReadable(Path.of("/usr/share/perl5/IO/Socket/SSL.pm")),
                "skipped: install libio-socket-ssl-perl");
        arrives(what, (port, file) -> perl.run(LIMIT, "-e", NET_SMTP, what, port, USER, PASSWORD,
                file.toString()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"starttls PLAIN", "starttls LOGIN", "implicit PLAIN"})
    void nodemailer(String what) throws Exception {
        PeerProgram node = PeerProgram.of("node", "nodejs");
        Path modules = Path.of("target/peer-node").toAbsolutePath();
        assumeTrue(Files.isDirectory(modules.resolve("node_modules/nodemailer")),
                "skipped: install nodemailer (npm install --prefix " + modules + " nodemailer)");
        Path script = Files.writeString(folder.resolve("nodemailer.js"), NODEMAILER);
        arrives(what, (port, file) -> node.run(LIMIT, script.toString(), modules.toString(), what,
                port, USER, PASSWORD, file.toString()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"starttls PLAIN", "starttls LOGIN", "implicit PLAIN",
            "starttls PLAIN bdat"})
    void angusMail(String what) throws Exception {
        Client client = (port, file) -> {
            Properties settings = new Properties();
            settings.setProperty("mail.smtp.host", "127.0.0.1");
            settings.setProperty("mail.smtp.port", port);
            settings.setProperty("mail.smtp.auth", "true");
            settings.setProperty("mail.smtp.auth.mechanisms", mechanism(what));
            settings.setProperty("mail.smtp.from", SENDER);
            settings.setProperty("mail.smtp.allow8bitmime", "true");
            settings.setProperty("mail.smtp.ssl.trust", "*");
            settings.setProperty("mail.smtp.ssl.checkserveridentity", "false");
            settings.setProperty("mail.smtp.ssl.enable", "" + what.contains("implicit"));
            settings.setProperty("mail.smtp.starttls.enable", "true");
            settings.setProperty("mail.smtp.starttls.required", "" + what.contains("starttls"));
            if (what.contains("bdat")) {
                settings.setProperty("mail.smtp.chunksize", "1000");
            }
            Session session = Session.getInstance(settings);
            Message message = new MimeMessage(session,
                    new ByteArrayInputStream(Files.readAllBytes(file)));
            try (Transport transport = session.getTransport("smtp")) {
                transport.connect(USER, PASSWORD);
                transport.sendMessage(message, new InternetAddress[]{
                        new InternetAddress(RECIPIENT)});
            }
        };
        if (what.contains("bdat")) {
            // Angus 2.0.5 doubles leading dots in its chunks, where nobody takes them out again
            int altered = network.sink().corrupt();
            client.send(String.valueOf(starttlsPort), Files.write(folder.resolve("angus.eml"),
                    "Subject: x\r\n\r\n.\r\n".getBytes(StandardCharsets.US_ASCII)));
            await(what, () -> network.sink().corrupt() > altered);
        } else {
            arrives(what, client);
        }
    }

    private static String mechanism(String what) {
        return what.split(" ")[1];
    }

    private static void assumeOffered(String mechanism) throws IOException {
        try (var client = SimulatedClient.connect(
                new InetSocketAddress("127.0.0.1", starttlsPort), LIMIT)) {
            client.startTls();
            String offer = client.command("EHLO client.test").text();
            assumeTrue(offer.contains(mechanism), "skipped: the server does not offer "
                    + mechanism);
        }
    }
}
