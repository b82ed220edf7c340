// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The keys of FORMAT.md. All numbers in them are not negative, so bytes sort as numbers do. */
final class Keys {
    static final int SCHEDULE_BYTES = 24;
    static final int HELD_BYTES = 16;
    private static final int EVENT_BUCKET_BITS = 20;
    static final byte[] FORMAT = {'V'};
    static final byte[] PROGRESS = {'P'};
    static final byte QUEUE_NAME = 'N';
    static final byte QUEUE_COUNT = 'C';
    static final byte MARKER = 'M';
    static final byte READER = 'R';
    static final byte QUARANTINE = 'X';
    static final byte MEMO = 'D';
    static final byte SLOT = 'L';

    private Keys() {}

    static byte[] content(SpoolId id, int chunk) {
        return ByteBuffer.allocate(12).putLong(id.value()).putInt(chunk).array();
    }

    static byte[] envelope(SpoolId id, int ordinal) {
        return ByteBuffer.allocate(12).putLong(id.value()).putInt(ordinal).array();
    }

    /** First key of a message in a family whose keys begin with the SpoolId. */
    static byte[] ofMessage(long id) {
        return ByteBuffer.allocate(8).putLong(id).array();
    }

    static byte[] schedule(int queueNumber, Place place) {
        return ByteBuffer.allocate(SCHEDULE_BYTES).putInt(queueNumber)
                .putLong(place.dueEpochMillis()).putLong(place.id()).putInt(place.ordinal())
                .array();
    }

    static Place placeOf(byte[] scheduleKey) {
        ByteBuffer key = ByteBuffer.wrap(scheduleKey);
        return new Place(key.getLong(4), key.getLong(12), key.getInt(20));
    }

    /** First key of a queue; that of the next number ends it. */
    static byte[] queue(int queueNumber) {
        return ByteBuffer.allocate(4).putInt(queueNumber).array();
    }

    static byte[] event(long sequence) {
        return ByteBuffer.allocate(8).putLong(sequence).array();
    }

    /** Events of a million sequences are indexed together, so that they go together. */
    static int bucketOf(long sequence) {
        return (int) Math.min(Integer.MAX_VALUE, sequence >>> EVENT_BUCKET_BITS);
    }

    static byte[] eventOf(long id, long sequence) {
        return eventOf(bucketOf(sequence), id, sequence);
    }

    static byte[] eventOf(int bucket, long id, long sequence) {
        return ByteBuffer.allocate(20).putInt(bucket).putLong(id).putLong(sequence).array();
    }

    /** First key of a bucket of the index. */
    static byte[] eventBucket(int bucket) {
        return ByteBuffer.allocate(4).putInt(bucket).array();
    }

    static byte[] held(int queueNumber, long id, int ordinal) {
        return ByteBuffer.allocate(HELD_BYTES).putInt(queueNumber).putLong(id).putInt(ordinal)
                .array();
    }

    static byte[] kept(long untilEpochMillis, long id) {
        return ByteBuffer.allocate(16).putLong(untilEpochMillis).putLong(id).array();
    }

    static byte[] state(byte kind, int queueNumber) {
        return ByteBuffer.allocate(5).put(kind).putInt(queueNumber).array();
    }

    static byte[] marker(SpoolId id) {
        return ByteBuffer.allocate(9).put(MARKER).putLong(id.value()).array();
    }

    static byte[] reader(String name) {
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(1 + text.length).put(READER).put(text).array();
    }

    static byte[] memo(String name) {
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(1 + text.length).put(MEMO).put(text).array();
    }

    static byte[] quarantine(byte[] scheduleKey) {
        return ByteBuffer.allocate(1 + scheduleKey.length).put(QUARANTINE).put(scheduleKey).array();
    }

    /** All keys of a kind in {@code state}: from this one to that of the next letter. */
    static byte[] kind(int letter) {
        return new byte[]{(byte) letter};
    }

    static long longAt(byte[] key, int offset) {
        return ByteBuffer.wrap(key).getLong(offset);
    }

    static int intAt(byte[] key, int offset) {
        return ByteBuffer.wrap(key).getInt(offset);
    }

    /** Of a reader or a memo. */
    static String readerName(byte[] key) {
        return new String(Arrays.copyOfRange(key, 1, key.length), StandardCharsets.UTF_8);
    }
}
