// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Lane;
import io.mailrace.core.RoutingHints;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads a header as it streams by (RFC 5322 2.2): finds its end, notes which fields are there and
 * keeps the values of From, Message-ID and the fields routes look at. {@value #TAG} and
 * {@value #LANE} are meant for us: their values are kept and the fields are not passed on. Holds
 * back at most one field name, because only its colon tells whether the line belongs to the
 * header; keeps at most {@value #MAX_FROM} octets of a value. Expects lines ended by CRLF. Confined
 * to its session.
 */
final class HeaderScanner {
    static final int MAX_NAME = 100;
    private static final int MAX_FROM = 8192;
    private static final int MAX_MESSAGE_ID = 1000;
    /** More than a tag may have, so that one too long is seen as such. */
    private static final int MAX_TAG_VALUE = 200;
    static final String TAG = "x-mailrace-tag";
    static final String LANE = "x-mailrace-lane";
    private static final int MAX_ROUTED_VALUE = 500;

    private enum State {
        LINE_START, NAME, BLANK_AFTER_NAME, VALUE, ENDED
    }

    private final ContentScanner.Sink sink;
    private final Set<String> routed;
    private final Map<String, String> hints = new HashMap<>();
    private final byte[] name = new byte[MAX_NAME];
    private int nameLength;
    /** How much of the name came in earlier buffers and was held back. */
    private int held;
    private State state = State.LINE_START;
    private boolean inField;
    private boolean brokenOff;
    private long octets;
    private int received;
    private boolean hasDate;
    private boolean hasFrom;
    private boolean repeatsFrom;
    private boolean hasMessageId;
    private boolean utf8;
    private byte[] captured = new byte[0];
    private int capturedLength;
    /** 0 while the value is of no interest. */
    private int captureLimit;
    private String field = "";
    /** The field being read is for us only. */
    private boolean swallows;
    private boolean hasTag;
    private byte[] from = new byte[0];
    private byte[] messageId = new byte[0];
    private byte[] tag = new byte[0];

    /** @param routed names of fields to keep, in lower case */
    HeaderScanner(ContentScanner.Sink sink, Set<String> routed) {
        this.sink = sink;
        this.routed = routed;
    }

    /**
     * Takes header bytes and passes them on, all but an undecided field name. Returns the index of
     * the first byte that is not header: {@code to}, unless {@link #ended()}. When the header broke
     * off at a line that is no field, {@link #heldBytes()} come before it.
     */
    int scan(byte[] bytes, int from, int to) {
        int at = scanLines(bytes, from, to);
        octets += at - from;
        return at;
    }

    private int scanLines(byte[] bytes, int start, int to) {
        int passed = start;
        int lineStart = start;
        int at = start;
        while (at < to) {
            byte b = bytes[at];
            switch (state) {
                case LINE_START -> {
                    lineStart = at;
                    if (b == '\r') {
                        return end(bytes, passed, at, false);
                    }
                    if (b == ' ' || b == '\t') {
                        if (!inField) {
                            return end(bytes, passed, at, true);
                        }
                        state = State.VALUE;
                    } else {
                        finishField();
                        swallows = false;
                        nameLength = 0;
                        state = State.NAME;
                    }
                }
                case NAME, BLANK_AFTER_NAME -> {
                    if (b == ':' && nameLength > 0) {
                        at++;
                        beginField();
                        if (swallows) {
                            pass(bytes, passed, lineStart);
                            passed = at;
                        } else if (held > 0) {
                            sink.content(name, 0, held);
                        }
                        held = 0;
                    } else if (nameByte(b)) {
                        at++;
                    } else {
                        return end(bytes, passed, lineStart, true);
                    }
                }
                case VALUE -> {
                    at = value(bytes, at, to);
                    passed = swallows ? at : passed;
                }
                case ENDED -> throw new IllegalStateException("the header has ended");
            }
        }
        boolean undecided = state == State.NAME || state == State.BLANK_AFTER_NAME;
        int safe = undecided ? lineStart : to;
        if (undecided) {
            held += to - lineStart;
        }
        pass(bytes, passed, safe);
        return to;
    }

    private int end(byte[] bytes, int passed, int at, boolean broken) {
        finishField();
        brokenOff = broken;
        state = State.ENDED;
        pass(bytes, passed, at);
        return at;
    }

    private void pass(byte[] bytes, int from, int to) {
        if (to > from) {
            sink.content(bytes, from, to - from);
        }
    }

    /** Takes one byte of a field name; false when the line cannot be a field. */
    private boolean nameByte(byte b) {
        boolean blank = b == ' ' || b == '\t';
        boolean fits = blank ? nameLength > 0 : b > 32 && b < 127 && state == State.NAME;
        if (!fits || nameLength == MAX_NAME) {
            return false;
        }
        if (blank) {
            state = State.BLANK_AFTER_NAME;
        }
        name[nameLength++] = b;
        return true;
    }

    private void beginField() {
        field = Ascii.lower(new String(name, 0, nameLength, StandardCharsets.US_ASCII))
                .strip();
        inField = true;
        state = State.VALUE;
        capturedLength = 0;
        captureLimit = routed.contains(field) ? MAX_ROUTED_VALUE : 0;
        switch (field) {
            case "received" -> received++;
            case "date" -> hasDate = true;
            case "from" -> captureLimit = hasFrom ? 0 : MAX_FROM;
            case "message-id" -> captureLimit = hasMessageId ? 0 : MAX_MESSAGE_ID;
            case TAG -> captureLimit = hasTag ? 0 : MAX_TAG_VALUE;
            case LANE -> captureLimit = MAX_ROUTED_VALUE;
            default -> {
            }
        }
        repeatsFrom |= hasFrom && field.equals("from");
        hasFrom |= field.equals("from");
        hasMessageId |= field.equals("message-id");
        hasTag |= field.equals(TAG);
        swallows = field.equals(TAG) || field.equals(LANE);
    }

    private int value(byte[] bytes, int start, int to) {
        int at = start;
        while (at < to && bytes[at] != '\n') {
            utf8 |= bytes[at] < 0;
            at++;
        }
        if (captureLimit > 0) {
            capture(bytes, start, at);
        }
        if (at < to) {
            at++;
            state = State.LINE_START;
        }
        return at;
    }

    private void capture(byte[] bytes, int start, int end) {
        int room = Math.min(end - start, captureLimit - capturedLength);
        if (room <= 0) {
            return;
        }
        if (capturedLength + room > captured.length) {
            byte[] larger = new byte[Math.min(captureLimit,
                    Math.max(256, 2 * (capturedLength + room)))];
            System.arraycopy(captured, 0, larger, 0, capturedLength);
            captured = larger;
        }
        for (int i = start; i < start + room; i++) {
            if (bytes[i] != '\r') {
                captured[capturedLength++] = bytes[i];
            }
        }
    }

    private void finishField() {
        if (captureLimit == 0) {
            return;
        }
        byte[] value = new byte[capturedLength];
        System.arraycopy(captured, 0, value, 0, capturedLength);
        switch (field) {
            case "from" -> from = value;
            case TAG -> tag = value;
            case "message-id" -> messageId = value;
            default -> {
            }
        }
        if (routed.contains(field) || field.equals(LANE)) {
            hints.putIfAbsent(field, Ascii.clean(new String(value,
                    StandardCharsets.ISO_8859_1).strip(), MAX_ROUTED_VALUE));
        }
        captureLimit = 0;
    }

    /** Ends a header that no empty line ended, because the message is over. */
    void finish() {
        finishField();
        state = State.ENDED;
    }

    boolean ended() {
        return state == State.ENDED;
    }

    /** The header ended at a line that is no field, so an empty line is missing. */
    boolean brokenOff() {
        return brokenOff;
    }

    /** Start of an undecided line that came in earlier buffers; call only once it ended. */
    byte[] heldBytes() {
        byte[] start = new byte[held];
        System.arraycopy(name, 0, start, 0, held);
        return start;
    }

    /** Octets of the header so far. */
    long octets() {
        return octets;
    }

    int received() {
        return received;
    }

    boolean hasDate() {
        return hasDate;
    }

    boolean hasMessageId() {
        return hasMessageId;
    }

    /** Some octet of the header is above 127. */
    boolean utf8() {
        return utf8;
    }

    /** The first From value, unfolded, as bytes; cut at a bound. */
    byte[] from() {
        return from;
    }

    /** There was one From field, and {@link #from} is all of it. */
    boolean fromIsWhole() {
        return hasFrom && !repeatsFrom && from.length < MAX_FROM;
    }

    /** The first Message-ID value, cleaned. */
    String messageId() {
        String text = new String(messageId, StandardCharsets.ISO_8859_1);
        return Ascii.clean(text.strip(), MAX_MESSAGE_ID);
    }

    /**
     * What the application says about the way: the first of each field; an unknown lane is none.
     */
    RoutingHints hints() {
        Map<String, String> fields = new HashMap<>(hints);
        String lane = fields.remove(LANE);
        return new RoutingHints(lane == null ? Optional.empty()
                : Lane.ofWord(Ascii.lower(lane)), fields);
    }

    /** What the application calls this mail, lower-case; empty when nothing fit was given. */
    String tag() {
        String text = Ascii.lower(new String(tag, StandardCharsets.ISO_8859_1).strip());
        boolean fits = text.length() <= ContentFacts.MAX_TAG && text.chars().allMatch(
                c -> (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || ".-_".indexOf(c) >= 0);
        return fits ? text : "";
    }
}
