// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.SmtpReply;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Pattern;

/** What MAIL FROM says (RFC 5321 4.1.1.2), or why it is refused. */
sealed interface MailCommand {

    /** @param size the declared size, 0 when none was (RFC 1870) */
    record Begin(MailAddress sender, MailOptions options, long size) implements MailCommand {}

    record Refused(SmtpReply reply) implements MailCommand {}

    /**
     * What the client was offered.
     *
     * @param extended EHLO was said: without it there are no parameters
     * @param binaryMime content may be announced as BINARYMIME
     * @param maxHold how far ahead a release may be; zero when none may be named
     * @param nowEpochMillis what relative times count from
     */
    record Offer(boolean extended, boolean binaryMime, Duration maxHold, long nowEpochMillis) {}

    /** The parameters, collected one by one. Confined to one call of {@link #parse}. */
    final class Parameters {
        private static final int MAX_SECONDS_DIGITS = 9;
        private static final int MAX_DATE = 40;
        private static final Pattern DATE_TIME = Pattern.compile("\\d{4}-\\d\\d-\\d\\dT"
                + "\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)");
        private static final int MAX_SIZE_DIGITS = 19;
        private static final int MAX_ENVID = 100;
        private MailOptions options = MailOptions.NONE;
        private final Offer offer;
        private boolean held;
        private long size;

        private Parameters(Offer offer) {
            this.offer = offer;
        }

        private Optional<SmtpReply> take(String key, String value) {
            return switch (key) {
                case "SIZE" -> check(takeSize(value), "Bad SIZE");
                case "BODY" -> Ascii.equalsIgnoreCase(value, "BINARYMIME") && !offer.binaryMime()
                        ? Optional.of(Replies.UNKNOWN_PARAMETER)
                        : check(takeBody(value), "Bad BODY");
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
                case "HOLDFOR" -> hold(key, holdFor(value));
                case "HOLDUNTIL" -> hold(key, holdUntil(value));
                case "BY" -> check(takeBy(value), "Bad BY");
                case "MT-PRIORITY" -> check(takePriority(value), "Bad MT-PRIORITY");
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
            if (Ascii.equalsIgnoreCase(value, "BINARYMIME")) {
                options = options.with(MailOptions.Body.BINARY_MIME);
                return true;
            }
            return Ascii.equalsIgnoreCase(value, "7BIT");
        }

        /** RFC 4865 4: one of the two, and not further ahead than was offered. */
        private Optional<SmtpReply> hold(String key, OptionalLong untilEpochMillis) {
            if (offer.maxHold().isZero()) {
                return Optional.of(Replies.UNKNOWN_PARAMETER);
            }
            if (untilEpochMillis.isEmpty() || held) {
                return Optional.of(Replies.syntax("Bad " + key));
            }
            held = true;
            long until = untilEpochMillis.getAsLong();
            if (until > offer.nowEpochMillis() + offer.maxHold().toMillis()) {
                return Optional.of(Replies.HELD_TOO_LONG);
            }
            options = options.withRelease(until > offer.nowEpochMillis() ? until : 0);
            return Optional.empty();
        }

        private OptionalLong holdFor(String seconds) {
            return seconds.isEmpty() || seconds.charAt(0) == '0' || !isSeconds(seconds)
                    ? OptionalLong.empty()
                    : OptionalLong.of(offer.nowEpochMillis() + 1000 * Long.parseLong(seconds));
        }

        /** A date and time of RFC 3339 5.6. */
        private static OptionalLong holdUntil(String text) {
            String date = Ascii.upper(text);
            if (date.length() > MAX_DATE || !DATE_TIME.matcher(date).matches()) {
                return OptionalLong.empty();
            }
            try {
                return OptionalLong.of(OffsetDateTime.parse(date).toInstant().toEpochMilli());
            } catch (DateTimeParseException noSuchDay) {
                return OptionalLong.empty();
            }
        }

        /** RFC 2852 4: a time, a semicolon, the mode, perhaps a T. */
        private boolean takeBy(String value) {
            int semicolon = value.indexOf(';');
            if (semicolon < 1) {
                return false;
            }
            boolean signed = value.charAt(0) == '-' || value.charAt(0) == '+';
            String digits = value.substring(signed ? 1 : 0, semicolon);
            String how = Ascii.upper(value.substring(semicolon + 1));
            if (!isSeconds(digits) || !Set.of("N", "R", "NT", "RT").contains(how)) {
                return false;
            }
            long seconds = Long.parseLong(digits) * (value.charAt(0) == '-' ? -1 : 1);
            boolean returned = how.charAt(0) == 'R';
            options = options.with(new MailOptions.DeliverBy(returned
                    ? MailOptions.DeliverBy.Mode.RETURN
                    : MailOptions.DeliverBy.Mode.NOTIFY, offer.nowEpochMillis() + 1000 * seconds,
                    how.length() == 2));
            return seconds > 0 || !returned;
        }

        /** RFC 6710 3: a digit, or a minus and one that is not 0. */
        private boolean takePriority(String value) {
            int digit = value.length() - 1;
            if (digit < 0 || digit > 1 || value.charAt(digit) < '0' || value.charAt(digit) > '9'
                    || (digit == 1 && (value.charAt(0) != '-' || value.charAt(1) == '0'))) {
                return false;
            }
            options = options.withPriority(Integer.parseInt(value));
            return true;
        }

        private static boolean isSeconds(String digits) {
            return !digits.isEmpty() && digits.length() <= MAX_SECONDS_DIGITS
                    && digits.chars().allMatch(c -> c >= '0' && c <= '9');
        }

        /** It would have to be given up before it may be sent. */
        private boolean endsBeforeRelease() {
            MailOptions.DeliverBy by = options.deliverBy();
            return by.mode() == MailOptions.DeliverBy.Mode.RETURN
                    && by.epochMillis() <= options.releaseEpochMillis();
        }

        private boolean takeRet(String value) {
            boolean full = Ascii.equalsIgnoreCase(value, "FULL");
            options = options.with(full ? MailOptions.Ret.FULL : MailOptions.Ret.HEADERS);
            return full || Ascii.equalsIgnoreCase(value, "HDRS");
        }
    }

    static MailCommand parse(String argument, Offer offer) {
        Optional<PathArgument> split = PathArgument.parse(argument, "FROM:");
        if (split.isEmpty()) {
            return new Refused(Replies.syntax("Syntax: MAIL FROM:<address>"));
        }
        if (!offer.extended() && !split.get().parameters().isEmpty()) {
            return new Refused(Replies.PARAMETER_NEEDS_EHLO);
        }
        Parameters parameters = new Parameters(offer);
        for (Map.Entry<String, String> one : split.get().parameters().entrySet()) {
            Optional<SmtpReply> refused = parameters.take(one.getKey(), one.getValue());
            if (refused.isPresent()) {
                return new Refused(refused.get());
            }
        }
        if (parameters.endsBeforeRelease()) {
            return new Refused(Replies.syntax("BY ends before the release"));
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
