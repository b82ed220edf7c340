// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Recipients who get no more mail: their mailbox does not exist, or an operator said so. On disk;
 * in memory are 64 bits of a digest of each, at most {@value #MAX} of them. Asking never blocks and
 * may be done by any thread.
 */
final class Suppressions {
    private static final Logger LOG = LoggerFactory.getLogger(Suppressions.class);
    static final int MAX = 5_000_000;
    private static final String PREFIX = "suppress/";
    private static final int VERSION = 1;
    private static final int MAX_WHY = 300;

    /** One of them. */
    record Entry(String address, long since, String why) {}

    private final TimeSource time;
    private final Memos memos;
    /** Guarded by its monitor for writing; replaced when it grows. */
    private volatile DigestSet digests = new DigestSet(1024);

    /** Takes up the list: reads the disk, blocks. */
    Suppressions(TimeSource time, Memos memos) {
        this.time = time;
        this.memos = memos;
        memos.each(PREFIX, (name, value) -> put(digest(name.substring(PREFIX.length()))));
    }

    int size() {
        return digests.size();
    }

    boolean has(MailAddress address) {
        DigestSet now = digests;
        return now.size() > 0 && now.has(digest(key(address)));
    }

    /** Bounces what an attempt would send to them. */
    void apply(Attempt attempt) {
        if (digests.size() == 0) {
            return;
        }
        for (int i = 0; i < attempt.recipients(); i++) {
            if (has(attempt.envelope().recipients().get(i).address())) {
                attempt.decide(i, new Disposition.Bounced(SmtpReply.of(550, "5.1.1",
                        "the recipient is on the suppression list: mailrace suppress list tells "
                                + "why"),
                        new Cause(ReplyClass.INACTIVE_MAILBOX, "suppressed")));
            }
        }
    }

    /**
     * Adds one; nothing happens when it is there. The listener hears when it is on disk.
     *
     * @return false when the list is full
     */
    boolean add(MailAddress address, String why, Executor where, CommitListener listener) {
        String key = key(address);
        long digest = digest(key);
        synchronized (this) {
            if (digests.has(digest)) {
                where.execute(listener::committed);
                return true;
            }
            if (digests.size() >= MAX) {
                LOG.error("suppression list is full entries={}", MAX);
                return false;
            }
            put(digest);
        }
        byte[] text = Ascii.clean(why, MAX_WHY).getBytes(StandardCharsets.US_ASCII);
        byte[] value = ByteBuffer.allocate(9 + text.length).put((byte) VERSION)
                .putLong(time.epochMillis()).put(text).array();
        memos.write(List.of(Memos.Change.put(PREFIX + key, value)), List.of(new Event.RuleFired(
                time.epochMillis(), "suppression", key, "suppress", 0, Ascii.clean(why,
                        MAX_WHY))),
                where, listener);
        return true;
    }

    /** Adds one because a rule says so; not waited for. */
    void add(MailAddress address, String why) {
        add(address, why, Runnable::run,
                CommitListener.onFailure(refused -> LOG.warn(
                        "suppressed, but not on disk reason=\"{}\"", refused.getMessage())));
    }

    /** Takes one off; false when it is not on the list. */
    boolean remove(MailAddress address, String why, Executor where, CommitListener listener) {
        String key = key(address);
        long digest = digest(key);
        synchronized (this) {
            if (!digests.has(digest)) {
                return false;
            }
            digests = digests.without(digest);
        }
        memos.write(List.of(Memos.Change.remove(PREFIX + key)), List.of(new Event.RuleFired(
                time.epochMillis(), "suppression", key, "unsuppress", 0, Ascii.clean(why,
                        MAX_WHY))),
                where, listener);
        return true;
    }

    /** Those whose address has that part, in order, at most {@code max}. Reads the disk: blocks. */
    List<Entry> list(String part, int max) {
        List<Entry> found = new ArrayList<>();
        memos.each(PREFIX, (name, value) -> {
            String address = name.substring(PREFIX.length());
            if (found.size() < max && address.contains(part)) {
                entry(address, value).ifPresent(found::add);
            }
        });
        return found;
    }

    private static Optional<Entry> entry(String address, byte[] value) {
        return value.length < 9 || value[0] != VERSION ? Optional.empty()
                : Optional.of(new Entry(address, ByteBuffer.wrap(value).getLong(1),
                        new String(value, 9, value.length - 9, StandardCharsets.US_ASCII)));
    }

    /** Mailboxes are compared without case: nearly all receivers do. */
    private static String key(MailAddress address) {
        return Ascii.lower(address.toString());
    }

    private synchronized void put(long digest) {
        digests = digests.with(digest);
    }

    private static long digest(String key) {
        try {
            return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(
                    key.getBytes(StandardCharsets.UTF_8))).getLong();
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
