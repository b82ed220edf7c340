// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SmtpReplyParserTest {
    private final SmtpReplyParser parser = new SmtpReplyParser();
    private final List<SmtpReply> replies = new ArrayList<>();

    private boolean feed(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        return parser.feed(bytes, 0, bytes.length, replies);
    }

    @Test
    void feed_splitAtAnyByte_readsTheSame() {
        String text = "250-2.1.0 one\r\n250 2.1.0 two\r\n550\n354 go\r\n";
        for (int cut = 0; cut <= text.length(); cut++) {
            SmtpReplyParser fresh = new SmtpReplyParser();
            List<SmtpReply> out = new ArrayList<>();
            byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
            assertThat(fresh.feed(bytes, 0, cut, out)).isTrue();
            assertThat(fresh.feed(bytes, cut, bytes.length - cut, out)).isTrue();
            assertThat(out).hasSize(3);
            assertThat(out.getFirst().lines()).containsExactly("one", "two");
            assertThat(out.getFirst().status().orElseThrow()).hasToString("2.1.0");
            assertThat(out.get(1).code()).isEqualTo(550);
            assertThat(fresh.insideReply()).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"000 a\r\n", "150 a\r\n", "999 a\r\n", "1yz a\r\n", "HTTP/1.1 400\r\n",
            "* OK IMAP\r\n", "\r\n", "25\r\n", "2500 a\r\n", "250_a\r\n", "250-a\r\n550 b\r\n"})
    void feed_garbage_breaks(String text) {
        assertThat(feed(text)).isFalse();
        assertThat(replies).isEmpty();
        assertThat(feed("250 ok\r\n")).as("broken for good").isFalse();
        assertThat(replies).isEmpty();
    }

    @Test
    void feed_endlessLine_breaksAtTheBound() {
        assertThat(feed("250 " + "x".repeat(3000))).isFalse();
        assertThat(parser.broken()).contains("too long");
    }

    @Test
    void feed_endlessLines_breaksAtTheBound() {
        assertThat(feed("250-x\r\n".repeat(100))).isTrue();
        assertThat(feed("250-x\r\n")).isFalse();
    }

    @Test
    void feed_ehloLines_mayBeMore() {
        parser.expectEhlo(true);
        assertThat(feed("250-x\r\n".repeat(199) + "250 x\r\n")).isTrue();
        assertThat(replies).hasSize(1);
    }

    @Test
    void feed_hugeReply_breaks() {
        assertThat(feed(("250-" + "x".repeat(2000) + "\r\n").repeat(40))).isFalse();
    }

    /** As many of these are held as an attempt has recipients. */
    @Test
    void feed_longRefusal_itsBeginningIsKept() {
        String line = "x".repeat(600) + "\r\n";
        assertThat(feed(("450-" + line).repeat(99) + "450 4.2.0 " + line)).isTrue();
        SmtpReply cut = replies.getFirst();
        assertThat(cut.code()).isEqualTo(450);
        assertThat(cut.status().orElseThrow()).as("of a line not kept").hasToString("4.2.0");
        assertThat(cut.text()).hasSizeGreaterThan(1990).hasSizeLessThanOrEqualTo(2000);
        assertThat(cut.lines()).hasSize(4).startsWith("x".repeat(600));
        assertThat(parser.insideReply()).isFalse();
        assertThat(feed("250 2.1.5 fine\r\n")).isTrue();
        assertThat(replies.getLast().text()).isEqualTo("fine");
        assertThat(feed(("450-" + line).repeat(100))).isTrue();
        assertThat(parser.insideReply()).isTrue();
        assertThat(feed("450 " + line)).as("lines not kept count too").isFalse();
        assertThat(parser.broken()).contains("too many lines");
    }

    @Test
    void feed_longEhloReply_isKeptWhole() {
        parser.expectEhlo(true);
        String line = "x".repeat(600) + "\r\n";
        assertThat(feed(("250-" + line).repeat(99) + "250 SIZE\r\n")).isTrue();
        assertThat(replies.getFirst().lines()).hasSize(100).contains("x".repeat(600))
                .endsWith("SIZE");
        assertThat(feed(("550-" + line).repeat(99) + "550 no\r\n")).isTrue();
        assertThat(replies.getLast().text()).as("a refusal lists nothing")
                .hasSizeLessThanOrEqualTo(2000);
    }

    @Test
    void feed_controlCharacters_areCleaned() {
        assertThat(feed("550 a\u001b[31mb\u00e4c\r\n")).isTrue();
        assertThat(replies.getFirst().text()).isEqualTo("a?[31mb?c");
    }

    @Test
    void feed_statusOfOtherClass_isText() {
        assertThat(feed("550 2.0.0 odd\r\n")).isTrue();
        assertThat(replies.getFirst().status()).isEmpty();
        assertThat(replies.getFirst().text()).isEqualTo("2.0.0 odd");
    }

    @Test
    void mayBecome421_prefix_decides() {
        feed("42");
        assertThat(parser.mayBecome421()).isTrue();
        feed("2 x\r\n5");
        assertThat(parser.mayBecome421()).isFalse();
    }
}
