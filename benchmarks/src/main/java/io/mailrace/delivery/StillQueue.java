// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import java.util.List;

/** A queue with a name and no mail, for benchmarks of what only asks for the name. */
record StillQueue(QueueKey key) implements MailQueue {
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
        return new QueueStatus(key, 0, 0, 0, 0, 0, 0, "");
    }
}
