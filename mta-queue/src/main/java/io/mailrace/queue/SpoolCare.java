// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** What operators do to a running spool. Any thread; methods that read or write the disk block. */
public interface SpoolCare {

    /**
     * How the spool stands.
     *
     * @param families bytes in data files by part of the spool
     * @param liveContentBytes contents of mail that waits
     * @param keptContentBytes contents of settled mail kept for support
     * @param unreadableQueues queues whose mail cannot be read because files are damaged
     */
    record Statistics(long envelopesWaiting, long envelopesHeld, long envelopesTaken, long queues,
            long liveContentBytes, long keptContentBytes, long sizeBytes, long freeBytes,
            long freeInodes, long oldestEvent, long newestEvent, long quarantined,
            long lostBatches, long unreadableQueues, Map<String, Long> families) {}

    Statistics statistics();

    /**
     * Copies the spool as it is at this moment to a new folder while mail goes on: data files as
     * hard links when the folder is on the same file system. The copy is synced when this returns.
     *
     * @param directory absolute, not there yet or empty
     * @throws SpoolException when it cannot be made; what was written of it is removed
     */
    void backup(Path directory);

    /** Frees the room of removed mail and events now. Takes a while. */
    void compact();

    /** The content of a message that waits, or was settled and is still kept; empty when gone. */
    Optional<Content> content(SpoolId id);
}
