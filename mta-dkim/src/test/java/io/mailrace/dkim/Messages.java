// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** Messages to sign: plain ones, awkward ones by name, and random ones. */
final class Messages {
    static final String HEAD = String.join("\r\n", "From: Joe <joe@example.com>",
            "To: ann@example.net", "Subject: lunch", "Date: Fri, 20 Nov 2026 10:00:00 +0000",
            "Message-ID: <1@example.com>", "");
    static final String PLAIN = HEAD + "\r\nHello Ann,\r\n\r\nshall we?\r\n";

    private Messages() {}

    static String awkward(String name) {
        return Objects.requireNonNull(awkward().get(name));
    }

    /** Every one has a From, so that it is signed. */
    static Map<String, String> awkward() {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("plain", PLAIN);
        all.put("folded",
                "From: Joe\r\n <joe@example.com>\r\nSubject: a\r\n\tb\r\n   c  \r\n\r\nx\r\n");
        all.put("tabs", "From:\tjoe@example.com\t\r\nSubject:\t\ta\tb\r\n\r\na\t\tb\t\r\n\t\r\n");
        all.put("no blank after the colon", "From:joe@example.com\r\nSubject:x\r\n\r\nx\r\n");
        all.put("blank before the colon", "From : joe@example.com\r\nSubject\t: x\r\n\r\nx\r\n");
        all.put("odd case", "fROM: joe@example.com\r\nsUBJECT: X\r\n\r\nx\r\n");
        all.put("empty body", HEAD + "\r\n");
        all.put("no body", HEAD);
        all.put("no body, last line not ended", HEAD + "Cc: x");
        all.put("only empty lines", HEAD + "\r\n\r\n\r\n\r\n");
        all.put("only blanks", HEAD + "\r\n  \r\n\t\r\n ");
        all.put("blank lines at the end", HEAD + "\r\nx\r\n\r\n \r\n\r\n");
        all.put("blank lines inside", HEAD + "\r\n\r\n\r\nx\r\n\r\n\r\n\r\ny\r\n");
        all.put("blanks at line ends", HEAD + "\r\nx \t\r\ny  z \r\n");
        all.put("leading blanks", HEAD + "\r\n  x\r\n\ty\r\n");
        all.put("last line not ended", HEAD + "\r\nx\r\ny ");
        all.put("dots", HEAD + "\r\n.\r\n..\r\n.x\r\n");
        all.put("latin-1 body", HEAD + "\r\ncaf\u00e9 \u00fc\r\n");
        all.put("latin-1 header",
                "From: Jos\u00e9 <joe@example.com>\r\nSubject: \u00fc\r\n\r\nx\r\n");
        all.put("utf-8 header", utf8(String.join("\r\n", "From: \u4e2d <joe@example.com>",
                "Subject: \u20ac \u4e2d", "", "\u4e2d", "")));
        all.put("two From", "From: a@example.com\r\nTo: x@y.z\r\nFrom: b@example.com\r\n\r\nx\r\n");
        all.put("many of a name", HEAD + "To: 2@y.z\r\n".repeat(40) + "\r\nx\r\n");
        all.put("just as many as are signed", HEAD + "Cc: 2@y.z\r\n".repeat(16) + "\r\nx\r\n");
        all.put("line without colon", HEAD + "garbage line\r\n more\r\nCc: c@d.e\r\n\r\nx\r\n");
        all.put("empty values",
                "From: joe@example.com\r\nSubject:\r\nTo: \r\nCc:\r\n \r\n\r\nx\r\n");
        all.put("list mail", HEAD + "List-Unsubscribe: <https://example.com/u?a=b;c>\r\n"
                + "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: a:b:c:d\r\n"
                + "\r\nx\r\n");
        all.put("control bytes",
                HEAD + "Cc: a\u0001\u000bb\r\n\r\nx\u0001 \u000b\u000c\u0000 y\r\n");
        all.put("long line", HEAD + "\r\n" + "word ".repeat(4000) + "\r\n");
        all.put("long header", HEAD + "Subject: " + "a b\r\n ".repeat(30_000) + "z\r\n\r\nx\r\n");
        all.put("bare CR and LF", HEAD + "\r\na\rb\nc\r\r\nd \r");
        return all;
    }

    /** The same bytes as UTF-8, held as Latin-1. */
    static String utf8(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    /** Built from pieces that meet badly. Lines end in CRLF; there is a From somewhere. */
    static String random(Random random) {
        String[] names = {"Subject", "TO", "cc", "Date", "X-Other", "Message-ID", "From", "From ",
                "List-Unsubscribe", "no colon"};
        StringBuilder message = new StringBuilder();
        int fields = random.nextInt(12);
        int fromAt = random.nextInt(fields + 1);
        for (int i = 0; i <= fields; i++) {
            if (i == fromAt) {
                message.append("From: joe@example.com\r\n");
            }
            message.append(names[random.nextInt(names.length)]);
            message.append(random.nextInt(8) == 0 ? "" : ":");
            appendText(message, random, random.nextInt(10), "\r\n ");
            message.append("\r\n");
        }
        if (random.nextInt(20) > 0) {
            message.append("\r\n");
            appendText(message, random, random.nextInt(60), "\r\n");
        }
        return message.toString();
    }

    private static void appendText(StringBuilder out, Random random, int pieces, String newline) {
        String[] texts = {" ", "  ", "\t", "word", "a", ".", "\u00e9", "\u00ff\u0080", ":", ";",
                "b=", "long".repeat(20)};
        for (int i = 0; i < pieces; i++) {
            if (random.nextInt(3) == 0) {
                out.append(newline.repeat(1 + (newline.length() == 2 ? random.nextInt(3) : 0)));
            } else {
                out.append(texts[random.nextInt(texts.length)]);
            }
        }
    }

    static final String BINARY_HEADER = String.join("\r\n", "From: a@example.com",
            "MIME-Version: 1.0", "Content-Transfer-Encoding: binary", "", "");

    /** A message as BINARYMIME allows it: any octets behind the header, mostly the awkward ones. */
    static byte[] binary(Random random) {
        byte[] header = BINARY_HEADER.getBytes(StandardCharsets.ISO_8859_1);
        byte[] message = Arrays.copyOf(header, header.length + random.nextInt(300));
        byte[] awkward = {'\r', '\n', ' ', '\t', 0, 'x', '.', (byte) 0xff};
        for (int i = header.length; i < message.length; i++) {
            message[i] = random.nextInt(10) == 0 ? (byte) random.nextInt(256)
                    : awkward[random.nextInt(awkward.length)];
        }
        return message;
    }
}
