// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The fields of a header that has come whole: which there are, what they say, and what is to be
 * taken out or put in before it is stored. Fields nobody touches keep their bytes. Reads the
 * {@link HeaderBuffer} it was made of, which must not change meanwhile. Confined to its session.
 */
final class MessageHeader {
    private static final int MAX_VALUE = 8192;
    private static final int MAX_ROUTED_VALUE = 500;
    private static final int MAX_SIGNATURES = 10;
    private static final byte[] CONTROL_PREFIX = ControlField.PREFIX.getBytes(
            StandardCharsets.US_ASCII);

    /** A field of ours, put after the others. */
    private record Added(@Nullable KnownField known, String name, String value) {}

    /** A field meant for us. */
    record Control(String name, String value) {}

    private final HeaderBuffer buffer;
    /** How often a known field is there, and where it is first; by index. */
    private final int[] counts = new int[KnownField.COUNT];
    private final int[] first = new int[KnownField.COUNT];
    private Map<String, String> routedValues = Map.of();
    private List<Control> controls = List.of();
    private boolean tooManyControls;
    private @Nullable BitSet dropped;
    private List<Added> added = List.of();

    /** @param routed names of fields whose values are wanted, in lower case */
    MessageHeader(HeaderBuffer buffer, Set<String> routed) {
        this.buffer = buffer;
        byte[] bytes = buffer.bytes();
        for (int i = 0; i < buffer.fields(); i++) {
            int start = buffer.start(i);
            int nameLength = nameLength(i);
            if (nameLength >= CONTROL_PREFIX.length
                    && KnownField.matches(CONTROL_PREFIX, bytes, start)) {
                addControl(i, nameLength);
            } else {
                KnownField known = KnownField.of(bytes, start, nameLength);
                if (known != null && counts[known.index()]++ == 0) {
                    first[known.index()] = i;
                }
            }
            if (!routed.isEmpty()) {
                String name = name(i, nameLength);
                if (routed.contains(name)) {
                    routedValues = routedValues.isEmpty() ? new HashMap<>() : routedValues;
                    routedValues.putIfAbsent(name, text(i, MAX_ROUTED_VALUE));
                }
            }
        }
    }

    private void addControl(int field, int nameLength) {
        controls = controls.isEmpty() ? new ArrayList<>() : controls;
        if (controls.size() < ControlField.MAX_READ) {
            controls.add(new Control(name(field, nameLength).substring(CONTROL_PREFIX.length),
                    text(field, MAX_ROUTED_VALUE)));
        } else {
            tooManyControls = true;
        }
        drop(field);
    }

    private int nameLength(int field) {
        byte[] bytes = buffer.bytes();
        int start = buffer.start(field);
        int end = start;
        while (bytes[end] != ':') {
            end++;
        }
        while (bytes[end - 1] == ' ' || bytes[end - 1] == '\t') {
            end--;
        }
        return end - start;
    }

    private String name(int field, int nameLength) {
        return Ascii.lower(new String(buffer.bytes(), buffer.start(field), nameLength,
                StandardCharsets.US_ASCII));
    }

    /** A value unfolded, cleaned, without blanks around it. */
    private String text(int field, int max) {
        return Ascii.clean(new String(value(field, max), StandardCharsets.ISO_8859_1).strip(),
                max);
    }

    /** A value unfolded; no more of it than {@code max} octets. */
    private byte[] value(int field, int max) {
        byte[] bytes = buffer.bytes();
        int end = buffer.start(field + 1);
        int from = buffer.start(field);
        while (bytes[from++] != ':') {
            // The name is of no interest.
        }
        byte[] value = new byte[Math.min(max, end - from)];
        int length = 0;
        for (int i = from; i < end && length < value.length; i++) {
            if (bytes[i] != '\r' && bytes[i] != '\n') {
                value[length++] = bytes[i];
            }
        }
        return length == value.length ? value : Arrays.copyOf(value, length);
    }

    /** Values of the fields that were wanted, as they came. */
    Map<String, String> routedValues() {
        return routedValues;
    }

    /** The first fields meant for us, without their common prefix, in lower case. */
    List<Control> controls() {
        return controls;
    }

    /** There are more of them than {@link #controls} has. */
    boolean tooManyControls() {
        return tooManyControls;
    }

    boolean has(KnownField field) {
        return counts[field.index()] > 0;
    }

    int count(KnownField field) {
        return counts[field.index()];
    }

    /** The first value of a field that is there, unfolded, as bytes; cut at a bound. */
    byte[] bytes(KnownField field) {
        if (!has(field)) {
            return new byte[0];
        }
        if (first[field.index()] >= 0) {
            return value(first[field.index()], MAX_VALUE);
        }
        for (Added one : added) {
            if (one.known() == field) {
                return one.value().getBytes(StandardCharsets.US_ASCII);
            }
        }
        throw new IllegalStateException(field + " is counted, but not there");
    }

    /** Whether a field is there once, and {@link #bytes} gives all of it. */
    boolean isWhole(KnownField field) {
        return count(field) == 1 && bytes(field).length < MAX_VALUE;
    }

    /** The same, without blanks around it; what is not printable ASCII is {@code ?}. */
    String text(KnownField field) {
        return Ascii.clean(new String(bytes(field), StandardCharsets.ISO_8859_1).strip(),
                MAX_VALUE);
    }

