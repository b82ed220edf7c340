// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.EventJournal.Recorded;
import java.util.List;
import org.junit.jupiter.api.Test;

class TraceReportTest {
    private final StandInSpool spool = new StandInSpool();
    private final TraceReport trace = new TraceReport(spool);

    private void receive(int count) {
        for (int i = 1; i <= count; i++) {
            spool.happen(Events.received(new SpoolId(i), "<" + i + ">"));
        }
    }

    private static List<Long> ids(TraceReport.Found found) {
        return found.events().stream().map(Recorded::event)
                .map(event -> ((Event.OfMessage) event).id().value()).toList();
    }

    @Test
    void search_journalGivesSmallPages_looksThroughAllOfThem() {
        receive(3000);
        spool.page = 7;
        TraceReport.Found found = trace.search("<3000>");
        assertThat(ids(found)).containsExactly(3000L);
        assertThat(found.more()).isFalse();
    }

    @Test
    void search_eventsTooLarge_showsTheNewestMessagesAndSaysSo() {
        receive(12);
        spool.eventBytes = 300 << 10;
        TraceReport.Found found = trace.search(Events.ALICE.toString());
        assertThat(ids(found)).containsExactly(9L, 10L, 11L, 12L);
        assertThat(found.more()).isTrue();
    }

    @Test
    void search_moreMessagesThanAreShown_showsTheNewestAndSaysSo() {
        receive(25);
        TraceReport.Found found = trace.search(Events.BOB.toString());
        assertThat(ids(found)).hasSize(20).startsWith(6L).endsWith(25L);
        assertThat(found.more()).isTrue();
    }

    @Test
    void ofMessage_journalHoldsMoreBack_saysSo() {
        spool.happen(Events.received());
        spool.happen(Events.attempted());
        assertThat(trace.ofMessage(Events.ID).more()).isFalse();
        spool.page = 1;
        TraceReport.Found found = trace.ofMessage(Events.ID);
        assertThat(found.events()).hasSize(1);
        assertThat(found.more()).isTrue();
    }
}
