// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * What must hold for any bytes of a client, as a target of a fuzzer: {@code mvn verify -Pfuzz}
 * gives it to Jazzer, {@link SessionFuzzTest} to its own mutations. The first byte chooses what is
 * tried: a session on a listener, in pieces, or one of the parsers. Throws an {@link
 * AssertionError} where something does not hold.
 */
public final class SessionFuzz {
    private static final String[] LISTENERS = {"relay", "submission", "submissions", "optional",
            "foreign"};
    private static final MailCommand.Offer OFFER = new MailCommand.Offer(true, true,
            Duration.ofDays(7), 1_700_000_000_000L);
    private static final SmtpServerConfig CONFIG = Fixture.config();
    /** Replies that need no line of the client: greeting, the ends, one for each login. */
    private static final int REPLIES_ANYWAY = 8;

    private SessionFuzz() {}

    /** The name is Jazzer's. */
    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length < 2) {
            return;
        }
        int choice = input[0] & 0xff;
        int piece = 1 + (input[1] & 0xff);
        if (choice % 8 < LISTENERS.length) {
            session(LISTENERS[choice % 8], piece, input, 2);
        } else {
            parsers(new String(input, 1, input.length - 1, StandardCharsets.UTF_8));
        }
    }

    /** Plays the bytes in pieces of that length. */
    static void session(String listener, int piece, byte[] input, int from) {
        SessionDriver driver = new SessionDriver(CONFIG, listener);
        driver.budget = new IntakeBudget(256 << 10);
        driver.open();
        int lines = 0;
        for (int at = from; at < input.length && !driver.closed; at += piece) {
            int end = Math.min(input.length, at + piece);
            for (int i = at; i < end; i++) {
                lines += input[i] == '\n' ? 1 : 0;
            }
            driver.feed(input, at, end);
            if (driver.tlsAsked && !driver.closed) {
                driver.tlsAsked = false;
                driver.establishTls();
            }
            must(driver.budget.used() <= driver.budget.limit(), "the budget is a bound");
        }
        driver.session.lost();
        int perLine = 0;
        for (SmtpReply reply : driver.replies) {
            must(reply.code() >= 214 && reply.code() < 600, "a reply has a code: " + reply);
            perLine++;
        }
        // A chunk may hold a whole message without a line end in it; its end is a line of ours.
        must(perLine <= lines + REPLIES_ANYWAY, perLine + " replies to " + lines + " lines");
        for (String line : driver.lines) {
            must(line.length() <= 512, "a reply line has 512 octets at most");
            must(line.chars().allMatch(c -> c >= 32 && c < 127), "a reply is text: " + line);
        }
        must(driver.spool.begun.get() == driver.spool.discarded.get()
                + driver.spool.stored.size(), "what was begun has ended");
        must(driver.budget.used() == 0, "all memory was given back");
        for (RecordingSpool.Stored mail : driver.spool.stored) {
            if (mail.submission().facts().binary()) {
                int body = mail.text().indexOf("\r\n\r\n") + 4;
                must(mail.submission().options().body() == MailOptions.Body.BINARY_MIME,
                        "what is binary was announced so");
                must(body > 3, "there is a header");
                checkText(mail.text().substring(0, body));
            } else {
                checkText(mail.text());
            }
        }
    }

    /** What is stored as text has one end, so no relay after us can see two messages in it. */
    private static void checkText(String text) {
        must(text.endsWith("\r\n"), "a message ends with a line end");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            must(c != 0 && (c != '\n' || text.charAt(i - 1) == '\r')
                    && (c != '\r' || text.charAt(i + 1) == '\n'), "only CRLF ends a line");
        }
    }

    private static void parsers(String text) {
        MailAddress.parse(text).ifPresent(address -> must(
                MailAddress.parse(address.toString()).filter(address::equals).isPresent(),
                "an address is read back as itself: " + address));
        boolean clean = text.chars().allMatch(c -> c >= 32 && c != 127);
        for (String argument : new String[]{text, "FROM:" + text, "FROM:<a@b.example> " + text}) {
            if (MailCommand.parse(argument, OFFER) instanceof MailCommand.Begin begin && clean) {
                must(begin.size() >= 0, "a size is not negative");
                must(!Ascii.isAscii(argument) || Ascii.isAscii(begin.sender().toString()),
                        "ASCII stays ASCII");
            }
        }
        for (String argument : new String[]{text, "TO:" + text, "TO:<a@b.example> " + text}) {
            RcptCommand command = RcptCommand.parse(argument, true, true, "mta.test");
            if (command instanceof RcptCommand.Add add) {
                must(add.recipient().orcpt().length() <= 500, "ORCPT has a bound");
            }
        }
        BdatCommand.parse(text).ifPresent(
                chunk -> must(chunk.size() >= 0, "a chunk is not negative"));
        XText.valid(text);
        XText.validUtf8Address(text);
        PathArgument.parse(text, "FROM:").ifPresent(path -> must(path.parameters().size() <= 20,
                "parameters have a bound"));
    }

    private static void must(boolean holds, String rule) {
        if (!holds) {
            throw new AssertionError(rule);
        }
    }
}
