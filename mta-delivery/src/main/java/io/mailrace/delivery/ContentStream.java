// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Content;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Signature and content of one attempt on their way out, chunk by chunk, dot-stuffed when they go
 * by DATA (RFC 5321 4.5.2), which binary content never does: it may hold what ends data. Confined
 * to its event loop; holds no chunk between calls.
 */
final class ContentStream {
    private static final byte[] END_AT_LINE_START = ".\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] END_INSIDE_LINE = "\r\n.\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final int END_ROOM = 64;

    private final Attempt attempt;
    private final Content content;
    private final boolean dots;
    private final boolean stuffing;
    private boolean atLineStart = true;
    private int next;

    /**
     * @param dots the way of DATA: stuffing and a final dot
     */
    ContentStream(Attempt attempt, boolean dots) {
        this.attempt = attempt;
        this.dots = dots;
        if (dots && MailCommands.binary(attempt)) {
            throw new IllegalStateException("binary content by DATA");
        }
        content = attempt.content();
        stuffing = dots && attempt.envelope().facts().leadingDot();
    }

    /** What comes before the first chunk. */
    void writeStart(ByteBuf out) {
        out.writeBytes(attempt.signature().header());
    }

    boolean hasNext() {
        return next < content.chunkCount();
    }

    int next() {
        return next;
    }

    Content content() {
        return content;
    }

    /** The next chunk when no disk is needed for it. */
    byte @Nullable [] nextIfLoaded() {
        return content.chunkIfLoaded(next);
    }

    /** Writes the next chunk. */
    void write(byte[] chunk, ByteBuf out) {
        next++;
        // room for a dot every 32 octets and for what ends it, or the buffer grows bit by bit
        out.ensureWritable(chunk.length + (stuffing ? chunk.length / 32 : 0) + END_ROOM);
        if (stuffing) {
            DotStuffing.write(chunk, atLineStart, out);
        } else {
            out.writeBytes(chunk);
        }
        if (chunk.length > 0) {
            atLineStart = chunk[chunk.length - 1] == '\n';
        }
    }

    /** What comes after the last chunk. */
    void writeEnd(ByteBuf out) {
        if (dots) {
            out.writeBytes(atLineStart ? END_AT_LINE_START : END_INSIDE_LINE);
        }
    }
}
