// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.FromDomain;
import io.mailrace.core.LintMode;
import io.mailrace.core.LintRule;
import io.mailrace.core.SigningFacts;
import io.mailrace.queue.LintPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the dialogues of lint do not show: signatures, what is ignored, and the manual. */
class SenderLintTest {
    private static final String BULK = "From: a@signed.test\r\nList-Unsubscribe: "
            + "<https://signed.test/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            + "Feedback-ID: a:b:c:sender1\r\n\r\n";

    private static SigningFacts signing(boolean any, boolean signs, Set<String> uncovered) {
        return new SigningFacts() {
            @Override
            public boolean signsAny() {
                return any;
            }

            @Override
            public boolean signs(String fromDomain) {
                return signs;
            }

            @Override
            public boolean covers(String field) {
                return !uncovered.contains(field);
            }
        };
    }

    private static Set<LintRule> found(String text, LintPolicy policy, SigningFacts signing) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        HeaderBuffer buffer = new HeaderBuffer();
        buffer.collect(bytes, 0, bytes.length);
        MessageHeader header = new MessageHeader(buffer, Set.of());
        SenderLint lint = new SenderLint(policy, signing);
        lint.repeated(header);
        lint.header(header, buffer.brokenOff(), FromDomain.of(header.bytes(KnownField.FROM)),
                header.text(KnownField.MESSAGE_ID), true, false);
        header.writeTo((from, offset, length) -> new ByteArrayOutputStream());
        return lint.findings();
    }

    private static LintPolicy warn(LintRule... ignored) {
        Set<LintRule> ignore = EnumSet.noneOf(LintRule.class);
        ignore.addAll(Set.of(ignored));
        return new LintPolicy(LintMode.WARN, ignore);
    }

    @Test
    void signatures_mustCoverTheOneClickPairAndFeedbackId() {
        assertThat(found(BULK, warn(), signing(true, true, Set.of()))).isEmpty();
        for (String field : Set.of("list-unsubscribe", "list-unsubscribe-post")) {
            assertThat(found(BULK, warn(), signing(true, true, Set.of(field))))
                    .containsExactly(LintRule.UNSUBSCRIBE_UNSIGNED);
        }
        assertThat(found(BULK, warn(), signing(true, true, Set.of("feedback-id"))))
                .containsExactly(LintRule.FEEDBACK_ID_UNSIGNED);
    }

    @Test
    void serverWithoutKeys_hasNoFindingsAboutSignatures() {
        assertThat(found(BULK, warn(), SigningFacts.NONE)).isEmpty();
        assertThat(found(BULK, warn(), signing(true, false, Set.of("feedback-id"))))
                .containsExactly(LintRule.FROM_UNSIGNED);
    }

    @Test
    void ignoredRule_isNotFound() {
        assertThat(found(BULK, warn(LintRule.FROM_UNSIGNED), signing(true, false, Set.of())))
                .isEmpty();
        assertThat(found("To: a\r\nto: b\r\n\r\n", warn(LintRule.TO_REPEATED,
                LintRule.UNSUBSCRIBE_MISSING, LintRule.UNSUBSCRIBE_POST), SigningFacts.NONE))
                .containsExactly(LintRule.FROM_MISSING);
    }

    @ParameterizedTest
    @EnumSource(LintRule.class)
    void manual_hasARowForEachRule(LintRule rule) throws IOException {
        String row = Files.readAllLines(Path.of("../config/lint.md")).stream()
                .filter(line -> line.startsWith("| `" + rule.word() + "` |")).findFirst()
                .orElseThrow(() -> new AssertionError("no row for " + rule.word()));
        assertThat(row).contains(rule.isPolicy() ? "| 550 |" : "| 554 |");
        assertThat(row.contains("| told |")).as("whether it is mended").isEqualTo(
                !rule.fixable());
    }
}
