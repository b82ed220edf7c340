// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

/**
 * Writes one DKIM-Signature field (RFC 6376 3.5), folded so that lines stay within
 * {@value #MAX_LINE} characters unless a single word is longer. One thread.
 */
final class SignatureField {
    static final String NAME = "DKIM-Signature";
    private static final int MAX_LINE = 78;

    private final ByteBuilder out;
    private int column;

    /** Appends to {@code out}. */
    SignatureField(ByteBuilder out) {
        this.out = out;
    }

    void start() {
        out.put(NAME);
        out.put(':');
        column = NAME.length() + 1;
    }

    /** A word with a blank or a fold before it. */
    void word(String text) {
        if (column + 1 + text.length() > MAX_LINE) {
            fold();
        } else {
            out.put(' ');
            column++;
        }
        append(text);
    }

    /** A word with a fold or nothing before it. */
    void joined(String text) {
        if (column + text.length() > MAX_LINE) {
            fold();
        }
        append(text);
    }

    /** The h= tag. */
    void headers(HeaderNames names, HeaderFields fields) {
        boolean first = true;
        for (int name = 0; name < names.count(); name++) {
            for (int k = fields.entries(name); k > 0; k--) {
                if (first) {
                    word("h=" + names.name(name));
                    first = false;
                } else {
                    append(":");
                    // one column is kept for the colon or semicolon after the name
                    if (column + names.name(name).length() + 1 > MAX_LINE) {
                        fold();
                    }
                    append(names.name(name));
                }
            }
        }
        append(";");
    }

    /** Base 64 text, folded wherever a line is full. */
    void folded(byte[] base64) {
        int at = 0;
        while (at < base64.length) {
            if (column >= MAX_LINE) {
                fold();
            }
            int end = Math.min(base64.length, at + MAX_LINE - column);
            out.put(base64, at, end);
            column += end - at;
            at = end;
        }
    }

    void end() {
        out.put('\r');
        out.put('\n');
    }

    private void append(String text) {
        out.put(text);
        column += text.length();
    }

    private void fold() {
        out.put('\r');
        out.put('\n');
        out.put('\t');
        column = 1;
    }
}
