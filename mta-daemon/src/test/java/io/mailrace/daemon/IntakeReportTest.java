// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.smtp.IntakePressure.Answer;
import io.mailrace.smtp.IntakePressure.Input;
import io.mailrace.smtp.IntakePressure.Level;
import io.mailrace.smtp.IntakePressure.Reading;
import io.mailrace.smtp.IntakePressure.Share;
import io.mailrace.smtp.IntakePressure.Snapshot;
import io.mailrace.smtp.IntakePressure.State;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class IntakeReportTest {
    private final Snapshot refusing = new Snapshot(Level.REFUSE,
            Set.of(Answer.SLOW, Answer.NO_MAIL),
            List.of(new Reading(Input.BYTES_IN_FLIGHT, 75, 70, 90, State.HIGH),
                    new Reading(Input.SPOOL_REFUSES, 1, 0, 1, State.FULL),
                    new Reading(Input.COMMITS_WAITING, 20_001, 10_000, 20_000, State.FULL),
                    new Reading(Input.HANDSHAKES, 3, 0, 200, State.LOW)),
            List.of(new Share("bulk", 7, 900, 4096, 4 << 20), new Share("relay", 2, 0, 0, 0)),
            Duration.ofMillis(48));
    private final IntakeReport report = new IntakeReport(() -> true, () -> Optional.of(refusing));

    private static String body(AdminApi.Answer answer) {
        return new String(answer.body(), StandardCharsets.UTF_8);
    }

    @Test
    void answer_asText_isATableWithWhatClientsMeet() {
        assertThat(body(report.answer(true))).startsWith("intake: refuse\n")
                .containsPattern("bytes-in-flight +75 +70 +90  slow\n")
                .containsPattern("commits-waiting +20001 +10000 +20000  no-mail\n")
                .containsPattern("handshakes +3 +- +200  -\n")
                .contains("messages of one connection begin 48 ms apart")
                .containsPattern("bulk +7 +900 +4096 +4194304\n")
                .containsPattern("relay +2 +- +- +-\n");
    }

    @Test
    void answer_asJson_hasEachInput() {
        assertThat(JsonTree.object(body(report.answer(false)))).containsEntry("intake", "refuse");
        assertThat(body(report.answer(false))).contains("\"flow-delay-ms\":48");
        assertThat(body(report.answer(false))).contains("\"input\":\"commits-waiting\"")
                .contains("\"answers\":[\"no-mail\"]").contains("{\"listener\":\"bulk\","
                        + "\"connections\":7,\"max-connections\":900,\"bytes-in-flight\":4096,"
                        + "\"budget\":4194304}");
    }

    @Test
    void refusing_namesWhatPutsAllMailOff_butNotTheSpoolTwice() {
        assertThat(report.refusing()).containsExactly(
                "new mail is refused: commits-waiting is 20001, refused at 20000");
        assertThat(report.reasons()).containsExactly("bytes-in-flight is 75, slower at 70",
                "commits-waiting is 20001, refused at 20000");
        assertThat(report.level()).contains("refuse");
    }

    @Test
    void answer_beforeTheStart_saysSo() {
        assertThat(new IntakeReport(() -> false, Optional::empty).answer(true).status())
                .isEqualTo(503);
    }
}
