// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The whole system, from a client's TCP connection to the receiver's mailbox. */
class DemoTest {
    @Test
    void run_fewMessages_everyOneIsAccountedFor() {
        var bytes = new ByteArrayOutputStream();
        int exit = Demo.run(new PrintStream(bytes, true, StandardCharsets.UTF_8),
                new DemoOptions(300, 8, false, false, false));
        String report = bytes.toString(StandardCharsets.UTF_8);
        assertThat(exit).describedAs(report).isZero();
        assertThat(report).contains("300 submitted, 300 acknowledged", "550 5.1.1",
                "A trace: greylisted", "OK: every message is accounted for.");
        assertThatLargeReceiversWereHeard(report);
    }

    /** The models pushed back in their own words, and the shipped rules knew what to do. */
    private static void assertThatLargeReceiversWereHeard(String report) {
        assertThat(report).containsPattern("gmail +sent +\\d+, of them [1-9]\\d* pushed back")
                .contains("it said     421 4.7.28 Gmail has detected an unusual rate")
                .contains("rule fired  rate-ip: recover source default at gmail")
                .containsPattern("rate found  [0-9.]+/s; the receiver takes")
                .contains("A trace: pushed back by Gmail, then delivered");
    }
}
