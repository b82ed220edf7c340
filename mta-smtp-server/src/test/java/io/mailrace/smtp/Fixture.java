// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.SigningFacts;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** The configuration and the user the tests share: small bounds, so that dialogues stay short. */
final class Fixture {
    static final String USER = "alice";
    static final String PASSWORD = "open sesame";
    static final Set<String> POOLS = Set.of("default", "fast");
    /** Signs for {@code signed.test}, and covers all but Feedback-ID and what begins with x-. */
    static final SigningFacts SIGNING = new SigningFacts() {
        @Override
        public boolean signsAny() {
            return true;
        }

        @Override
        public boolean signs(String fromDomain) {
            return fromDomain.equals("signed.test");
        }

        @Override
        public boolean covers(String field) {
            return !field.equals("feedback-id") && !field.startsWith("x-");
        }
    };
    private static final SmtpServerConfig CONFIG = config("");

    private Fixture() {}

    static SmtpServerConfig config(String more) {
        ConfigSource source = ConfigSource.ofText("""
                listeners {
                  submission { bind = "127.0.0.1:0", tls = starttls, auth = required }
                  submissions { bind = "127.0.0.1:0", tls = implicit, auth = required }
                  relay { bind = "127.0.0.1:0", tls = off, relay-from = ["127.0.0.0/8"] }
                  optional { bind = "127.0.0.1:0", tls = starttls, auth = optional,
                             relay-from = ["127.0.0.0/8"] }
                  foreign { bind = "127.0.0.1:0", tls = off, relay-from = ["192.0.2.0/24"] }
                  balanced { bind = "127.0.0.1:0", tls = off, relay-from = ["192.0.2.0/24"],
                             xclient-from = ["127.0.0.0/8"] }
                  balanced-login { bind = "127.0.0.1:0", tls = starttls, auth = required,
                                   xclient-from = ["127.0.0.0/8"], xclient-login = true }
                }
                submission { max-size = 20k, max-recipients = 3, max-errors = 5, max-junk = 8,
                             max-header = 2k, max-received = 5 }
                """ + more);
        return SmtpServerConfig.from(source.root(), "mta.test");
    }

    static SmtpServerConfig config() {
        return CONFIG;
    }

    /** With this users file. */
    static UsersConfig users(Path file, int hashQueue, int maxFailures) {
        return config("users { file = \"" + file + "\", hash-queue = " + hashQueue
                + ", max-failures = " + maxFailures + " }").users();
    }

    static SessionTerms terms(SmtpServerConfig config, String name) {
        return new SessionTerms(config.hostname(), name, config.listeners().get(name),
                policy(config), new MailDate(), new LongAdder(), new LongAdder());
    }

    static MessagePolicy policy(SmtpServerConfig config) {
        return new MessagePolicy(config.submission(), config.hostname(), SIGNING, POOLS,
                rule -> {});
    }

    static byte[] latin1(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static String plainLogin(String user, String password) {
        return Base64.getEncoder().encodeToString(
                ("\0" + user + "\0" + password).getBytes(StandardCharsets.UTF_8));
    }
}
