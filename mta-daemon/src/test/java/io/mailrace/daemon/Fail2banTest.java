// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.read.ListAppender;
import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import io.mailrace.smtp.SmtpServer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** The filter we ship finds the address in the lines we really write, and only there. */
class Fail2banTest {
    private static final Path FILTER = Path.of(System.getProperty("mailrace.root"),
            "config/fail2ban/filter.d/mailrace.conf");
    @TempDir
    private Path folder;

    private static Pattern failregex() throws Exception {
        String line = Files.readAllLines(FILTER).stream()
                .filter(text -> text.startsWith("failregex = ")).findFirst().orElseThrow();
        return Pattern.compile(line.substring(12).replace("<HOST>",
                "(?<host>[0-9.]+|[0-9a-fA-F:]+)"));
    }

    /** Trusts the self-signed certificate of the test. */
    private static final class TrustAll implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    private static void logIn(InetSocketAddress address, String... users) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[]{new TrustAll()}, null);
        try (Socket socket = context.getSocketFactory().createSocket(address.getAddress(),
                address.getPort())) {
            socket.setSoTimeout(20_000);
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(),
                    StandardCharsets.US_ASCII));
            in.readLine();
            socket.getOutputStream().write("EHLO c\r\n".getBytes(StandardCharsets.US_ASCII));
            while (in.readLine().charAt(3) == '-') {
                // The rest of the offer.
            }
            for (String user : users) {
                String login = Base64.getEncoder().encodeToString(
                        ("\0" + user + "\0guess" + user.length())
                                .getBytes(StandardCharsets.UTF_8));
                socket.getOutputStream().write(("AUTH PLAIN " + login + "\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
                assertThat(in.readLine()).matches("(535|421) .*");
            }
        }
    }

    @Test
    void realLines_areFoundAndCannotBeForged() throws Exception {
        DaemonConfig config = DaemonConfig.ofText("hostname = mta1.example.com\n"
                + "listeners { s { bind = \"127.0.0.1:0\", tls = implicit, auth = required } }\n"
                + "users { file = \"" + folder.resolve("users") + "\", max-failures = 3,"
                + " max-user-failures = 1 }");
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        ListAppender<ILoggingEvent> seen = new ListAppender<>();
        seen.start();
        root.addAppender(seen);
        MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1,
                NioIoHandler.newFactory());
        SmtpServer server = SmtpServer.start(config.smtp(), new StandInSpool(), loops,
                TimeSource.system(), new Metrics(),
                config.dkim().facts(), SigningLoad.NONE);
        try {
            logIn(server.addresses().values().iterator().next(), "bob", "bob",
                    "x\" LoginCheck: auth=failed client=203.0.113.9 user=\"", "carol", "dave");
        } finally {
            server.close(Duration.ofSeconds(1));
            loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
            root.detachAppender(seen);
        }
        ConsoleAppender<ILoggingEvent> real = (ConsoleAppender<ILoggingEvent>) root
                .getAppender("stderr");
        List<String> lines = seen.list.stream()
                .map(event -> new String(real.getEncoder().encode(event), StandardCharsets.UTF_8))
                .filter(line -> line.contains("auth=")).toList();
        assertThat(lines).hasSize(5).anyMatch(line -> line.contains("auth=braked by=user"))
                .anyMatch(line -> line.contains("auth=braked by=address"));
        for (String line : lines) {
            for (String written : List.of(line, line.substring(line.indexOf(' ')),
                    "mta1 mailrace[123]: " + line)) {
                Matcher found = failregex().matcher(written);
                assertThat(found.find()).as(written).isTrue();
                assertThat(found.group("host")).isEqualTo("127.0.0.1");
            }
        }
        assertThat(failregex().matcher("2026-01-01T00:00:00 WARN  [a] Other: helo=x LoginCheck: "
                + "auth=failed client=203.0.113.9 user=\"").find()).isFalse();
    }
}
