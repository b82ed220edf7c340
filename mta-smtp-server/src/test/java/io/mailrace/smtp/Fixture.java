// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.SigningFacts;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Set;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

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
    /** Users of that password, one for each right, as lines of a users file. */
    static final List<String> USER_LINES = userLines();
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
                             max-header = 2k, max-received = 5, binarymime = true }
                users { max-failures = 10000, max-user-failures = 10000 }
                pools { b { sources { one = 1 } } }
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

    private static List<String> userLines() {
        String hash = PasswordHash.of(PASSWORD.getBytes(StandardCharsets.UTF_8),
                new SecureRandom()).toString();
        ScramSecret scram = ScramSecret.of(PASSWORD.toCharArray(), new SecureRandom());
        return Stream.of(USER + ":HASH:alice:scram=" + scram,
                "shop:HASH:team:from=shop.test,*.shop.test", "news:HASH:team:lane=bulk pool=b",
                "picky:HASH::lanes=default,bulk", "small:HASH::size=2k", "hasty:HASH::rate=2/h",
                "crowd:HASH::rcpt-rate=2/h", "mute:HASH::control=none", "later:HASH::hold=7d",
                "agency:HASH:full:control=lane,tag,tenant",
                "seller:HASH:team:from=shop.test rate=1000/s rcpt-rate=1000/s size=10k")
                .map(line -> line.replace("HASH", hash)).toList();
    }

    /** {@link #USER_LINES} as read. */
    static UserTable userTable() {
        try {
            return UserTable.parse(USER_LINES, CONFIG.pools());
        } catch (UserTable.BadFile wrong) {
            throw new IllegalStateException(wrong);
        }
    }

    static SessionTerms terms(SmtpServerConfig config, String name) {
        return new SessionTerms(config.hostname(), name, config.listeners().get(name),
                new ListenerShare(config.listeners().get(name).pressure()), policy(config),
                new MailDate(), new LongAdder(), new LongAdder());
    }

    static MessagePolicy policy(SmtpServerConfig config) {
        return new MessagePolicy(config.submission(), config.hostname(), SIGNING, POOLS,
                rule -> {}, "full"::equals);
    }

    static byte[] latin1(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static String plainLogin(String user, String password) {
        return Base64.getEncoder().encodeToString(
                ("\0" + user + "\0" + password).getBytes(StandardCharsets.UTF_8));
    }
}
