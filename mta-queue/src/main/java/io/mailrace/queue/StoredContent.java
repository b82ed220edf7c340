// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import java.lang.ref.WeakReference;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a stored message. Remembers the last two chunks it read for as long as somebody else
 * holds them or memory is not needed. Any thread.
 */
final class StoredContent implements Content {

    private record Loaded(int index, WeakReference<byte[]> bytes) {}

    private final Store store;
    private final FreshContents fresh;
    private final long id;
    private final long sizeBytes;
    private final AtomicReference<@Nullable Loaded> newest = new AtomicReference<>();
    private final AtomicReference<@Nullable Loaded> older = new AtomicReference<>();

    StoredContent(Store store, FreshContents fresh, long id, long sizeBytes) {
        this.store = store;
        this.fresh = fresh;
        this.id = id;
        this.sizeBytes = sizeBytes;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public byte[] chunk(int index) {
        byte[] loaded = chunkIfLoaded(index);
        if (loaded != null) {
            return loaded;
        }
        byte[] bytes = StoredChunk.read(store, id, index, lengthOf(index));
        older.set(newest.getAndSet(new Loaded(index, new WeakReference<>(bytes))));
        return bytes;
    }

    @Override
    public byte @Nullable [] chunkIfLoaded(int index) {
        lengthOf(index);
        byte[] cached = sizeBytes <= CHUNK_BYTES ? fresh.get(id) : null;
        if (cached != null) {
            return cached;
        }
        byte[] bytes = ifLoaded(newest.get(), index);
        return bytes != null ? bytes : ifLoaded(older.get(), index);
    }

    private static byte @Nullable [] ifLoaded(@Nullable Loaded loaded, int index) {
        return loaded != null && loaded.index == index ? loaded.bytes.get() : null;
    }

    private int lengthOf(int index) {
        if (index < 0 || index >= chunkCount()) {
            throw new IndexOutOfBoundsException("chunk " + index + " of " + chunkCount());
        }
        return (int) Math.min(CHUNK_BYTES, sizeBytes - (long) index * CHUNK_BYTES);
    }
}
