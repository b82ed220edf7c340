// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Rate;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

/**
 * Something in force that narrows or stops delivery for a while. Immutable. Times are wall-clock
 * milliseconds since 1970.
 *
 * @param id unique while it is in force, and for people to name it
 * @param rate of {@link RuleAction#SLOW}; else empty
 * @param number connections of {@code HALVE} and {@code RECOVER}, messages on a connection of
 *        {@code FEWER_MESSAGES}; else 0
 * @param rule as {@code provider/rule}, or {@code operator}
 * @param why the reply that brought it about, or the operator's words
 * @param stopUntil nothing is sent before that; 0: it does not stop
 * @param until when it is over
 */
record Measure(long id, Subject subject, RuleAction action, Optional<Rate> rate, int number,
        String rule, String why, long since, long stopUntil, long until) {
    private static final int VERSION = 1;

    boolean over(long nowEpochMillis) {
        return nowEpochMillis >= until;
    }

    Measure lasting(long newStop, long newUntil) {
        return new Measure(id, subject, action, rate, number, rule, why, since, newStop, newUntil);
    }

    /** What it does, as part of a sentence. */
    String what() {
        return switch (action) {
            case SLOW -> "slowed to " + rate.map(Rate::toString).orElse("nothing");
            case HALVE -> "at most " + number + " connections";
            case ONE_CONNECTION -> "one connection";
            case SUSPEND -> "suspended";
            case RECOVER -> "recovering";
            case HOLD_DOMAIN -> "held";
            case DROP_IPV6 -> "IPv4 only";
            case FEWER_MESSAGES -> "at most " + number + " messages on a connection";
            case SPLIT, OTHER_SOURCE, SUPPRESS, ALERT -> action.word();
        };
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(VERSION);
            out.writeLong(id);
            out.writeUTF(subject.kind().name());
            out.writeUTF(subject.receiver());
            out.writeUTF(subject.name());
            out.writeUTF(action.name());
            out.writeUTF(rate.map(Rate::toString).orElse(""));
            out.writeInt(number);
            out.writeUTF(rule);
            out.writeUTF(why);
            out.writeLong(since);
            out.writeLong(stopUntil);
            out.writeLong(until);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }

    /** Empty when it is of another version or makes no sense. */
    static Optional<Measure> decode(byte[] record) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(record))) {
            if (in.readByte() != VERSION) {
                return Optional.empty();
            }
            return Optional.of(new Measure(in.readLong(),
                    new Subject(Subject.Kind.valueOf(in.readUTF()), in.readUTF(), in.readUTF()),
                    RuleAction.valueOf(in.readUTF()), Rate.parse(in.readUTF()), in.readInt(),
                    in.readUTF(), in.readUTF(), in.readLong(), in.readLong(), in.readLong()));
        } catch (IOException | IllegalArgumentException senseless) {
            return Optional.empty();
        }
    }
}
