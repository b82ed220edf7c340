// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/**
 * A numbered message of any size that carries its own length and checksum in its first field, so
 * that whoever receives it can tell that not a byte is missing, added or changed. Written as a
 * stream, never held as a whole. Immutable.
 *
 * @param number not negative
 * @param bodyBytes rounded up to whole lines
 */
public record LoadMessage(long number, String sender, String recipient, long bodyBytes) {
    /** The first field: number, octets after the field's line, their CRC-32C in hex. */
    static final String FIELD = "X-Load: ";
    static final int LINE = 64;
    private static final int LINES = 1024;
    private static final byte[] BLOCK = block();

    /** A block of lines, some of which begin with dots. */
    private static byte[] block() {
        String letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/ .";
        var random = new SplittableRandom(1);
        byte[] block = new byte[LINES * LINE];
        for (int i = 0; i < block.length; i++) {
            int column = i % LINE;
            block[i] = (byte) (column == LINE - 2
                    ? '\r'
                    : column == LINE - 1
                            ? '\n'
                            : column == 0 && i / LINE % 8 == 0
                                    ? '.'
                                    : letters.charAt(random.nextInt(letters.length())));
        }
        // a line that is nothing but a dot, as the end of data would be
        block[8 * LINE] = '.';
        block[8 * LINE + 1] = '\r';
        block[8 * LINE + 2] = '\n';
        return block;
    }

    /** Writes header and body; ends in CRLF. */
    public void writeTo(OutputStream out) throws IOException {
        byte[] rest = restOfHeader();
        var crc = new CRC32C();
        crc.update(rest);
        eachPiece((bytes, offset, length) -> crc.update(bytes, offset, length));
        String first = FIELD + number + " " + (rest.length + bodyLength()) + " "
                + Long.toHexString(crc.getValue()) + "\r\n";
        out.write(first.getBytes(StandardCharsets.US_ASCII));
        out.write(rest);
        eachPiece(out::write);
    }

    private byte[] restOfHeader() {
        return ("From: Load <" + sender + ">\r\nTo: <" + recipient + ">\r\nSubject: Load " + number
                + "\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <load." + number
                + "@load.test>\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
    }

    private long bodyLength() {
        return (bodyBytes + LINE - 1) / LINE * LINE;
    }

    private interface Piece {
        void take(byte[] bytes, int offset, int length) throws IOException;
    }

    /** The body: lines of the block from a place that depends on the number, round and round. */
    private void eachPiece(Piece piece) throws IOException {
        int offset = (int) (number * 7 % LINES) * LINE;
        long left = bodyLength();
        while (left > 0) {
            int length = (int) Math.min(left, BLOCK.length - offset);
            piece.take(BLOCK, offset, length);
            left -= length;
            offset = 0;
        }
    }
}
