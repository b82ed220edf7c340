// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The header fields the server knows by name, of which most may stand in a message only once. */
enum KnownField {
    FROM, DATE, MESSAGE_ID, TO, CC, BCC, SUBJECT, REPLY_TO, SENDER, IN_REPLY_TO, REFERENCES,
    FEEDBACK_ID, LIST_UNSUBSCRIBE, LIST_UNSUBSCRIBE_POST, DKIM_SIGNATURE, RECEIVED, MIME_VERSION,
    CONTENT_TYPE, CONTENT_TRANSFER_ENCODING;

    static final int COUNT = values().length;
    /** Names in lower case, by index. */
    private static final byte[][] LOWER = lower();
    private static final KnownField[][] BY_LENGTH = byLength();

    private final String word = name().toLowerCase(Locale.ROOT).replace('_', '-');

    private static byte[][] lower() {
        byte[][] all = new byte[COUNT][];
        for (KnownField field : values()) {
            all[field.index()] = field.word.getBytes(StandardCharsets.US_ASCII);
        }
        return all;
    }

    private static KnownField[][] byLength() {
        List<List<KnownField>> lists = new ArrayList<>();
        for (KnownField field : values()) {
            while (lists.size() <= field.word.length()) {
                lists.add(new ArrayList<>());
            }
            lists.get(field.word.length()).add(field);
        }
        return lists.stream().map(list -> list.toArray(KnownField[]::new))
                .toArray(KnownField[][]::new);
    }

    /** 0 to {@link #COUNT} - 1, for arrays of counts: a map would cost more than the counting. */
    @SuppressWarnings("EnumOrdinal")
    int index() {
        return ordinal();
    }

    /** Its name in lower case. */
    String word() {
        return word;
    }

    /** The field of that name in any case; null when it is none of these. */
    static @Nullable KnownField of(byte[] bytes, int from, int length) {
        if (length >= BY_LENGTH.length) {
            return null;
        }
        for (KnownField field : BY_LENGTH[length]) {
            if (matches(LOWER[field.index()], bytes, from)) {
                return field;
            }
        }
        return null;
    }

    /** Whether bytes begin with a text that is given in lower case, whatever their own case. */
    static boolean matches(byte[] lower, byte[] bytes, int from) {
        for (int i = 0; i < lower.length; i++) {
            int b = bytes[from + i];
            if (lower[i] != (b >= 'A' && b <= 'Z' ? b + 32 : b)) {
                return false;
            }
        }
        return true;
    }
}
