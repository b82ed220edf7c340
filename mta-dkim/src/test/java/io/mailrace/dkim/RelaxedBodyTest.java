// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RelaxedBodyTest {
    /** Keeps what it is fed instead of hashing it. */
    private static final class Keeping extends MessageDigest {
        private final ByteArrayOutputStream fed = new ByteArrayOutputStream();

        Keeping() {
            super("keeping");
        }

        @Override
        protected void engineUpdate(byte input) {
            fed.write(input);
        }

        @Override
        protected void engineUpdate(byte[] input, int offset, int length) {
            fed.write(input, offset, length);
        }

        @Override
        protected byte[] engineDigest() {
            return fed.toByteArray();
        }

        @Override
        protected void engineReset() {
            fed.reset();
        }
    }

    private static String relaxed(String body, int pieceSize) {
        RelaxedBody relaxed = new RelaxedBody(new Keeping());
        relaxed.start();
        byte[] bytes = body.getBytes(StandardCharsets.ISO_8859_1);
        for (int at = 0; at < bytes.length; at += pieceSize) {
            relaxed.update(bytes, at, Math.min(bytes.length, at + pieceSize));
        }
        return new String(relaxed.finish(), StandardCharsets.ISO_8859_1);
    }

    /** The example of RFC 6376 3.4.5. */
    @Test
    void update_exampleOfTheRfc_isAsThere() {
        assertThat(relaxed(" C \r\nD \t E\r\n\r\n\r\n", 100)).isEqualTo(" C\r\nD E\r\n");
    }

    @Test
    void finish_nothing_isNothing() {
        assertThat(relaxed("", 1)).isEmpty();
        assertThat(relaxed("\r\n\r\n", 1)).isEmpty();
        assertThat(relaxed("  ", 1)).isEmpty();
    }

    @Test
    void start_afterAnotherBody_isFresh() {
        RelaxedBody relaxed = new RelaxedBody(new Keeping());
        relaxed.start();
        relaxed.update("x \r\n\r\n \r".getBytes(StandardCharsets.ISO_8859_1), 0, 8);
        relaxed.start();
        relaxed.update("y".getBytes(StandardCharsets.ISO_8859_1), 0, 1);
        assertThat(relaxed.finish()).asString(StandardCharsets.ISO_8859_1).isEqualTo("y\r\n");
    }

    /** Eight bytes are looked at together: each kind of byte at each place beside each other. */
    @Test
    void update_anyTwoBytesAnywhereInText_areAsThePlainReadingSays() {
        String[] bytes = {" ", "\t", "\r", "\n", "\r\n", "\u0000", "\u001f", "!", "~", "\u007f",
                "\u0080", "\u00a0", "\u00ff"};
        for (String first : bytes) {
            for (String second : bytes) {
                for (int at = 0; at <= 20; at++) {
                    String body = "abcdefghijklmnopqrst".substring(0, at) + first + second
                            + "uvwxyz0123456789".substring(0, 20 - at > 16 ? 16 : 20 - at);
                    for (int piece : new int[]{9, 17, 100}) {
                        assertThat(relaxed(body, piece)).as("%d: %s", at, body)
                                .isEqualTo(PlainVerifier.relaxedBody(body));
                    }
                }
            }
        }
    }

    @Test
    void update_randomBodies_areAsThePlainReadingSays() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        String[] pieces = {" ", "\t", "\r\n", "\r\n\r\n", "x", "word", "\u00e9", ".", "\u0000",
                "w".repeat(1500)};
        for (int round = 0; round < 20_000; round++) {
            StringBuilder body = new StringBuilder();
            for (int i = random.nextInt(14); i > 0; i--) {
                body.append(pieces[random.nextInt(pieces.length)]);
            }
            assertThat(relaxed(body.toString(), 1 + random.nextInt(round % 2 == 0 ? 9 : 64)))
                    .as("seed %d round %d", seed, round)
                    .isEqualTo(PlainVerifier.relaxedBody(body.toString()));
        }
    }
}
