// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What is read from a page for Prometheus. */
class AdminPageTest {
    private static final String PAGE = """
            # HELP queue_dsn_total Delivery status notifications
            queue_dsn_total{action="failed"} 3.0
            queue_dsn_total{action="relayed"} 4.0
            queue_envelopes_taken 1.2E2
            queue_envelopes_taken_long 7
            """;

    @Test
    void metric_withLabels_isSummed() {
        assertThat(AdminPage.metricIn(PAGE, "queue_dsn_total")).hasValue(7);
    }

    @Test
    void metric_prefixOfAnother_isNotMistaken() {
        assertThat(AdminPage.metricIn(PAGE, "queue_envelopes_taken")).hasValue(120);
        assertThat(AdminPage.metricIn(PAGE, "queue_envelopes")).isEmpty();
    }
}
