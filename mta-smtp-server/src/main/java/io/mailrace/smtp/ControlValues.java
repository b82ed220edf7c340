// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Lane;
import io.mailrace.core.RoutingHints;
import io.mailrace.core.SmtpReply;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the {@link ControlField}s of a message say. The first of each counts. A name or lane that
 * means nothing is as none, but what the sender may not say, a tenant, pool or time that cannot be
 * meant, and more fields than are read, refuse the message: mail that leaves by another way than it
 * was told surprises people when it is too late. Immutable.
 *
 * @param tag lower-case; empty when nothing fit was given
 * @param notBefore milliseconds since 1970; empty: at once
 * @param unknown there was a field of ours that is none of them
 * @param unfit some tag or lane means nothing
 * @param refusal why the message is not taken
 */
record ControlValues(String tag, Optional<Lane> lane, Optional<String> tenant,
        Optional<String> pool, Optional<Long> notBefore, boolean unknown, boolean unfit,
        Optional<SmtpReply> refusal) {
    private static final int MAX_TENANT = 100;
    private static final int MAX_DIGITS = 9;
    private static final List<DateTimeFormatter> DATES = List.of(
            DateTimeFormatter.ISO_OFFSET_DATE_TIME, DateTimeFormatter.RFC_1123_DATE_TIME);
    private static final ControlValues NONE = new ControlValues("", Optional.empty(),
            Optional.empty(), Optional.empty(), Optional.empty(), false, false,
            Optional.empty());

    /**
     * What the sender may say.
     *
     * @param allowed the fields he may use
     * @param lanes he may name
     * @param pools those that exist
     * @param latestEpochMillis how far ahead he may date his mail
     */
    record Rights(Set<ControlField> allowed, Set<Lane> lanes, Set<String> pools,
            long nowEpochMillis, long latestEpochMillis) {}

    static ControlValues of(MessageHeader header, Rights rights) {
        if (header.controls().isEmpty()) {
            return NONE;
        }
        Map<ControlField, String> said = new EnumMap<>(ControlField.class);
        boolean unknown = false;
        for (MessageHeader.Control one : header.controls()) {
            Optional<ControlField> field = ControlField.of(one.name());
            field.ifPresent(known -> said.putIfAbsent(known, one.value()));
            unknown |= field.isEmpty();
        }
        Optional<String> tag = Optional.ofNullable(said.get(ControlField.TAG)).map(Ascii::lower);
        Optional<String> asked = Optional.ofNullable(said.get(ControlField.LANE));
        Optional<Lane> lane = asked.flatMap(word -> Lane.ofWord(Ascii.lower(word)));
        boolean unfit = (tag.isPresent() && !isTag(tag.get()))
                || (asked.isPresent() && lane.isEmpty());
        return new ControlValues(tag.filter(ControlValues::isTag).orElse(""), lane,
                Optional.ofNullable(said.get(ControlField.TENANT)).map(Ascii::lower),
                Optional.ofNullable(said.get(ControlField.POOL)),
                Optional.ofNullable(said.get(ControlField.NOT_BEFORE)).flatMap(
                        text -> time(text, rights)),
                unknown, unfit, header.tooManyControls()
                        ? Optional.of(Replies.TOO_MANY_CONTROLS)
                        : refusal(said, lane, rights));
    }

    private static Optional<SmtpReply> refusal(Map<ControlField, String> said,
            Optional<Lane> lane, Rights rights) {
        for (Map.Entry<ControlField, String> one : said.entrySet()) {
            if (!rights.allowed().contains(one.getKey())) {
                return Optional.of(Replies.controlNotAllowed(one.getKey()));
            }
            if (one.getKey() == ControlField.LANE && lane.isPresent()
                    && !rights.lanes().contains(lane.get())) {
                return Optional.of(Replies.laneNotAllowed(lane.get()));
            }
            boolean fits = switch (one.getKey()) {
                case TAG, LANE -> true;
                case TENANT -> isTenant(Ascii.lower(one.getValue()));
                case POOL -> rights.pools().contains(one.getValue());
                case NOT_BEFORE -> time(one.getValue(), rights).filter(
                        millis -> millis <= rights.latestEpochMillis()).isPresent();
            };
            if (!fits) {
                return Optional.of(Replies.controlUnusable(one.getKey()));
            }
        }
        return Optional.empty();
    }

    /** Seconds from now, a date of RFC 3339 or one of RFC 5322; empty when it is none. */
    private static Optional<Long> time(String text, Rights rights) {
        if (!text.isEmpty() && text.length() <= MAX_DIGITS
                && text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.of(rights.nowEpochMillis() + 1000L * Integer.parseInt(text));
        }
        return DATES.stream().flatMap(format -> date(text, format).stream()).findFirst();
    }

    private static Optional<Long> date(String text, DateTimeFormatter format) {
        try {
            return Optional.of(OffsetDateTime.parse(text, format).toInstant().toEpochMilli());
        } catch (DateTimeException | ArithmeticException noDate) {
            return Optional.empty();
        }
    }

    private static boolean isTag(String text) {
        return !text.isEmpty() && text.length() <= ContentFacts.MAX_TAG && text.chars().allMatch(
                c -> (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || ".-_".indexOf(c) >= 0);
    }

    private static boolean isTenant(String text) {
        return text.length() <= MAX_TENANT && text.equals(UserTable.tenant(text));
    }

    /** @param fields values of the fields routes look at */
    RoutingHints hints(Map<String, String> fields) {
        return new RoutingHints(lane, pool, fields);
    }
}
