// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many envelopes are left of messages that had several. Holds the {@value #MAX} used last; the
 * others are counted on disk when needed. Confined to {@code spool-commit}.
 */
final class MessageCounts {
    private static final Logger LOG = LoggerFactory.getLogger(MessageCounts.class);
    private static final int MAX = 10_000;

    private final Store store;
    private final Map<Long, Integer> left = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Integer> eldest) {
            return size() > MAX;
        }
    };

    MessageCounts(Store store) {
        this.store = store;
    }

    void accepted(long id, int envelopes) {
        if (envelopes > 1) {
            left.put(id, envelopes);
        }
    }

    /** Counts one envelope of the message as gone; whether it was the last. */
    boolean isLast(long id, int envelopesOfMessage) {
        if (envelopesOfMessage == 1) {
            return true;
        }
        Integer known = left.get(id);
        int before = known == null ? onDisk(id) : known;
        if (before <= 1) {
            left.remove(id);
            return true;
        }
        left.put(id, before - 1);
        return false;
    }

    /** The message is split into that many more envelopes. */
    void split(long id, int more) {
        Integer known = left.get(id);
        left.put(id, (known == null ? onDisk(id) : known) + more);
    }

    /** After a batch that was not written: what it counted did not happen. */
    void forget() {
        left.clear();
    }

    private int onDisk(long id) {
        int[] count = {0};
        try {
            store.scan(Store.Family.ENVELOPE, Keys.ofMessage(id), Keys.ofMessage(id + 1),
                    (key, value) -> {
                        count[0]++;
                        return true;
                    });
            return count[0];
        } catch (SpoolException unreadable) {
            LOG.error("envelopes not counted, content stays id={} reason=\"{}\"",
                    new SpoolId(id), unreadable.getMessage());
            return Integer.MAX_VALUE;
        }
    }
}
