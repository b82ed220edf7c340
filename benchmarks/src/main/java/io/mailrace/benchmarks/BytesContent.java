// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.Content;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A content in memory, copied chunk by chunk as the spool's are. Immutable. */
public final class BytesContent implements Content {
    private final byte[] all;

    /** The array becomes its own. */
    public BytesContent(byte[] all) {
        this.all = all;
    }

    @Override
    public long sizeBytes() {
        return all.length;
    }

    @Override
    public byte[] chunk(int index) {
        return Arrays.copyOfRange(all, index * CHUNK_BYTES,
                Math.min(all.length, (index + 1) * CHUNK_BYTES));
    }

    @Override
    public byte @Nullable [] chunkIfLoaded(int index) {
        return chunk(index);
    }
}
