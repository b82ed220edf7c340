// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Disposition;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.MailOptions.DeliverBy;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.Envelope;
import java.util.List;
import java.util.Optional;

/** MAIL and RCPT with the parameters a peer can take, and what a peer cannot take at all. */
final class MailCommands {
    private static final long MAX_BY_SECONDS = 999_999_999;

    private MailCommands() {}

    /**
     * Why this peer can take this message for nobody; a rule of the RFCs, so it bounces.
     *
     * @param chunks text goes by BDAT
     * @param lmtp we speak LMTP with it, which is spoken without BDAT
     */
    static Optional<SmtpReply> obstacle(Attempt attempt, Capabilities offered, boolean chunks,
            boolean lmtp, String peer) {
        Envelope envelope = attempt.envelope();
        if (offered.size() && offered.sizeLimit() > 0
                && attempt.sizeBytes() > offered.sizeLimit()) {
            return Optional.of(SmtpReply.of(552, "5.3.4", "the message has " + attempt.sizeBytes()
                    + " octets, " + peer + " takes at most " + offered.sizeLimit()));
        }
        if (utf8(envelope) && !(offered.smtpUtf8() && offered.eightBitMime())) {
            return Optional.of(SmtpReply.of(550, "5.6.7",
                    peer + " does not support SMTPUTF8, which the message needs"));
        }
        if (envelope.facts().eightBit() && !asBinary(attempt, offered, chunks)
                && !offered.eightBitMime()) {
            return Optional.of(SmtpReply.of(554, "5.6.3",
                    peer + " does not support 8BITMIME, which the message needs"));
        }
        if (binary(attempt) && !(offered.binaryMime() && offered.chunking() && !lmtp)) {
            return Optional.of(SmtpReply.of(554, "5.6.3", lmtp
                    ? "the message needs BINARYMIME, which is not sent to " + peer + " over LMTP"
                    : peer + " does not support BINARYMIME, which the message needs"));
        }
        if (envelope.options().requireTls() && !offered.requireTls()) {
            return Optional.of(SmtpReply.of(550, "5.7.30",
                    peer + " does not support REQUIRETLS, which the message needs"));
        }
        DeliverBy by = envelope.options().deliverBy();
        if (by.mode() == DeliverBy.Mode.RETURN && secondsLeft(attempt) < offered
                .deliverBySeconds()) {
            return Optional.of(SmtpReply.of(554, "5.4.7", peer + " needs at least "
                    + offered.deliverBySeconds() + " seconds to deliver, "
                    + secondsLeft(attempt) + " are left"));
        }
        return Optional.empty();
    }

    /** Whether it goes by BDAT and as BINARYMIME only (RFC 3030 3). */
    static boolean binary(Attempt attempt) {
        return attempt.envelope().facts().binary();
    }

    /** Text that was announced as binary, for a long line perhaps, goes on so where it can. */
    private static boolean asBinary(Attempt attempt, Capabilities offered, boolean chunks) {
        return binary(attempt) || (chunks && offered.binaryMime() && announcedBinary(attempt));
    }

    private static boolean announcedBinary(Attempt attempt) {
        return attempt.envelope().options().body() == MailOptions.Body.BINARY_MIME;
    }

    /** Whether the time has passed after which it must be returned (RFC 2852 2). */
    static boolean tooLate(Attempt attempt) {
        return attempt.envelope().options().deliverBy().mode() == DeliverBy.Mode.RETURN
                && secondsLeft(attempt) < 1;
    }

    private static long secondsLeft(Attempt attempt) {
        long left = attempt.envelope().options().deliverBy().epochMillis()
                - attempt.queue().now();
        return Math.clamp(Math.floorDiv(left, 1000), -MAX_BY_SECONDS, MAX_BY_SECONDS);
    }

    /** Bounces recipients whose own address the peer cannot take (RFC 6531 3.5). */
    static void refuseUtf8Recipients(Attempt attempt, Capabilities offered, String peer) {
        if (offered.smtpUtf8()) {
            return;
        }
        List<Recipient> recipients = attempt.envelope().recipients();
        for (int i = 0; i < recipients.size(); i++) {
            if (recipients.get(i).address().needsUtf8()) {
                attempt.decide(i, new Disposition.Bounced(SmtpReply.of(553, "5.6.7",
                        peer + " does not support SMTPUTF8, which the address needs")));
            }
        }
    }

