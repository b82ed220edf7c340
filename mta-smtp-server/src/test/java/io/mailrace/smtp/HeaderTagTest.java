// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import io.mailrace.core.RoutingHints;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** X-Mailrace-Tag is read and goes no further, however the bytes come. */
class HeaderTagTest {

    /** What is passed on of a header, and the tag. */
    private record Read(String passed, String tag, RoutingHints hints) {}

    /** Reads a header that comes in two parts. */
    private static Read read(String header, int cut) {
        byte[] bytes = header.getBytes(StandardCharsets.ISO_8859_1);
        HeaderBuffer buffer = new HeaderBuffer();
        int at = buffer.collect(bytes, 0, cut);
        if (!buffer.ended()) {
            at = buffer.collect(bytes, cut, bytes.length);
        }
        assertThat(buffer.ended()).isTrue();
        MessageHeader fields = new MessageHeader(buffer, Set.of("x-campaign", "from"));
        ControlValues controls = ControlValues.of(fields, new ControlValues.Rights(
                EnumSet.allOf(ControlField.class), EnumSet.allOf(Lane.class), Set.of(), 0, 0));
        ByteArrayOutputStream passed = new ByteArrayOutputStream();
        fields.writeTo((from, offset, length) -> passed.write(from, offset, length));
        passed.write(bytes, at, bytes.length - at);
        return new Read(passed.toString(StandardCharsets.ISO_8859_1), controls.tag(),
                controls.hints(fields.routedValues()));
    }

    private static void always(String header, String passed, String tag) {
        for (int cut = 0; cut < header.length(); cut++) {
            assertThat(read(header, cut)).describedAs("cut at %d", cut)
                    .extracting(Read::passed, Read::tag).containsExactly(passed, tag);
        }
    }

    @Test
    void hints_laneAndRoutedFields_areRead() {
        String header = """
                X-Mailrace-Lane: Bulk
                X-Campaign: Spring
                 sale
                X-Campaign: two
                From: a@b
                To: c@d

                """.replace("\n", "\r\n");
        for (int cut = 0; cut < header.length(); cut++) {
            Read read = read(header, cut);
            assertThat(read.hints()).isEqualTo(new RoutingHints(Optional.of(Lane.BULK), Map.of(
                    "x-campaign", "Spring sale", "from", "a@b")));
            assertThat(read.passed()).startsWith("X-Campaign: Spring\r\n sale\r\n");
        }
        assertThat(read("X-Mailrace-Lane: express\r\n\r\n", 3).hints()).isEqualTo(
                RoutingHints.NONE);
    }

    @Test
    void tag_anywhere_isReadAndTakenOut() {
        always("X-Mailrace-Tag: news-48\r\nFrom: a@b\r\n\r\n", "From: a@b\r\n\r\n", "news-48");
        always("From: a@b\r\nx-mailrace-TAG : News.48\r\nTo: c@d\r\n\r\n",
                "From: a@b\r\nTo: c@d\r\n\r\n", "news.48");
        always("From: a@b\r\nX-Mailrace-Tag:last\r\n\r\n", "From: a@b\r\n\r\n", "last");
    }

    @Test
    void tag_folded_goesWithAllItsLines() {
        always("X-Mailrace-Tag:\r\n folded\r\n\r\n", "\r\n", "folded");
        always("X-Mailrace-Tag: one\r\n\ttwo\r\nTo: c@d\r\n more\r\n\r\n",
                "To: c@d\r\n more\r\n\r\n", "");
    }

    @Test
    void tag_twice_firstCountsAndBothGo() {
        always("X-Mailrace-Tag: one\r\nX-Mailrace-Tag: two\r\nTo: c@d\r\n\r\n",
                "To: c@d\r\n\r\n", "one");
    }

    @Test
    void tag_unfit_isIgnoredAndGoesAllTheSame() {
        always("X-Mailrace-Tag: a b\r\n\r\n", "\r\n", "");
        always("X-Mailrace-Tag: caf\u00e9\r\n\r\n", "\r\n", "");
        always("X-Mailrace-Tag: " + "x".repeat(65) + "\r\n\r\n", "\r\n", "");
        always("X-Mailrace-Tag: " + "x".repeat(64) + "\r\n\r\n", "\r\n", "x".repeat(64));
        always("X-Mailrace-Tag:\r\n\r\n", "\r\n", "");
    }

    @Test
    void otherFieldsOfOurs_goUnread() {
        always("""
                X-Mailrace-Tagged: no
                X-Mailrace-Ta: no
                X-Mailrace-: no
                X-MAILRACE-x: y
                 z

                """.replace("\n", "\r\n"), "\r\n", "");
    }

    @Test
    void otherFields_passUntouched() {
        String header = "X-Mailrace: no\r\nMailrace-Tag: no\r\nMy-X-Mailrace-Tag: no\r\n\r\n";
        always(header, header, "");
    }
}
