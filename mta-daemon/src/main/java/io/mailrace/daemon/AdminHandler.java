// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Content;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection: one request, one answer, closed. Checks method and Host, then hands the question
 * to the admin threads unless the answer is at hand. Confined to its event loop but for making
 * the answer.
 */
final class AdminHandler extends SimpleChannelInboundHandler<HttpObject> {
    private static final Logger LOG = LoggerFactory.getLogger(AdminHandler.class);

    private final AdminApi api;
    private final Executor workers;
    /** Which names a Host header may carry; none on the unix socket: everything may be asked. */
    private final Optional<Predicate<String>> hosts;
    private final Duration requestLimit;
    private @Nullable Future<?> deadline;
    private boolean asked;

    /** @param requestLimit how long the request may take, however its bytes come */
    AdminHandler(AdminApi api, Executor workers, Optional<Predicate<String>> hosts,
            Duration requestLimit) {
        this.api = api;
        this.workers = workers;
        this.hosts = hosts;
        this.requestLimit = requestLimit;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        deadline = ctx.executor().schedule(() -> {
            LOG.debug("admin connection closed why=\"no request within {} ms\"",
                    requestLimit.toMillis());
            ctx.close();
        }, requestLimit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        endDeadline();
    }

    private void endDeadline() {
        Future<?> running = deadline;
        if (running != null) {
            running.cancel(false);
            deadline = null;
        }
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, HttpObject part) {
        if (!(part instanceof HttpRequest request) || asked) {
            return;
        }
        // one request: what follows on the connection is not read
        asked = true;
        ctx.channel().config().setAutoRead(false);
        endDeadline();
        if (!request.decoderResult().isSuccess()) {
            answer(ctx, AdminApi.Answer.text(400, "not a request this server reads"));
            return;
        }
        boolean post = request.method().equals(HttpMethod.POST);
        if (!request.method().equals(HttpMethod.GET) && !(post && hosts.isEmpty())) {
            answer(ctx, AdminApi.Answer.text(405, post
                    ? "changes are made over the unix socket"
                    : "only GET and POST are here"));
            return;
        }
        if (HttpUtil.isTransferEncodingChunked(request)
                || HttpUtil.getContentLength(request, 0L) > 0) {
            answer(ctx, AdminApi.Answer.text(413, "a question has no body"));
            return;
        }
        if (!hostKnown(request)) {
            answer(ctx, AdminApi.Answer.text(421, "this name is not served here:"
                    + " add it to admin.allowed-hosts"));
            return;
        }
        String accept = request.headers().get(HttpHeaderNames.ACCEPT, "");
        AdminApi.Question question = new AdminApi.Question(request.uri(),
                accept.startsWith("text/plain"), post, hosts.isEmpty());
        Optional<AdminApi.Answer> known = api.atOnce(question);
        if (known.isPresent()) {
            answer(ctx, known.get());
            return;
        }
        try {
            workers.execute(() -> answer(ctx, question));
        } catch (RejectedExecutionException full) {
            answer(ctx, AdminApi.Answer.text(503, "too many questions at once"));
        }
    }

    private boolean hostKnown(HttpRequest request) {
        List<String> headers = request.headers().getAll(HttpHeaderNames.HOST);
        return hosts.isEmpty() || (headers.size() == 1
                && HostHeader.host(headers.getFirst()).filter(hosts.get()).isPresent());
    }

    private AdminApi.Answer ask(AdminApi.Question question) {
        try {
            return api.answer(question);
        } catch (RuntimeException failed) {
            return failed(question, failed);
        }
    }

    private static AdminApi.Answer failed(AdminApi.Question question, RuntimeException why) {
        LOG.error("admin request failed uri={}", question.uri(), why);
        return AdminApi.Answer.text(500, "failed: the log says why");
    }

    private void answer(ChannelHandlerContext ctx, AdminApi.Question question) {
        AdminApi.Answer answer = ask(question);
        if (answer.content().isEmpty()) {
            answer(ctx, answer);
            return;
        }
        Content content = answer.content().get();
        HttpResponse head = new DefaultHttpResponse(HttpVersion.HTTP_1_1,
                HttpResponseStatus.valueOf(answer.status()));
        describe(head, answer.type(), content.sizeBytes());
        try {
            new ContentAnswer(ctx, content, workers).send(head);
        } catch (RuntimeException unreadable) {
            answer(ctx, failed(question, unreadable));
        }
    }

    private static void answer(ChannelHandlerContext ctx, AdminApi.Answer answer) {
        byte[] body = answer.body();
        DefaultFullHttpResponse response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1,
                HttpResponseStatus.valueOf(answer.status()),
                Unpooled.wrappedBuffer(body));
        describe(response, answer.type(), body.length);
        ctx.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
    }

    private static void describe(HttpResponse response, String type, long sizeBytes) {
        response.headers().set(HttpHeaderNames.CONTENT_TYPE, type)
                .set(HttpHeaderNames.CONTENT_LENGTH, sizeBytes)
                .set(HttpHeaderNames.CONNECTION, "close")
                .set(HttpHeaderNames.CACHE_CONTROL, "no-store")
                .set("X-Content-Type-Options", "nosniff");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        LOG.debug("admin connection closed why={}", cause.toString());
        ctx.close();
    }
}
