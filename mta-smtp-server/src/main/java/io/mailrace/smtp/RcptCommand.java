// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import java.util.Map;
import java.util.Optional;

/** What RCPT TO says (RFC 5321 4.1.1.3), or why it is refused. */
sealed interface RcptCommand {
    int MAX_ORCPT = 500;

    record Add(Recipient recipient) implements RcptCommand {}

    record Refused(SmtpReply reply) implements RcptCommand {}

    /** @param extended EHLO was said: without it there are no parameters */
    static RcptCommand parse(String argument, boolean extended, boolean smtputf8,
            String hostname) {
        Optional<PathArgument> split = PathArgument.parse(argument, "TO:");
        if (split.isEmpty()) {
            return new Refused(Replies.syntax("Syntax: RCPT TO:<address>"));
        }
        if (!extended && !split.get().parameters().isEmpty()) {
            return new Refused(Replies.PARAMETER_NEEDS_EHLO);
        }
        int notify = 0;
        String orcpt = "";
        for (Map.Entry<String, String> one : split.get().parameters().entrySet()) {
            switch (one.getKey()) {
                case "NOTIFY" -> {
                    notify = notifyFlags(one.getValue());
                    if (notify < 0) {
                        return new Refused(Replies.syntax("Bad NOTIFY"));
                    }
                }
                case "ORCPT" -> {
                    orcpt = one.getValue();
                    if (!validOrcpt(orcpt)) {
                        return new Refused(Replies.syntax("Bad ORCPT"));
                    }
                }
                default -> {
                    return new Refused(Replies.UNKNOWN_PARAMETER);
                }
            }
        }
        String path = split.get().path();
        // RFC 5321 4.5.1: postmaster without a domain is an address of ours.
        Optional<MailAddress> address = MailAddress.parse(
                Ascii.equalsIgnoreCase(path, "postmaster") ? path + "@" + hostname : path);
        if (address.isEmpty()) {
            return new Refused(Replies.badRecipient());
        }
        if (!smtputf8 && !Ascii.isAscii(path)) {
            return new Refused(Replies.NEEDS_SMTPUTF8);
        }
        return new Add(new Recipient(address.get(), notify, orcpt));
    }

    /** RFC 3461 4.1: NEVER alone, or a list of the others; -1 for anything else. */
    private static int notifyFlags(String value) {
        if (Ascii.equalsIgnoreCase(value, "NEVER")) {
            return Recipient.NOTIFY_NEVER;
        }
        int flags = 0;
        for (String word : value.split(",", -1)) {
            int flag = switch (Ascii.upper(word)) {
                case "SUCCESS" -> Recipient.NOTIFY_SUCCESS;
                case "FAILURE" -> Recipient.NOTIFY_FAILURE;
                case "DELAY" -> Recipient.NOTIFY_DELAY;
                default -> 0;
            };
            if (flag == 0 || (flags & flag) != 0) {
                return -1;
            }
            flags |= flag;
        }
        return flags;
    }

    /** RFC 3461 4.2: an address type, a semicolon, and the address as xtext. */
    private static boolean validOrcpt(String value) {
        int semicolon = value.indexOf(';');
        if (semicolon < 1 || semicolon == value.length() - 1 || value.length() > MAX_ORCPT) {
            return false;
        }
        String type = value.substring(0, semicolon);
        String address = value.substring(semicolon + 1);
        boolean atom = type.chars().allMatch(c -> (c >= 'a' && c <= 'z')
                || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-');
        return atom && (Ascii.equalsIgnoreCase(type, "utf-8")
                ? XText.validUtf8Address(address)
                : XText.valid(address));
    }
}
