// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * One numbered message of the demo. It follows from its number alone, so what arrives is compared
 * with the whole original and no original is kept. Immutable.
 */
final class DemoMessage {
    static final String SENDER = "news@shop.test";
    private static final String NUMBER_FIELD = "X-Demo-Number: ";
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz"
            + " ABCDEFGHIJKLMNOPQRSTUVWXYZ .,";
    private static final String TEXT = makeText();
    private static final int HEADER_SCAN = 16 * 1024;
    private static final int LARGE_EVERY = 97;
    private static final int SEVERAL_EVERY = 10;

    private final int number;
    private final Map<String, DemoPlace> recipients;
    private final byte[] content;

    private DemoMessage(int number, Map<String, DemoPlace> recipients, byte[] content) {
        this.number = number;
        this.recipients = recipients;
        this.content = content;
    }

    /** The message of a number; the first ones visit each place once. */
    static DemoMessage of(int number) {
        var random = new SplittableRandom(number);
        Set<DemoPlace> places = EnumSet.noneOf(DemoPlace.class);
        DemoPlace[] all = DemoPlace.values();
        places.add(number < all.length ? all[number] : DemoPlace.draw(random));
        if (number % SEVERAL_EVERY == SEVERAL_EVERY - 1) {
            places.add(DemoPlace.draw(random));
            places.add(DemoPlace.draw(random));
        }
        if (places.contains(DemoPlace.NOBODY)) {
            places.add(DemoPlace.STRICT);
        }
        Map<String, DemoPlace> recipients = new LinkedHashMap<>();
        places.forEach(place -> recipients.put(place.recipient(number), place));
        return new DemoMessage(number, recipients, content(number, recipients.keySet(), random));
    }

    int number() {
        return number;
    }

    /** Each recipient with the place it lies at. */
    Map<String, DemoPlace> recipients() {
        return recipients;
    }

    /** As submitted: header and body. Not to be written to. */
    byte[] content() {
        return content;
    }

    List<String> recipientList() {
        return List.copyOf(recipients.keySet());
    }

    private static byte[] content(int number, Set<String> recipients, SplittableRandom random) {
        var out = new ByteArrayOutputStream(16 * 1024);
        String header = "From: Shop News <" + SENDER + ">\r\n"
                + "To: " + String.join(",\r\n ", recipients) + "\r\n"
                + "Subject: Order " + number + " is on its way\r\n"
                + "Date: Sat, 21 Nov 2026 09:00:00 +0000\r\n"
                + "Message-ID: <demo." + number + "@shop.test>\r\n"
                + NUMBER_FIELD + number + "\r\n"
                + "MIME-Version: 1.0\r\n"
                + "Content-Type: text/plain; charset=utf-8\r\n"
                + "Content-Transfer-Encoding: 8bit\r\n\r\n";
        out.writeBytes(header.getBytes(StandardCharsets.US_ASCII));
        int lines = number % LARGE_EVERY == 1 ? 4000 : 20 + random.nextInt(200);
        for (int i = 0; i < lines; i++) {
            line(out, random);
        }
        if (number % 5 == 0) {
            out.writeBytes("..\r\n.\r\n".getBytes(StandardCharsets.US_ASCII));
        }
        return out.toByteArray();
    }

    /** Lines that go wrong where somebody is careless: dots, 8-bit, long, empty, end blanks. */
    private static void line(ByteArrayOutputStream out, SplittableRandom random) {
        int kind = random.nextInt(40);
        String text = text(random, kind == 0 ? 990 : 1 + random.nextInt(76));
        String line = switch (kind) {
            case 1 -> ".";
            case 2 -> "." + text;
            case 3 -> "..";
            case 4 -> "";
            case 5 -> text + "  \t";
            case 6 -> "\u00fc\u00df \u20ac \u65e5\u672c " + text;
            case 7 -> "From " + text;
            default -> text;
        };
        out.writeBytes(line.getBytes(StandardCharsets.UTF_8));
        out.write('\r');
        out.write('\n');
    }

    private static String text(SplittableRandom random, int length) {
        int from = random.nextInt(TEXT.length() - length);
        return TEXT.substring(from, from + length);
    }

    private static String makeText() {
        var random = new SplittableRandom(1);
        char[] text = new char[32 * 1024];
        for (int i = 0; i < text.length; i++) {
            text[i] = LETTERS.charAt(random.nextInt(LETTERS.length()));
        }
        return new String(text);
    }

    /** The number in the header of a received message; empty when there is none. */
    static Optional<Integer> numberIn(byte[] received) {
        String start = new String(received, 0, Math.min(received.length, HEADER_SCAN),
                StandardCharsets.ISO_8859_1);
        return numberIn(start);
    }

    /** The number in a text that quotes the header. */
    static Optional<Integer> numberIn(String text) {
        int at = text.indexOf(NUMBER_FIELD);
        int end = text.indexOf('\r', at);
        if (at < 0 || end < 0) {
            return Optional.empty();
        }
        String digits = text.substring(at + NUMBER_FIELD.length(), end);
        return digits.length() < 10 && !digits.isEmpty()
                && digits.chars().allMatch(Character::isDigit) && Ascii.isAscii(digits)
                        ? Optional.of(Integer.parseInt(digits))
                        : Optional.empty();
    }
}
