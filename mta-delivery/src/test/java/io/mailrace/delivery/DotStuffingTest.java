// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DotStuffingTest {
    private static final byte[] ALPHABET = "..\r\n\n\nab\u000b\0"
            .getBytes(StandardCharsets.US_ASCII);

    /** The rule read off the RFC, byte by byte. */
    private static String plain(byte[] piece, boolean atLineStart) {
        StringBuilder out = new StringBuilder();
        boolean start = atLineStart;
        for (byte b : piece) {
            if (start && b == '.') {
                out.append('.');
            }
            out.append((char) (b & 0xff));
            start = b == '\n';
        }
        return out.toString();
    }

    private static String written(byte[] piece, boolean atLineStart) {
        ByteBuf out = Unpooled.buffer();
        DotStuffing.write(piece, atLineStart, out);
        return out.toString(StandardCharsets.ISO_8859_1);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @Test
    void dotsAreDoubledAtLineStartsOnly() {
        assertThat(written(ascii(".a.\r\n..\r\n.\r\nb."), true))
                .isEqualTo("..a.\r\n...\r\n..\r\nb.");
        assertThat(written(ascii(".a"), false)).isEqualTo(".a");
        assertThat(written(ascii("."), true)).isEqualTo("..");
        assertThat(written(new byte[0], true)).isEmpty();
    }

    @Test
    void anyPiece_isStuffedAsByteByByte() {
        Random random = new Random(20261128);
        for (int round = 0; round < 20_000; round++) {
            byte[] piece = new byte[random.nextInt(60)];
            for (int i = 0; i < piece.length; i++) {
                piece[i] = random.nextInt(4) == 0
                        ? (byte) random.nextInt(256)
                        : ALPHABET[random.nextInt(ALPHABET.length)];
            }
            boolean atLineStart = random.nextBoolean();
            assertThat(written(piece, atLineStart)).isEqualTo(plain(piece, atLineStart));
        }
    }
}
