// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.testing.FakeTimeSource;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a stranger hears on each listener of the configuration that is shipped. */
class OpenRelayTest {
    private static final SmtpServerConfig SHIPPED = SmtpServerConfig.from(
            ConfigSource.ofFile(Path.of("../config/mailrace.conf")).root(), "mta1.example.com");

    static Stream<String> listeners() {
        return SHIPPED.listeners().keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("listeners")
    void stranger_mail_isRefusedOnEveryListener(String name) throws Exception {
        SessionTerms terms = Fixture.terms(SHIPPED, name);
        for (String client : List.of("203.0.113.7", "10.0.0.1", "2001:db8::1")) {
            for (String tls : List.of("", "TLSv1.3 TEST")) {
                SessionDriver driver = new SessionDriver(SHIPPED, name);
                SmtpSession session = new SmtpSession(terms,
                        ClientOrigin.of(InetAddress.getByName(client), terms.listener()), driver,
                        new FakeTimeSource());
                session.opened(tls, Optional.empty());
                say(session, "EHLO mta1.example.com");
                List<Integer> codes = new ArrayList<>();
                for (String sender : List.of("<>", "<a@mta1.example.com>", "<root@localhost>")) {
                    say(session, "MAIL FROM:" + sender);
                    codes.add(driver.codes().getLast());
                    say(session, "RCPT TO:<victim@example.net>");
                    assertThat(driver.codes().getLast()).isEqualTo(503);
                    say(session, "BDAT 0 LAST");
                }
                assertThat(codes).as(name + " " + client + " " + tls)
                        .allMatch(code -> code == 530 || code == 550);
                assertThat(driver.spool.begun.get()).isZero();
            }
        }
    }

    private static void say(SmtpSession session, String line) {
        byte[] bytes = Fixture.latin1(line + "\r\n");
        session.receive(bytes, 0, bytes.length);
    }
}
