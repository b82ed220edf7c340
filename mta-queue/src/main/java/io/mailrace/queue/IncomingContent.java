// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.util.Set;

/**
 * A message on its way into the spool. Full chunks go to disk while more bytes arrive, so memory is
 * bounded by two chunks whatever the size. Confined to the executor it was made with. Must end with
 * {@link #accept} or {@link #discard}.
 */
public interface IncomingContent {

    SpoolId id();

    /** Names of the header fields routes look at, in lower case: hints must have their values. */
    Set<String> routedFields();

    /** What the routes of such a message ask of it. */
    RouteTerms terms(Draft draft);

    /** Appends a copy of the bytes: see {@link io.mailrace.core.Content} for their form. */
    void append(byte[] bytes, int offset, int length);

    /** Octets appended so far. */
    long sizeBytes();

    /** False while a full chunk waits for the disk: feed no more until told. */
    boolean writable();

    /**
     * Makes the message durable: content, one envelope per destination, schedule and event in one
     * synced batch. The listener is told on this content's executor.
     */
    void accept(Submission submission, CommitListener listener);

    /** Drops what was written. */
    void discard();
}
