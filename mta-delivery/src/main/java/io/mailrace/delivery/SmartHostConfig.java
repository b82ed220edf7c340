// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What holds for one configured next hop; an entry of section {@code smart-hosts}.
 *
 * @param tls empty: as section {@code delivery} says
 * @param login empty: none
 */
record SmartHostConfig(Optional<TlsPolicy> tls, Optional<Login> login) {
    static final SmartHostConfig PLAIN = new SmartHostConfig(Optional.empty(), Optional.empty());

    /** Who we are to it (RFC 4954). The password never stands in a text about it. */
    record Login(String user, String password) {
        private static final int MAX = 255;

        Login {
            if (user.isEmpty() || user.length() > MAX || password.length() > MAX
                    || (user + password).indexOf('\0') >= 0) {
                throw new IllegalArgumentException("user and password must have 1 to 255 "
                        + "characters, none of them NUL");
            }
        }

        @Override
        public String toString() {
            return "user " + user;
        }
    }

    /** By the text of {@code via}; problems are noted in the reader. */
    static Map<String, SmartHostConfig> allFrom(ConfigReader root) {
        Map<String, SmartHostConfig> all = new LinkedHashMap<>();
        root.sections("smart-hosts", "smart-host-defaults").forEach((via, reader) -> {
            Optional<SmartHostConfig> config = from(reader);
            // in lower case, as routes have it
            if (Destination.parse(Ascii.lower(via)) instanceof Destination.SmartHost host) {
                config.ifPresent(one -> all.put(host.text(), one));
            } else {
                reader.problem("user", "stands under \"" + via + "\", but a smart host is named "
                        + "as in via of routes, with its port: smtp://host:587");
            }
        });
        return all;
    }

    private static Optional<SmartHostConfig> from(ConfigReader reader) {
        Optional<TlsPolicy> tls = reader.has("tls")
                ? Optional.of(reader.choice("tls", TlsPolicy.class))
                : Optional.empty();
        String user = reader.string("user");
        String file = reader.string("password-file");
        if (user.isEmpty()) {
            if (!file.isEmpty()) {
                reader.problem("password-file", "has no meaning without user");
            }
            return Optional.of(new SmartHostConfig(tls, Optional.empty()));
        }
        if (file.isEmpty()) {
            reader.problem("user", "needs a password-file");
            return Optional.empty();
        }
        String password;
        try {
            password = Files.readString(Path.of(file)).strip();
        } catch (IOException | RuntimeException unreadable) {
            reader.problem("password-file", "must be a file with the password, but \"" + file
                    + "\" cannot be read");
            return Optional.empty();
        }
        return reader.build(() -> new SmartHostConfig(tls, Optional.of(new Login(user,
                password))));
    }
}