    static String mail(Attempt attempt, Capabilities offered, boolean chunks) {
        Envelope envelope = attempt.envelope();
        StringBuilder line = new StringBuilder(128).append("MAIL FROM:<");
        address(line, envelope.sender()).append('>');
        if (offered.size()) {
            line.append(" SIZE=").append(attempt.sizeBytes());
        }
        if (asBinary(attempt, offered, chunks)) {
            line.append(" BODY=BINARYMIME");
        } else if ((envelope.facts().eightBit() || announcedBinary(attempt))
                && offered.eightBitMime()) {
            line.append(" BODY=8BITMIME");
        }
        if (offered.smtpUtf8() && (utf8(envelope) || envelope.recipients().stream().anyMatch(
                recipient -> recipient.address().needsUtf8()))) {
            line.append(" SMTPUTF8");
        }
        if (envelope.options().requireTls()) {
            line.append(" REQUIRETLS");
        }
        MailOptions options = envelope.options();
        if (offered.priorities() && options.priority() != 0) {
            line.append(" MT-PRIORITY=").append(options.priority());
        }
        if (offered.deliverBySeconds() >= 0 && options.deliverBy().mode() != DeliverBy.Mode.NONE) {
            line.append(" BY=").append(secondsLeft(attempt)).append(
                    options.deliverBy().mode() == DeliverBy.Mode.RETURN ? ";R" : ";N")
                    .append(options.deliverBy().trace() ? "T" : "");
        }
        if (offered.dsn()) {
            line.append(ret(options.ret()));
            if (safe(options.envid())) {
                line.append(" ENVID=").append(options.envid());
            }
        }
        return line.toString();
    }

    static String recipient(Attempt attempt, int index, Capabilities offered) {
        Recipient recipient = attempt.envelope().recipients().get(index);
        StringBuilder line = new StringBuilder(96).append("RCPT TO:<");
        address(line, recipient.address()).append('>');
        if (offered.dsn()) {
            notifyFlags(line, recipient.notifyFlags());
            if (safe(recipient.orcpt())) {
                line.append(" ORCPT=").append(recipient.orcpt());
            }
        }
        return line.toString();
    }

    private static String ret(MailOptions.Ret ret) {
        return switch (ret) {
            case UNSET -> "";
            case FULL -> " RET=FULL";
            case HEADERS -> " RET=HDRS";
        };
    }

    private static void notifyFlags(StringBuilder line, int flags) {
        if (flags == 0) {
            return;
        }
        line.append(" NOTIFY=");
        if ((flags & Recipient.NOTIFY_NEVER) != 0) {
            line.append("NEVER");
            return;
        }
        String comma = "";
        if ((flags & Recipient.NOTIFY_SUCCESS) != 0) {
            line.append("SUCCESS");
            comma = ",";
        }
        if ((flags & Recipient.NOTIFY_FAILURE) != 0) {
            line.append(comma).append("FAILURE");
            comma = ",";
        }
        if ((flags & Recipient.NOTIFY_DELAY) != 0) {
            line.append(comma).append("DELAY");
        }
    }

    /** Whether header or sender need SMTPUTF8, whoever the recipients are. */
    private static boolean utf8(Envelope envelope) {
        return envelope.facts().utf8Header() || envelope.sender().needsUtf8();
    }

    /** Appends an address. The parser let no control character in; a bug must not let it out. */
    private static StringBuilder address(StringBuilder line, MailAddress address) {
        if (address.isNull()) {
            return line;
        }
        String text = address.toString();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < 32 || text.charAt(i) == 127) {
                throw new IllegalStateException("control character in an envelope address");
            }
        }
        return line.append(text);
    }

    /** A parameter value as it may stand in a command; xtext allows no more (RFC 3461 4). */
    private static boolean safe(String value) {
        return !value.isEmpty() && value.indexOf(' ') < 0 && Ascii.isPrintable(value);
    }
}
