// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PieceBufferTest {
    private static final int MOST = 128 * 1024;

    @ParameterizedTest
    @CsvSource({"0, 1", "1, 1", "4095, 7", "4096, 4096", "4097, 4097", "8192, 100", "10240, 16384",
            "70000, 1000", "131071, 5000", "131072, 131072"})
    void append_inParts_keepsAllInOrder_twice(int bytes, int part) {
        byte[] all = new byte[bytes];
        new Random(bytes).nextBytes(all);
        PieceBuffer buffer = new PieceBuffer(MOST);
        for (int round = 0; round < 2; round++) {
            for (int at = 0; at < bytes; at += part) {
                buffer.append(all, at, Math.min(part, bytes - at));
            }
            assertThat(buffer.size()).isEqualTo(bytes);
            assertThat(buffer.room()).isEqualTo(MOST - bytes);
            assertThat(buffer.toArray()).isEqualTo(all);
            buffer.clear();
            assertThat(buffer.size()).isZero();
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> buffer.append(new byte[MOST + 1], 0, MOST + 1));
        assertThat(buffer.size()).isZero();
    }
}
