// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Content;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends a content on a connection, then closes it. Holds one chunk: the next is read once the
 * client has taken the one before, so the heap never depends on the size of the message, and a
 * client that is slow or goes away keeps no thread. Chunks are read on the admin threads.
 */
final class ContentAnswer {
    private static final Logger LOG = LoggerFactory.getLogger(ContentAnswer.class);

    private final ChannelHandlerContext ctx;
    private final Content content;
    private final Executor workers;

    ContentAnswer(ChannelHandlerContext ctx, Content content, Executor workers) {
        this.ctx = ctx;
        this.content = content;
        this.workers = workers;
    }

    /**
     * Begins, on an admin thread.
     *
     * @throws RuntimeException when the first chunk cannot be read; nothing is sent then
     */
    void send(HttpResponse head) {
        if (content.chunkCount() == 0) {
            ctx.write(head);
            end();
            return;
        }
        byte[] first = content.chunk(0);
        ctx.write(head);
        send(first, 0);
    }

    private void send(byte[] chunk, int index) {
        ctx.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(chunk)))
                .addListener(written -> {
                    if (written.isSuccess()) {
                        goOn(index + 1);
                    } else {
                        ctx.close();
                    }
                });
    }

    private void goOn(int index) {
        if (index == content.chunkCount()) {
            end();
            return;
        }
        try {
            workers.execute(() -> read(index));
        } catch (RejectedExecutionException full) {
            stop("too many questions at once");
        }
    }

    private void read(int index) {
        byte[] chunk;
        try {
            chunk = content.chunk(index);
        } catch (RuntimeException gone) {
            stop(gone.toString());
            return;
        }
        send(chunk, index);
    }

    private void end() {
        ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT)
                .addListener(ChannelFutureListener.CLOSE);
    }

    /** The client sees by the length it was told that it has not got all. */
    private void stop(String why) {
        LOG.warn("content not sent to its end why=\"{}\"", why);
        ctx.close();
    }
}
