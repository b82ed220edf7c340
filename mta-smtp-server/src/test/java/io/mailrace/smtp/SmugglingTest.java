// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What other servers took for the end of data, each followed by a second message. Ours: one
 * message, refused or with all of it inside, at every split of the bytes, by DATA and by BDAT.
 */
class SmugglingTest {
    private static final String SECOND = String.join("\r\n", "MAIL FROM:<evil@example.com>",
            "RCPT TO:<b@example.net>", "DATA", "Subject: smuggled", "", "evil", "");
    private static final List<Integer> BEFORE = List.of(220, 250, 250, 250, 354);

    private static final String FIRST = "Subject: x\r\n\r\nbefore";

    private static SessionDriver inData() {
        SessionDriver driver = SessionDriver.relay();
        return driver.say("EHLO c", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>",
                "DATA");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r.\n",
            "\n.\r", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\n\n.\n\n", "\r\n.\n\r", "\r\n\0.\r\n",
            "\r\n.\0\r\n", "\r\0\n.\r\0\n", "\n\r.\n\r", "\r\r.\r\r", "\r\n\r.\r\n", "\0\n.\n",
            "\r\n.\r\0\n", "\n\n.\r\n", "\r\n\n.\n", "\r.\r\r\n"})
    void data_strayLineEnds_refusedOnceAfterTheTrueEnd(String sequence) {
        byte[] all = Fixture.latin1(FIRST + sequence + SECOND + "\r\n.\r\nNOOP\r\n");
        for (int split = 0; split <= all.length; split++) {
            SessionDriver driver = inData();
            driver.feed(all, 0, split).feed(all, split, all.length);
            assertThat(driver.codes()).as("split at " + split)
                    .containsExactly(220, 250, 250, 250, 354, 554, 250);
            assertThat(driver.lines).contains("554 5.6.0 " + Replies.BARE_LINE_ENDS.text());
            assertThat(driver.spool.stored).isEmpty();
            assertThat(driver.spool.discarded.get()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"\r\n.\u0085", "\u0085.\u0085", "\u00c2\u0085.\u00c2\u0085",
            "\u00e2\u0080\u00a8.\u00e2\u0080\u00a8", "\u00e2\u0080\u00a9.\u00e2\u0080\u00a9",
            "\u000b.\u000b", "\f.\f", "\u001e.\u001e", "\u008d\u008a.\u008d\u008a",
            "\r\n\u00c0\u00ae\r\n", "\r\n\u00ef\u00bc\u008e\r\n", "\r\n.\u000b\r\n",
            "\r\n. \r\n", "\r\n .\r\n", "\r\n.\t\r\n"})
    void data_lookAlikes_areText(String sequence) {
        byte[] all = Fixture.latin1(FIRST + sequence + SECOND + ".\r\nNOOP\r\n");
        for (int split = 0; split <= all.length; split++) {
            SessionDriver driver = inData();
            driver.feed(all, 0, split).feed(all, split, all.length);
            assertThat(driver.codes()).as("split at " + split)
                    .containsExactly(220, 250, 250, 250, 354, 250, 250);
            String unstuffed = sequence.startsWith("\r\n.")
                    ? "\r\n" + sequence.substring(3)
                    : sequence;
            assertThat(driver.onlyMessage().text()).endsWith("\r\n\r\nbefore" + unstuffed
                    + SECOND);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n\0.\r\n", "\r\n.\r\r\n"})
    void bdat_strayLineEnds_refused(String sequence) {
        String content = FIRST + sequence + SECOND;
        byte[] all = Fixture.latin1(content + "NOOP\r\n");
        for (int split = 0; split <= all.length; split++) {
            SessionDriver driver = SessionDriver.relay();
            driver.say("EHLO c", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>",
                    "BDAT " + content.length() + " LAST");
            driver.feed(all, 0, split).feed(all, split, all.length);
            assertThat(driver.codes()).as("split at " + split)
                    .containsExactly(220, 250, 250, 250, 554, 250);
            assertThat(driver.spool.stored).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 7, 8, 9, 13})
    void data_anyPieceSize_sameMessage(int piece) {
        String content = "From: =?utf-8?q?J=C3=BC?= <j@example.org>\r\nX: 1\r\n\tfolded\r\n\r\n"
                + "..dot\r\n\r\n" + "y".repeat(200) + "\r\nlast \u00fc\r\n";
        byte[] all = Fixture.latin1(content + ".\r\n");
        SessionDriver driver = inData();
        for (int at = 0; at < all.length; at += piece) {
            driver.feed(all, at, Math.min(all.length, at + piece));
        }
        RecordingSpool.Stored message = driver.onlyMessage();
        assertThat(message.text()).endsWith("\r\n\r\n.dot\r\n\r\n" + "y".repeat(200)
                + "\r\nlast \u00fc\r\n");
        assertThat(message.submission().facts().fromDomain()).isEqualTo("example.org");
        assertThat(message.submission().facts().eightBit()).isTrue();
        assertThat(message.submission().facts().leadingDot()).isTrue();
        assertThat(driver.codes()).startsWith(BEFORE.toArray(Integer[]::new));
    }
}