    /**
     * Names, in lower case, of the fields that some DKIM-Signature covers: one without b= or h= is
     * none (RFC 6376 3.5). At most those of {@value #MAX_SIGNATURES} signatures.
     */
    Set<String> signedFields() {
        Set<String> names = new HashSet<>();
        int seen = 0;
        for (int i = 0; i < buffer.fields() && seen < MAX_SIGNATURES; i++) {
            if (!isDropped(i) && KnownField.of(buffer.bytes(), buffer.start(i),
                    nameLength(i)) == KnownField.DKIM_SIGNATURE) {
                seen++;
                addSigned(new String(value(i, MAX_VALUE), StandardCharsets.ISO_8859_1), names);
            }
        }
        return names;
    }

    private static void addSigned(String signature, Set<String> names) {
        String covered = "";
        boolean signed = false;
        for (String tag : signature.split(";", -1)) {
            int equals = tag.indexOf('=');
            if (equals > 0) {
                String name = tag.substring(0, equals).strip();
                String value = tag.substring(equals + 1).strip();
                signed |= name.equals("b") && !value.isEmpty();
                covered = name.equals("h") ? value : covered;
            }
        }
        if (signed) {
            for (String name : covered.split(":", -1)) {
                names.add(Ascii.lower(name.strip()));
            }
        }
    }

    /** Puts a field behind the others. */
    void add(String name, String value) {
        byte[] lower = Ascii.lower(name).getBytes(StandardCharsets.US_ASCII);
        KnownField known = KnownField.of(lower, 0, lower.length);
        if (known != null && counts[known.index()]++ == 0) {
            first[known.index()] = -1;
        }
        added = added.isEmpty() ? new ArrayList<>() : added;
        added.add(new Added(known, name, value));
    }

    /** Takes out every field the message came with of these names, given in lower case. */
    void remove(Set<String> names) {
        if (names.isEmpty()) {
            return;
        }
        for (int i = 0; i < buffer.fields(); i++) {
            int nameLength = nameLength(i);
            if (!isDropped(i) && names.contains(name(i, nameLength))) {
                drop(i);
                forget(KnownField.of(buffer.bytes(), buffer.start(i), nameLength));
            }
        }
    }

    private void forget(@Nullable KnownField field) {
        if (field != null) {
            // All of its name go, so none is left where the first was.
            counts[field.index()]--;
        }
    }

    /** Takes out every field of that name but the first. */
    void keepFirst(KnownField field) {
        keep(field, 1);
    }

    /** Takes out every field of that name. */
    void removeAll(KnownField field) {
        keep(field, 0);
    }

    private void keep(KnownField field, int most) {
        int left = most;
        for (int i = 0; i < buffer.fields(); i++) {
            if (!isDropped(i) && KnownField.of(buffer.bytes(), buffer.start(i),
                    nameLength(i)) == field && left-- <= 0) {
                drop(i);
            }
        }
        int kept = Math.max(0, left);
        List<Added> rest = new ArrayList<>();
        for (Added one : added) {
            if (one.known() != field || kept-- > 0) {
                rest.add(one);
            }
        }
        added = rest;
        counts[field.index()] = Math.min(most, counts[field.index()]);
    }

    private boolean isDropped(int field) {
        return dropped != null && dropped.get(field);
    }

    private void drop(int field) {
        BitSet set = dropped;
        if (set == null) {
            set = new BitSet(buffer.fields());
            dropped = set;
        }
        set.set(field);
    }

    /** Whether what is left has octets above 127. */
    boolean eightBit() {
        if (!buffer.eightBit() || dropped == null) {
            return buffer.eightBit();
        }
        for (int i = 0; i < buffer.fields(); i++) {
            if (!isDropped(i) && hasEightBit(buffer.bytes(), buffer.start(i),
                    buffer.start(i + 1))) {
                return true;
            }
        }
        return false;
    }

    /** Whether some octet is above 127. */
    static boolean hasEightBit(byte[] bytes, int from, int to) {
        for (int i = from; i < to; i++) {
            if (bytes[i] < 0) {
                return true;
            }
        }
        return false;
    }

    /** Whether the first value of a field begins with a text given in lower case. */
    boolean begins(KnownField field, byte[] lower) {
        int number = first[field.index()];
        if (!has(field) || number < 0) {
            return has(field) && Ascii.startsWithIgnoreCase(text(field),
                    new String(lower, StandardCharsets.US_ASCII));
        }
        byte[] bytes = buffer.bytes();
        int end = buffer.start(number + 1);
        int at = buffer.start(number);
        while (bytes[at++] != ':') {
            // The name is of no interest.
        }
        while (at < end && bytes[at] <= ' ' && bytes[at] >= 0) {
            at++;
        }
        return at + lower.length <= end && KnownField.matches(lower, bytes, at);
    }

    /** Passes on what is left, then what was added; without the empty line. */
    void writeTo(ContentScanner.Sink sink) {
        int from = 0;
        BitSet set = dropped;
        if (set != null) {
            for (int i = set.nextSetBit(0); i >= 0; i = set.nextSetBit(i + 1)) {
                pass(sink, buffer.bytes(), from, buffer.start(i));
                from = buffer.start(i + 1);
            }
        }
        pass(sink, buffer.bytes(), from, buffer.length());
        if (!added.isEmpty()) {
            StringBuilder lines = new StringBuilder(160);
            for (Added one : added) {
                lines.append(one.name()).append(": ").append(one.value()).append("\r\n");
            }
            byte[] bytes = lines.toString().getBytes(StandardCharsets.US_ASCII);
            pass(sink, bytes, 0, bytes.length);
        }
    }

    private static void pass(ContentScanner.Sink sink, byte[] bytes, int from, int to) {
        if (to > from) {
            sink.content(bytes, from, to - from);
        }
    }
}
