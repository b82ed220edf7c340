// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Scanner;
import org.junit.jupiter.api.Test;

class FreePortTest {
    /** Else a connection may take it while the process is down, even one to that very port. */
    @Test
    void find_isBelowThePortsOfConnections() throws Exception {
        var sysctl = new ProcessBuilder("cat", "/proc/sys/net/ipv4/ip_local_port_range").start();
        int lowest;
        try (var range = new Scanner(sysctl.inputReader())) {
            lowest = range.nextInt();
        }
        assertThat(FreePort.lowestOfKernel()).isEqualTo(lowest > 11_000 ? lowest : 65_536);
        for (int i = 0; i < 100; i++) {
            assertThat(FreePort.find()).isBetween(10_000, FreePort.lowestOfKernel() - 1);
        }
    }
}
