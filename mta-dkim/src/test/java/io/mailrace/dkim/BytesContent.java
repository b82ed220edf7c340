// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A content in memory, cut into chunks of any size. */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
record BytesContent(byte[] bytes, int chunkBytes) implements Content {

    static BytesContent of(String latin1) {
        return new BytesContent(latin1.getBytes(StandardCharsets.ISO_8859_1), CHUNK_BYTES);
    }

    static BytesContent of(byte[] bytes) {
        return new BytesContent(bytes, CHUNK_BYTES);
    }

    static ContentFacts facts(String fromDomain) {
        return new ContentFacts(0, false, false, false, false, fromDomain, "");
    }

    static ContentFacts binaryFacts(String fromDomain) {
        return new ContentFacts(0, true, false, false, true, true, fromDomain, "", "");
    }

    BytesContent cutInto(int size) {
        return new BytesContent(bytes, size);
    }

    @Override
    public long sizeBytes() {
        return bytes.length;
    }

    @Override
    public int chunkCount() {
        return (bytes.length + chunkBytes - 1) / chunkBytes;
    }

    @Override
    public byte[] chunk(int index) {
        int from = index * chunkBytes;
        return Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + chunkBytes));
    }

    @Override
    public byte[] chunkIfLoaded(int index) {
        return chunk(index);
    }
}
