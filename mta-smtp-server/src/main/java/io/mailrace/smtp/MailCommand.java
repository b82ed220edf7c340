// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.SmtpReply;
import java.util.Map;
import java.util.Optional;

/** What MAIL FROM says (RFC 5321 4.1.1.2), or why it is refused. */
sealed interface MailCommand {

    /** @param size the declared size, 0 when none was (RFC 1870) */
    record Begin(MailAddress sender, MailOptions options, long size) implements MailCommand {}

    record Refused(SmtpReply reply) implements MailCommand {}

    /** The parameters, collected one by one. Confined to one call of {@link #parse}. */
    final class Parameters {
        private static final int MAX_SIZE_DIGITS = 19;
        private static final int MAX_ENVID = 100;
        private MailOptions options = MailOptions.NONE;
        private long size;

        private Optional<SmtpReply> take(String key, String value) {
            return switch (key) {
                case "SIZE" -> check(takeSize(value), "Bad SIZE");
                case "BODY" -> check(takeBody(value), "Bad BODY");
                case "SMTPUTF8" -> {
                    options = options.withSmtputf8(true);
                    yield check(value.isEmpty(), "Bad SMTPUTF8");
                }
                case "REQUIRETLS" -> {
                    options = options.withRequireTls(true);
                    yield check(value.isEmpty(), "Bad REQUIRETLS");
                }
                case "RET" -> check(takeRet(value), "Bad RET");
                case "ENVID" -> {
                    options = options.withEnvid(value);
                    yield check(!value.isEmpty() && value.length() <= MAX_ENVID
                            && XText.valid(value), "Bad ENVID");
                }
                // RFC 4954 5: taken from everybody, believed from nobody.
                case "AUTH" -> check(value.equals("<>") || (!value.isEmpty()
                        && XText.valid(value)), "Bad AUTH");
                default -> Optional.of(Replies.UNKNOWN_PARAMETER);
            };
        }

        private static Optional<SmtpReply> check(boolean good, String otherwise) {
            return good ? Optional.empty() : Optional.of(Replies.syntax(otherwise));
        }

        private boolean takeSize(String digits) {
            if (digits.isEmpty() || digits.length() > MAX_SIZE_DIGITS
                    || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
                return false;
            }
            for (int i = 0; i < digits.length(); i++) {
                int digit = digits.charAt(i) - '0';
                size = size > (Long.MAX_VALUE - digit) / 10 ? Long.MAX_VALUE : size * 10 + digit;
            }
            return true;
        }

        private boolean takeBody(String value) {
            if (Ascii.equalsIgnoreCase(value, "8BITMIME")) {
                options = options.with(MailOptions.Body.EIGHT_BIT_MIME);
                return true;
            }
            return Ascii.equalsIgnoreCase(value, "7BIT");
        }

        private boolean takeRet(String value) {
            boolean full = Ascii.equalsIgnoreCase(value, "FULL");
            options = options.with(full ? MailOptions.Ret.FULL : MailOptions.Ret.HEADERS);
            return full || Ascii.equalsIgnoreCase(value, "HDRS");
        }
    }

    /** @param extended EHLO was said: without it there are no parameters */
    static MailCommand parse(String argument, boolean extended) {
        Optional<PathArgument> split = PathArgument.parse(argument, "FROM:");
        if (split.isEmpty()) {
            return new Refused(Replies.syntax("Syntax: MAIL FROM:<address>"));
        }
        if (!extended && !split.get().parameters().isEmpty()) {
            return new Refused(Replies.PARAMETER_NEEDS_EHLO);
        }
        Parameters parameters = new Parameters();
        for (Map.Entry<String, String> one : split.get().parameters().entrySet()) {
            Optional<SmtpReply> refused = parameters.take(one.getKey(), one.getValue());
            if (refused.isPresent()) {
                return new Refused(refused.get());
            }
        }
        String path = split.get().path();
        Optional<MailAddress> sender = path.isEmpty()
                ? Optional.of(MailAddress.NULL)
                : MailAddress.parse(path);
        if (sender.isEmpty()) {
            return new Refused(Replies.badSender());
        }
        if (!parameters.options.smtputf8() && !Ascii.isAscii(path)) {
            return new Refused(Replies.NEEDS_SMTPUTF8);
        }
        return new Begin(sender.get(), parameters.options, parameters.size);
    }
}
