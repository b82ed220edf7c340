// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Lane;
import io.mailrace.core.LintRule;
import io.mailrace.core.SmtpReply;

/**
 * Every fixed reply of the server, with its enhanced status (RFC 2034, RFC 3463). Texts are short
 * and bland: what went wrong inside is for the log.
 */
final class Replies {
    private Replies() {}

    static final SmtpReply BYE = SmtpReply.of(221, "2.0.0", "Bye");
    static final SmtpReply AUTHENTICATED = SmtpReply.of(235, "2.7.0", "Authentication successful");
    static final SmtpReply OK = SmtpReply.of(250, "2.0.0", "OK");
    static final SmtpReply SENDER_OK = SmtpReply.of(250, "2.1.0", "Sender OK");
    /** RFC 6710 9: the new priority stands first. */
    static final SmtpReply PRIORITY_CHANGED = SmtpReply.of(250, "2.3.6",
            "0 is the new priority assigned to the message");
    static final SmtpReply RECIPIENT_OK = SmtpReply.of(250, "2.1.5", "Recipient OK");
    static final SmtpReply CHUNK_OK = SmtpReply.of(250, "2.0.0", "Chunk received");
    static final SmtpReply START_TLS = SmtpReply.of(220, "2.0.0", "Ready to start TLS");
    static final SmtpReply HELP = SmtpReply.of(214, "2.0.0", "See RFC 5321 and RFC 6409");
    static final SmtpReply CANNOT_VERIFY = SmtpReply.of(252, "2.1.5",
            "Cannot verify, send some mail and see");
    static final SmtpReply SEND_CONTENT = SmtpReply.of(354, "End data with <CRLF>.<CRLF>");

    static final SmtpReply IDLE = SmtpReply.of(421, "4.4.2", "Timeout, closing connection");
    static final SmtpReply STOPPING = SmtpReply.of(421, "4.3.2", "Server shutting down");
    static final SmtpReply TOO_MANY_ERRORS = SmtpReply.of(421, "4.7.0",
            "Too many errors, closing connection");
    static final SmtpReply TOO_MANY_CONNECTIONS = SmtpReply.of(421, "4.7.0",
            "Too many connections, try again later");
    static final SmtpReply TOO_MANY_LOGINS_FAILED = SmtpReply.of(421, "4.7.0",
            "Too many failed logins, try again later");
    static final SmtpReply FAR_TOO_MANY_RECIPIENTS = SmtpReply.of(421, "4.5.3",
            "Too many recipients, closing connection");
    static final SmtpReply NOT_SMTP = SmtpReply.of(421, "4.7.0", "This is not a web server");
    static final SmtpReply BROKEN = SmtpReply.of(421, "4.3.0", "Internal error");

    static final SmtpReply USER_TOO_FAST = SmtpReply.of(451, "4.7.1",
            "Message rate of this user exceeded, try again later");
    static final SmtpReply NOT_STORED = SmtpReply.of(451, "4.3.0",
            "Message could not be stored, try again later");
    static final SmtpReply STORAGE_FULL = SmtpReply.of(452, "4.3.1",
            "Insufficient system storage, try again later");
    static final SmtpReply BUSY = SmtpReply.of(452, "4.3.1", "Too busy, try again later");
    static final SmtpReply TOO_MUCH_WAITS = SmtpReply.of(452, "4.2.2",
            "Too much of your mail is waiting, try again later");
    static final SmtpReply TLS_BUSY = SmtpReply.of(454, "4.7.0",
            "TLS not available now, try again later");
    static final SmtpReply TOO_MANY_RECIPIENTS = SmtpReply.of(452, "4.5.3",
            "Too many recipients, send the rest in another message");
    static final SmtpReply USER_TOO_MANY_RECIPIENTS = SmtpReply.of(452, "4.7.1",
            "Recipient rate of this user exceeded, try again later");
    static final SmtpReply LOGINS_BUSY = SmtpReply.of(454, "4.7.0",
            "Temporary authentication failure, try again later");

