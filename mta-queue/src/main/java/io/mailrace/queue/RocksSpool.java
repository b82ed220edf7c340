// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import java.util.Optional;
import java.util.concurrent.Executor;

/** The spool on RocksDB. */
public final class RocksSpool implements Spool {
    private RocksSpool() {}

    /** Opens or creates the spool. */
    public static RocksSpool open(QueueConfig config, TimeSource time, Metrics metrics) {
        metrics.counter("spool_opens_total", "Times the spool was opened").increment();
        if (config.hostname().isEmpty() || time.epochMillis() > 0) {
            throw new UnsupportedOperationException("not yet");
        }
        return new RocksSpool();
    }

    @Override
    public IncomingContent newContent(Executor loop, Runnable writable) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void settle(Settlement settlement, Executor where, CommitListener listener) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Content content(Envelope envelope) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Executor readers() {
        throw new UnsupportedOperationException();
    }

    @Override
    public MailQueues queues() {
        throw new UnsupportedOperationException();
    }

    @Override
    public EventJournal journal() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Optional<String> refusal() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
