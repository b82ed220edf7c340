// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Mail for tests that have no spool. */
final class TestMail {
    private static long nextId = 1;

    private TestMail() {}

    static MailAddress address(String text) {
        return text.isEmpty() ? MailAddress.NULL : MailAddress.parse(text).orElseThrow();
    }

    static QueueKey key(String destination) {
        return new QueueKey(Lane.DEFAULT, "default", destination, "default");
    }

    static ContentFacts facts(byte[] content, boolean eightBit, boolean utf8Header) {
        return facts(content, eightBit, utf8Header, false);
    }

    static ContentFacts facts(byte[] content, boolean eightBit, boolean utf8Header,
            boolean binary) {
        String text = new String(content, StandardCharsets.ISO_8859_1);
        return new ContentFacts(content.length, eightBit, utf8Header,
                text.startsWith(".") || text.contains("\n."), false, binary, author(text),
                "<1@test>", "");
    }

    /** Domain of the From address of the test's own messages. */
    private static String author(String text) {
        int at = text.startsWith("From: ") ? text.indexOf('@') : -1;
        return at < 0 ? "example.com" : text.substring(at + 1, text.indexOf('\r', at));
    }

    static synchronized Attempt attempt(String sender, List<Recipient> recipients,
            MailOptions options, ContentFacts facts, byte[] bytes) {
        Envelope envelope = new Envelope(new SpoolId(nextId++), 0, key("example.net"),
                address(sender), recipients, options, facts, 0, false, 0, 0,
                Long.MAX_VALUE);
        return new Attempt(envelope, new NoQueue(), new Bytes(bytes));
    }

    /** Another envelope of the same message. */
    static Attempt another(Attempt of, int ordinal) {
        Envelope one = of.envelope();
        return new Attempt(new Envelope(one.id(), ordinal, key("example.org"), one.sender(),
                one.recipients(), one.options(), one.facts(), 0, false, 0, 0, Long.MAX_VALUE),
                new NoQueue(), of.content());
    }

    /** A content in memory, cut as the interface says. */
    @SuppressWarnings("ArrayRecordComponent")
    record Bytes(byte[] bytes) implements Content {
        @Override
        public long sizeBytes() {
            return bytes.length;
        }

        @Override
        public byte[] chunk(int index) {
            int from = index * CHUNK_BYTES;
            return Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + CHUNK_BYTES));
        }

        @Override
        public byte @Nullable [] chunkIfLoaded(int index) {
            return chunk(index);
        }
    }

    /** A queue nobody asks. */
    static final class NoQueue implements MailQueue {
        @Override
        public QueueKey key() {
            return TestMail.key("example.net");
        }

        @Override
        public long now() {
            return 0;
        }

        @Override
        public List<Envelope> take(int max) {
            return List.of();
        }

        @Override
        public void putBack(Envelope envelope) {}

        @Override
        public void park(long untilEpochMillis, String why) {}

        @Override
        public void parkUntried(long untilEpochMillis, String why) {}

        @Override
        public QueueStatus status() {
            return new QueueStatus(key(), 0, 0, 0, 0, 0, 0, "");
        }
    }
}