    static final SmtpReply LINE_TOO_LONG = SmtpReply.of(500, "5.5.2", "Line too long");
    static final SmtpReply AUTH_LINE_TOO_LONG = SmtpReply.of(500, "5.5.6",
            "Authentication line too long");
    static final SmtpReply UNKNOWN_COMMAND = SmtpReply.of(500, "5.5.2", "Command not recognized");
    static final SmtpReply BAD_CHARACTERS = SmtpReply.of(501, "5.5.2",
            "Control characters, broken UTF-8 or a line not ended by CRLF");
    static final SmtpReply NO_ARGUMENT = SmtpReply.of(501, "5.5.4",
            "This command takes no argument");
    static final SmtpReply NEEDS_NAME = SmtpReply.of(501, "5.5.4", "Name or address needed");
    static final SmtpReply BAD_CHUNK = SmtpReply.of(501, "5.5.4",
            "BDAT needs a size, closing connection");
    static final SmtpReply AUTH_MALFORMED = SmtpReply.of(501, "5.5.2",
            "Cannot decode authentication response");
    static final SmtpReply AUTH_CANCELLED = SmtpReply.of(501, "5.7.0", "Authentication cancelled");
    static final SmtpReply NOT_OFFERED = SmtpReply.of(502, "5.5.1", "Command not offered here");
    static final SmtpReply NEEDS_HELLO = SmtpReply.of(503, "5.5.1", "Send EHLO first");
    static final SmtpReply NEEDS_MAIL = SmtpReply.of(503, "5.5.1", "Send MAIL first");
    static final SmtpReply NESTED_MAIL = SmtpReply.of(503, "5.5.1", "Sender already given");
    static final SmtpReply CHUNKS_BEGUN = SmtpReply.of(503, "5.5.1", "Only BDAT may follow BDAT");
    static final SmtpReply BINARY_NEEDS_BDAT = SmtpReply.of(503, "5.5.1",
            "BODY=BINARYMIME takes BDAT only");
    static final SmtpReply AUTH_TWICE = SmtpReply.of(503, "5.5.1", "Already authenticated");
    static final SmtpReply AUTH_IN_MAIL = SmtpReply.of(503, "5.5.1",
            "Not permitted during a mail transaction");
    static final SmtpReply TLS_TWICE = SmtpReply.of(503, "5.5.1", "TLS already active");
    static final SmtpReply AUTH_UNKNOWN = SmtpReply.of(504, "5.5.4",
            "Authentication mechanism not offered");
    static final SmtpReply NO_CHANNEL_BINDING = SmtpReply.of(504, "5.5.4",
            "Channel binding not offered");
    static final SmtpReply NEEDS_AUTH = SmtpReply.of(530, "5.7.0", "Authentication required");
    static final SmtpReply NEEDS_TLS = SmtpReply.of(530, "5.7.0",
            "Must issue a STARTTLS command first");
    static final SmtpReply LOGIN_WRONG = SmtpReply.of(535, "5.7.8",
            "Authentication credentials invalid");
    static final SmtpReply AUTH_NEEDS_TLS = SmtpReply.of(538, "5.7.11",
            "Encryption required for authentication");
    static final SmtpReply NO_XCLIENT = SmtpReply.of(550, "5.7.1",
            "XCLIENT is not taken from here");
    static final SmtpReply NO_XCLIENT_LOGIN = SmtpReply.of(550, "5.7.1",
            "LOGIN is not taken from here");
    static final SmtpReply NO_RELAY = SmtpReply.of(550, "5.7.1", "Relaying denied");
    static final SmtpReply SENDER_NOT_HIS = SmtpReply.of(550, "5.7.1",
            "Sender domain not permitted for this user");
    static final SmtpReply FROM_NOT_HIS = SmtpReply.of(550, "5.7.1",
            "From domain not permitted for this user");
    static final SmtpReply TOO_LARGE = SmtpReply.of(552, "5.3.4", "Message too large");
    static final SmtpReply NEEDS_SMTPUTF8 = SmtpReply.of(553, "5.6.7",
            "Address needs the SMTPUTF8 parameter");
    static final SmtpReply NO_RECIPIENTS = SmtpReply.of(554, "5.5.1", "No valid recipients");
    static final SmtpReply INJECTION = SmtpReply.of(554, "5.5.1",
            "Nothing may follow STARTTLS, closing connection");
    static final SmtpReply BARE_LINE_ENDS = SmtpReply.of(554, "5.6.0",
            "Message has NUL, or CR or LF that is not part of CRLF");
    static final SmtpReply BINARY_WITHOUT_HEADER = SmtpReply.of(554, "5.6.0",
            "BODY=BINARYMIME needs a header that ends with an empty line");
    static final SmtpReply HELD_TOO_LONG = SmtpReply.of(554, "5.5.4",
            "Release is further ahead than was offered");
    static final SmtpReply LONG_LINE = SmtpReply.of(554, "5.6.0",
            "Message has a line longer than 998 octets");
    static final SmtpReply LONG_HEADER = SmtpReply.of(554, "5.6.0", "Message header too large");
    static final SmtpReply LOOP = SmtpReply.of(554, "5.4.6", "Too many hops");
    static final SmtpReply UNKNOWN_PARAMETER = SmtpReply.of(555, "5.5.4",
            "Parameter not recognized");
    static final SmtpReply PARAMETER_NEEDS_EHLO = SmtpReply.of(555, "5.5.4",
            "Parameters are taken after EHLO only");

    static final SmtpReply REQUIRETLS_NEEDS_TLS = SmtpReply.of(530, "5.7.10",
            "REQUIRETLS is taken over TLS only");

    static final SmtpReply FIELDS_DIFFER = SmtpReply.of(554, "5.5.3",
            "Recipients need different header fields, send to them separately");

    static final SmtpReply TOO_MANY_CONTROLS = SmtpReply.of(554, "5.6.0",
            "More than " + ControlField.MAX_READ + " X-Mailrace- fields");

    static SmtpReply controlNotAllowed(ControlField field) {
        return SmtpReply.of(550, "5.7.1", field.fieldName() + " is not allowed for this sender");
    }

    static SmtpReply laneNotAllowed(Lane lane) {
        return SmtpReply.of(550, "5.7.1", ControlField.LANE.fieldName() + ": " + lane.word()
                + " is not allowed for this sender");
    }

    static SmtpReply controlUnusable(ControlField field) {
        return SmtpReply.of(554, "5.6.0", field.fieldName() + " has a value that means nothing");
    }

    static SmtpReply breaksRule(LintRule rule) {
        String text = rule.word() + ": " + rule.sentence();
        return rule.isPolicy() ? SmtpReply.of(550, "5.7.1", text)
                : SmtpReply.of(554, "5.6.0", text);
    }

    static SmtpReply syntax(String text) {
        return SmtpReply.of(501, "5.5.4", text);
    }

    static SmtpReply badSender() {
        return SmtpReply.of(501, "5.1.7", "Bad sender address syntax");
    }

    static SmtpReply badRecipient() {
        return SmtpReply.of(501, "5.1.3", "Bad recipient address syntax");
    }
}
