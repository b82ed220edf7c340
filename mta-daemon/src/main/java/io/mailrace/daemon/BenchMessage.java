// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/**
 * Numbered messages of one size. The first field holds the number, the length and the checksum of
 * everything after that field, so the receiver can tell that not a byte is missing, added or
 * changed. The body is made once, dots stuffed as they go over the wire. Any thread.
 */
final class BenchMessage {
    /** The first field: number, octets after its line, their CRC-32C in hex. */
    static final String FIELD = "X-Bench: ";
    static final String DOMAIN = "bench.test";
    static final String DEAD_DOMAIN = "dead.test";
    private static final int LINE = 64;
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
            + "0123456789+/ ,";

    private final byte[] body;
    /** The body with stuffed dots and the end of data after it. */
    private final ByteBuf onWire;

    BenchMessage(int sizeBytes) {
        int lines = Math.max(1, (sizeBytes + LINE - 1) / LINE);
        body = new byte[lines * LINE];
        var random = new SplittableRandom(1);
        var wire = Unpooled.directBuffer(body.length + lines + 3);
        for (int line = 0; line < lines; line++) {
            int at = line * LINE;
            for (int i = 0; i < LINE - 2; i++) {
                body[at + i] = (byte) LETTERS.charAt(random.nextInt(LETTERS.length()));
            }
            if (line % 16 == 3) {
                body[at] = '.';
                wire.writeByte('.');
            }
            body[at + LINE - 2] = '\r';
            body[at + LINE - 1] = '\n';
            wire.writeBytes(body, at, LINE);
        }
        wire.writeBytes(".\r\n".getBytes(StandardCharsets.US_ASCII));
        onWire = Unpooled.unreleasableBuffer(wire.asReadOnly());
    }

    static String sender() {
        return "app@" + DOMAIN;
    }

    /** The address of one of a message's recipients; it names the delivery. */
    static String recipient(long number, int which) {
        return number + "." + which + "@d" + (1 + (number + which) % BenchOptions.DOMAINS)
                + ".test";
    }

    /** An address whose domain has a server that does not listen. */
    static String deadRecipient() {
        return "gone@" + DEAD_DOMAIN;
    }

    /** The number in an address that {@link #recipient} made; -1 when it is another one. */
    static long numberOf(String address) {
        int dot = address.indexOf('.');
        return dot <= 0 ? -1 : number(address, 0, dot, 10);
    }

    /** Which of the recipients of its message an address is; -1 when it is another one. */
    static int whichOf(String address) {
        int dot = address.indexOf('.');
        int at = address.indexOf('@');
        return dot < 0 || at < dot ? -1 : (int) number(address, dot + 1, at, 10);
    }

    /** Digits as a number; -1 when they are none or too many. */
    static long number(String text, int from, int to, int radix) {
        if (to <= from || to - from > 12) {
            return -1;
        }
        long number = 0;
        for (int i = from; i < to; i++) {
            int digit = Character.digit(text.charAt(i), radix);
            if (digit < 0) {
                return -1;
            }
            number = number * radix + digit;
        }
        return number;
    }

    /** What goes before {@link #body}: the header with its first field. */
    byte[] header(long number) {
        byte[] rest = ("From: Bench <" + sender() + ">\r\nTo: <" + recipient(number, 0)
                + ">\r\nSubject: Message " + number
                + "\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <bench." + number + "@"
                + DOMAIN + ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii"
                + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
        var crc = new CRC32C();
        crc.update(rest);
        crc.update(body);
        String first = FIELD + number + " " + (rest.length + body.length) + " "
                + Long.toHexString(crc.getValue()) + "\r\n";
        byte[] all = new byte[first.length() + rest.length];
        ByteBuffer.wrap(all).put(first.getBytes(StandardCharsets.US_ASCII)).put(rest);
        return all;
    }

    /** The body as DATA sends it, with the end of data; never released by whom it is given to. */
    ByteBuf body() {
        return onWire.duplicate();
    }

    /** Octets of header and body without stuffing. */
    int sizeBytes() {
        return header(0).length + body.length;
    }
}
