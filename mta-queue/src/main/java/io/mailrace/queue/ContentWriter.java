// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A message arriving. Stays in memory up to one chunk; of a longer one each full chunk goes to the
 * commit thread as more bytes come, so it holds one chunk and those on their way to the disk.
 * Confined to its executor.
 */
final class ContentWriter implements IncomingContent {
    /** Stands in when the content has ended: it is never written to. */
    private static final PieceBuffer NOTHING = new PieceBuffer(0);

    private final SpoolId id;
    private final Executor loop;
    private final Runnable writable;
    private final MailBuilder builder;
    private final Consumer<Operation> commits;
    private final IntSupplier failures;
    private int failuresBefore;
    private PieceBuffer buffer = new PieceBuffer(Content.CHUNK_BYTES);
    private long sizeBytes;
    private int chunksSent;
    private int chunksWaiting;
    private boolean ended;
    private @Nullable SpoolException failure;

    ContentWriter(SpoolId id, Executor loop, Runnable writable, MailBuilder builder,
            Consumer<Operation> commits, IntSupplier failures) {
        this.id = id;
        this.loop = loop;
        this.writable = writable;
        this.builder = builder;
        this.commits = commits;
        this.failures = failures;
    }

    @Override
    public Set<String> routedFields() {
        return builder.routedFields();
    }

    @Override
    public RouteTerms terms(Draft draft) {
        return builder.terms(draft);
    }

    @Override
    public SpoolId id() {
        return id;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public boolean writable() {
        return chunksWaiting == 0;
    }

    @Override
    public void append(byte[] bytes, int offset, int length) {
        refuseAfterEnd();
        sizeBytes += length;
        int at = offset;
        int left = failure == null ? length : 0;
        while (left > 0) {
            if (buffer.room() == 0) {
                sendChunk();
            }
            int part = Math.min(left, buffer.room());
            buffer.append(bytes, at, part);
            at += part;
            left -= part;
        }
    }

    private void sendChunk() {
        if (chunksSent == 0) {
            failuresBefore = failures.getAsInt();
        }
        StoredChunk value = builder.stored(id, chunksSent, buffer.toArray());
        buffer.clear();
        chunksWaiting++;
        commits.accept(new Operation.Chunk(id, chunksSent++, value,
                new Operation.Told(loop, new ChunkListener())));
    }

    private final class ChunkListener implements CommitListener {
        @Override
        public void committed() {
            if (--chunksWaiting == 0 && !ended) {
                writable.run();
            }
        }

        /** What follows is swallowed; the submitter learns of it at the end. */
        @Override
        public void failed(SpoolException why) {
            failure = why;
            committed();
        }
    }

    @Override
    public void accept(Submission submission, CommitListener listener) {
        refuseAfterEnd();
        if (submission.facts().sizeBytes() != sizeBytes) {
            throw new IllegalArgumentException("facts tell of " + submission.facts().sizeBytes()
                    + " bytes, the content has " + sizeBytes);
        }
        SpoolException broken = failure;
        if (broken != null) {
            discard();
            loop.execute(() -> listener.failed(broken));
            return;
        }
        ended = true;
        byte[] rest = buffer.toArray();
        buffer = NOTHING;
        List<StoredChunk> last = rest.length == 0
                ? List.of()
                : List.of(builder.stored(id, chunksSent, rest));
        byte[] fresh = rest.length == 0 || chunksSent > 0 ? null : rest;
        commits.accept(new Operation.Accept(
                builder.build(id, submission, last, chunksSent, fresh), failuresBefore,
                new Operation.Told(loop, chunksSent == 0 ? listener : tidyAfter(listener))));
    }

    /** A large message whose end the disk refused leaves chunks behind. */
    private CommitListener tidyAfter(CommitListener listener) {
        return new CommitListener() {
            @Override
            public void committed() {
                listener.committed();
            }

            @Override
            public void failed(SpoolException why) {
                commits.accept(new Operation.Discard(id, chunksSent));
                listener.failed(why);
            }
        };
    }

    @Override
    public void discard() {
        if (!ended) {
            ended = true;
            buffer = NOTHING;
            if (chunksSent > 0) {
                commits.accept(new Operation.Discard(id, chunksSent));
            }
        }
    }

    private void refuseAfterEnd() {
        if (ended) {
            throw new IllegalStateException("content " + id + " has ended");
        }
    }
}
