// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Content;
import org.jspecify.annotations.Nullable;

/**
 * Where a content's header ends and its body begins. The header is looked at in place when it is
 * inside the first chunk, as it almost always is, else in a copy of at most {@value #MAX_BYTES}
 * bytes and one chunk. One thread.
 */
final class HeaderBlock {
    /** A header longer than this is not signed. */
    static final int MAX_BYTES = 1024 * 1024;
    private static final int KEPT_BYTES = 2 * Content.CHUNK_BYTES;

    private @Nullable ByteBuilder copy;
    private byte[] bytes = new byte[0];
    private int end;
    private int bodyChunk;
    private int bodyOffset;
    private byte[] chunkOfBody = new byte[0];

    /**
     * Finds the end of the header.
     *
     * @return false when there is none that could be signed: empty, too long, or its first line is
     *         a continuation line, which would become part of our own field above it
     */
    boolean locate(Content content) {
        int chunks = content.chunkCount();
        if (chunks == 0) {
            return false;
        }
        byte[] first = content.chunk(0);
        if (first.length == 0 || first[0] == ' ' || first[0] == '\t' || first[0] == '\r') {
            return false;
        }
        int blankLine = blankLine(first, 0, first.length);
        if (blankLine >= 0 || chunks == 1) {
            bytes = first;
            end = blankLine >= 0 ? blankLine : first.length;
            bodyStartsIn(0, first, blankLine >= 0 ? blankLine + 2 : first.length);
            return true;
        }
        return locateInCopy(content, first);
    }

    private boolean locateInCopy(Content content, byte[] first) {
        ByteBuilder all = copy == null ? new ByteBuilder(2 * first.length) : copy;
        copy = all;
        all.cut(0);
        all.put(first, 0, first.length);
        for (int c = 1; c < content.chunkCount(); c++) {
            byte[] chunk = content.chunk(c);
            int before = all.length();
            all.put(chunk, 0, chunk.length);
            int blankLine = blankLine(all.bytes(), Math.max(0, before - 3), all.length());
            if (blankLine >= 0 || c + 1 == content.chunkCount()) {
                bytes = all.bytes();
                end = blankLine >= 0 ? blankLine : all.length();
                bodyStartsIn(c, chunk, blankLine >= 0 ? blankLine + 2 - before : chunk.length);
                return end <= MAX_BYTES;
            }
            if (all.length() > MAX_BYTES) {
                return false;
            }
        }
        return false;
    }

    private void bodyStartsIn(int chunk, byte[] its, int offset) {
        bodyChunk = chunk;
        bodyOffset = offset;
        chunkOfBody = its;
    }

    /** The bytes the header is in, from 0 to {@link #end}. */
    byte[] bytes() {
        return bytes;
    }

    /** After the CRLF of the last field. */
    int end() {
        return end;
    }

    /** Feeds the body, which is what comes after the empty line. */
    void readBody(Content content, RelaxedBody body) {
        body.update(chunkOfBody, bodyOffset, chunkOfBody.length);
        for (int c = bodyChunk + 1; c < content.chunkCount(); c++) {
            byte[] chunk = content.chunk(c);
            body.update(chunk, 0, chunk.length);
        }
    }

    /** Lets go of the message's bytes, and of a copy much larger than usual. */
    void release() {
        bytes = new byte[0];
        chunkOfBody = bytes;
        if (copy != null && copy.capacity() > KEPT_BYTES) {
            copy = null;
        }
    }

    /** Index of the CRLF that is an empty line; CRLF CRLF is looked for. -1 when there is none. */
    private static int blankLine(byte[] in, int from, int to) {
        for (int i = from; i + 3 < to; i++) {
            if (in[i] == '\r' && in[i + 1] == '\n' && in[i + 2] == '\r' && in[i + 3] == '\n') {
                return i + 2;
            }
        }
        return -1;
    }
}
