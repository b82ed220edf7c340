// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import io.mailrace.core.SmtpReply;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * What XCLIENT says: for whom a balancer speaks (Postfix's XCLIENT_README). Every attribute is
 * checked; address and login are used. NAME, PORT, PROTO and HELO are not: we trust no name, and
 * the client says EHLO again.
 */
sealed interface XclientCommand {
    /** The attributes anybody in xclient-from may give. */
    String OFFER = "XCLIENT NAME ADDR PORT PROTO HELO";

    /** @param login who logged in there */
    record Become(Client client, Optional<String> login) implements XclientCommand {
        /** Who speaks from now on; once named, a client speaks for nobody else. */
        ClientOrigin of(ClientOrigin now, ListenerConfig listener) {
            return switch (client) {
                case Client.Named(InetAddress address) -> now.speakingFor(address, listener);
                case Client.Unknown() -> now.unknown();
                case Client.Same() -> login.isPresent() ? now.forItself() : now;
            };
        }
    }

    record Refused(SmtpReply reply) implements XclientCommand {}

    /** Whose address it is. */
    sealed interface Client {
        record Named(InetAddress address) implements Client {}

        /** The balancer does not know. */
        record Unknown() implements Client {}

        /** Nothing was said of it. */
        record Same() implements Client {}
    }

    /** The attributes, collected one by one. Confined to one call of {@link #parse}. */
    final class Attributes {
        private static final int MAX_VALUE = 255;
        private final Set<String> seen = new HashSet<>();
        private Client client = new Client.Same();
        private Optional<String> login = Optional.empty();

        private boolean take(String key, String encoded) {
            Optional<String> decoded = decode(encoded);
            if (!seen.add(key) || decoded.isEmpty()) {
                return false;
            }
            String value = decoded.get();
            boolean known = !Ascii.equalsIgnoreCase(value, "[UNAVAILABLE]")
                    && !Ascii.equalsIgnoreCase(value, "[TEMPUNAVAIL]");
            return switch (key) {
                case "ADDR" -> known ? takeAddress(value) : takeUnknown();
                case "PORT" -> !known || (value.length() <= 5
                        && value.chars().allMatch(c -> c >= '0' && c <= '9'));
                case "PROTO" -> !known || Ascii.equalsIgnoreCase(value, "SMTP")
                        || Ascii.equalsIgnoreCase(value, "ESMTP");
                case "NAME", "HELO" -> true;
                case "LOGIN" -> {
                    login = known ? Optional.of(value) : Optional.empty();
                    yield true;
                }
                default -> false;
            };
        }

        private boolean takeAddress(String value) {
            String address = Ascii.startsWithIgnoreCase(value, "IPV6:")
                    ? value.substring(5)
                    : value;
            Optional<InetAddress> parsed = Cidr.parseAddress(address);
            parsed.ifPresent(one -> client = new Client.Named(one));
            return parsed.isPresent();
        }

        private boolean takeUnknown() {
            client = new Client.Unknown();
            return true;
        }

        /** Xtext (RFC 3461 4) of printable ASCII; empty for anything else. */
        private static Optional<String> decode(String text) {
            if (text.isEmpty() || text.length() > 3 * MAX_VALUE || !XText.valid(text)) {
                return Optional.empty();
            }
            StringBuilder out = new StringBuilder(text.length());
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == '+') {
                    c = (char) Integer.parseInt(text.substring(i + 1, i + 3), 16);
                    i += 2;
                }
                out.append(c);
            }
            return out.length() > MAX_VALUE ? Optional.empty() : Optional.of(out.toString());
        }
    }

    static XclientCommand parse(String argument) {
        Attributes attributes = new Attributes();
        if (argument.isEmpty()
                || argument.length() != argument.getBytes(StandardCharsets.UTF_8).length) {
            return new Refused(Replies.syntax("Syntax: XCLIENT attribute=value..."));
        }
        for (String word : argument.split(" +")) {
            int equals = word.indexOf('=');
            if (equals < 1 || !attributes.take(Ascii.upper(word.substring(0, equals)),
                    word.substring(equals + 1))) {
                return new Refused(Replies.syntax("Bad XCLIENT attribute"));
            }
        }
        return new Become(attributes.client, attributes.login);
    }
}
