// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import org.jspecify.annotations.Nullable;

/**
 * The message as bytes, header and body, immutable: lines end in CRLF, no bare CR or LF, no
 * dot-stuffing, no final dot. Cut into chunks of at most {@value #CHUNK_BYTES} bytes so that memory
 * use never depends on the message's size. Thread-safe. Chunks are shared: never write to one.
 */
public interface Content {
    /** Every chunk but the last has exactly this size. */
    int CHUNK_BYTES = 128 * 1024;

    long sizeBytes();

    default int chunkCount() {
        return chunksOf(sizeBytes());
    }

    /** Into how many chunks that many bytes are cut. */
    static int chunksOf(long sizeBytes) {
        return (int) ((sizeBytes + CHUNK_BYTES - 1) / CHUNK_BYTES);
    }

    /**
     * One chunk; may read the disk, so never on an event loop.
     *
     * @throws RuntimeException when it cannot be read: local trouble, the mail is deferred
     */
    byte[] chunk(int index);

    /** The chunk if it is in memory, else null. Never blocks. */
    byte @Nullable [] chunkIfLoaded(int index);
}
