// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.NextTry;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.ReplyClassifier.Effect;
import io.mailrace.delivery.ReplyClassifier.Failure;
import io.mailrace.delivery.ReplyClassifier.Fate;
import io.mailrace.delivery.ReplyClassifier.Verdict;
import java.util.EnumSet;
import java.util.Set;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ReplyClassifierTest {
    private static final Set<Stage> ABOUT_MAIL = EnumSet.of(Stage.DNS, Stage.MAIL, Stage.RCPT,
            Stage.DATA, Stage.CONTENT, Stage.END_OF_DATA);

    /** The rules that hold for every cell, whatever stands in it. */
    @Test
    void verdict_everyCell_keepsTheRules() {
        for (Stage stage : Stage.values()) {
            for (Failure failure : Failure.values()) {
                Verdict verdict = ReplyClassifier.verdict(stage, failure);
                String cell = stage + " " + failure + " " + verdict;
                if (verdict.fate() == Fate.BOUNCE) {
                    assertThat(failure).as(cell).isEqualTo(Failure.PERMANENT);
                    assertThat(ABOUT_MAIL).as(cell).contains(stage);
                }
                if (verdict.fate() == Fate.MAYBE_DELIVERED) {
                    assertThat(stage).as(cell).isEqualTo(Stage.END_OF_DATA);
                }
                if (stage == Stage.END_OF_DATA && EnumSet.of(Failure.LOST, Failure.TIMEOUT,
                        Failure.GARBAGE, Failure.OUT_OF_STEP).contains(failure)) {
                    assertThat(verdict.fate()).as(cell).isEqualTo(Fate.MAYBE_DELIVERED);
                }
                boolean unusable = EnumSet.of(Failure.CLOSING, Failure.GARBAGE,
                        Failure.OUT_OF_STEP, Failure.LOST, Failure.TIMEOUT).contains(failure);
                if (unusable && stage != Stage.DNS && stage != Stage.SIGNING) {
                    assertThat(verdict.effect()).as(cell).isNotIn(Effect.GO_ON,
                            Effect.SAY_HELO);
                }
                if (verdict.effect() == Effect.CLEAR_TEXT) {
                    assertThat(stage).as(cell).isIn(Stage.STARTTLS, Stage.TLS);
                }
            }
        }
    }

    @Test
    void disposition_eachFate_isOfItsKind() {
        SmtpReply reply = SmtpReply.of(551, "5.0.0", "x");
        for (Fate fate : Fate.values()) {
            Disposition disposition = ReplyClassifier.disposition(fate, reply,
                    Ruling.standard(Stage.MAIL, reply));
            assertThat(disposition instanceof Disposition.Bounced)
                    .isEqualTo(fate == Fate.BOUNCE);
            assertThat(disposition instanceof Disposition.Deferred deferred
                    && deferred.possibleDuplicate()).isEqualTo(fate == Fate.MAYBE_DELIVERED);
            assertThat(disposition).isNotInstanceOf(Disposition.Delivered.class);
        }
    }

    /** Some receivers say 5xx and mean later. */
    @Test
    void disposition_ruleSaysRetry_never_bounces() {
        SmtpReply reply = SmtpReply.of(550, "5.7.28", "blocked");
        Ruling kept = new Ruling(ReplyClass.BLOCKED, Optional.empty(), "x/y", false,
                Duration.ofHours(1));
        assertThat(ReplyClassifier.disposition(Fate.BOUNCE, reply, kept)).isEqualTo(
                new Disposition.Deferred(reply, false, NextTry.notBefore(Duration.ofHours(1)),
                        new Cause(ReplyClass.BLOCKED, "x/y")));
    }

    @Test
    void tooManyRecipients_statusSaysOtherwise_isBelieved() {
        assertThat(ReplyClassifier.tooManyRecipients(SmtpReply.of(452, "too many"))).isTrue();
        assertThat(ReplyClassifier.tooManyRecipients(SmtpReply.of(452, "4.5.3", "many")))
                .isTrue();
        assertThat(ReplyClassifier.tooManyRecipients(SmtpReply.of(452, "4.3.1", "disk full")))
                .isFalse();
        assertThat(ReplyClassifier.tooManyRecipients(SmtpReply.of(450, "4.2.0", "later")))
                .isFalse();
    }
}
