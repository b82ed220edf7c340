// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.BenchDaemon;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The barest relay there can be, as a yardstick: takes a message into memory, passes it on over one
 * connection for each client, and answers when the receiver did. No disk, no queue, no checks, no
 * DNS, nothing that survives anything. Its cost is that of the sockets, so the ratio of a real
 * relay's cost to it hangs little on the machine. One event loop for each core.
 */
public final class EchoRelay {
    private static final Pattern PORT = Pattern.compile("delivery \\{ port = ([0-9]+)");
    private static final String RECEIVER = "127.0.79.1";
    private static final int MAX_MESSAGE = 16 << 20;
    private static final int BACKLOG = 1024;

    private EchoRelay() {}

    /** The configuration of a rig is the only argument: where the receivers are. */
    public static void main(String[] args) throws IOException, InterruptedException {
        Matcher port = PORT.matcher(Files.readString(Path.of(args[0])));
        if (!port.find()) {
            throw new IOException("no delivery port in " + args[0]);
        }
        var receiver = new InetSocketAddress(RECEIVER, Integer.parseInt(port.group(1)));
        EventLoopGroup loops = new MultiThreadIoEventLoopGroup(
                Runtime.getRuntime().availableProcessors(), NioIoHandler.newFactory());
        Channel listener = new ServerBootstrap().group(loops)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline().addLast(new Client(receiver));
                    }
                }).bind("127.0.0.1", 0).sync().channel();
        System.out.println(BenchDaemon.LISTENING + "relay 127.0.0.1:"
                + ((InetSocketAddress) listener.localAddress()).getPort());
        System.out.println(BenchDaemon.READY);
        System.out.flush();
        while (System.in.read() >= 0) {
            // only the end counts
        }
        Runtime.getRuntime().halt(0);
    }

    private static ByteBuf text(String text) {
        return Unpooled.wrappedBuffer(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** The side of a client. Confined to its event loop, which the other side shares. */
    private static final class Client extends ByteToMessageDecoder {
        private final InetSocketAddress receiver;
        private final StringBuilder envelope = new StringBuilder();
        private @Nullable Receiver other;
        private @Nullable Channel up;
        private boolean content;
        private boolean forwarding;
        private int scanned;

        Client(InetSocketAddress receiver) {
            this.receiver = receiver;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            var made = new Receiver(ctx);
            other = made;
            new Bootstrap().group(ctx.channel().eventLoop()).channel(NioSocketChannel.class)
                    .option(ChannelOption.TCP_NODELAY, true).handler(made).connect(receiver)
                    .addListener((ChannelFuture done) -> {
                        if (done.isSuccess()) {
                            up = done.channel();
                        } else {
                            ctx.close();
                        }
                    });
        }

        @Override
        protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
            if (forwarding) {
                return;
            }
            if (content) {
                content(ctx, in);
                return;
            }
            int length = in.bytesBefore((byte) '\n');
            if (length >= 0) {
                command(ctx, in.readCharSequence(length + 1, StandardCharsets.US_ASCII).toString());
            }
        }

        private void command(ChannelHandlerContext ctx, String line) {
            String verb = line.strip().toUpperCase(Locale.ROOT);
            if (verb.startsWith("MAIL") || verb.startsWith("RCPT")) {
                envelope.append(line);
                ctx.write(text("250 Ok\r\n"));
            } else if (verb.equals("DATA")) {
                content = true;
                scanned = 0;
                ctx.write(text("354 Go on\r\n"));
            } else if (verb.startsWith("EHLO")) {
                ctx.write(text("250-echo.test\r\n250 PIPELINING\r\n"));
            } else {
                ctx.writeAndFlush(text("221 Bye\r\n")).addListener(done -> ctx.close());
            }
        }

        /** Looks for the end of data; what has no line feed was looked at before. */
        private void content(ChannelHandlerContext ctx, ByteBuf in) {
            int start = in.readerIndex();
            int from = start + scanned;
            while (true) {
                int feed = in.indexOf(from, in.writerIndex(), (byte) '\n');
                if (feed < 0 || feed + 3 >= in.writerIndex()) {
                    scanned = Math.max(0, (feed < 0 ? in.writerIndex() : feed) - start);
                    if (in.readableBytes() > MAX_MESSAGE) {
                        ctx.close();
                    }
                    return;
                }
                if (in.getByte(feed + 1) == '.' && in.getByte(feed + 2) == '\r'
                        && in.getByte(feed + 3) == '\n') {
                    forward(ctx, in.readRetainedSlice(feed + 4 - start));
                    return;
                }
                from = feed + 1;
            }
        }

        private void forward(ChannelHandlerContext ctx, ByteBuf message) {
            Channel open = up;
            Receiver answering = other;
            if (open == null || answering == null || !answering.greeted) {
                message.release();
                ctx.close();
                return;
            }
            content = false;
            forwarding = true;
            String commands = envelope + "DATA\r\n";
            envelope.setLength(0);
            answering.expect((int) commands.chars().filter(c -> c == '\n').count() + 1);
            open.write(text(commands));
            open.writeAndFlush(message);
        }

        private void answered(ChannelHandlerContext ctx) throws Exception {
            forwarding = false;
            ctx.writeAndFlush(text("250 Passed on\r\n"));
            channelRead(ctx, Unpooled.EMPTY_BUFFER);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
            ctx.flush();
            super.channelReadComplete(ctx);
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) throws Exception {
            if (up != null) {
                up.close();
            }
            super.channelInactive(ctx);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }

        /** The side of the receiver: counts replies. */
        private final class Receiver extends ByteToMessageDecoder {
            private final ChannelHandlerContext client;
            private boolean helloSaid;
            private boolean greeted;
            private int expected = 1;

            Receiver(ChannelHandlerContext client) {
                this.client = client;
            }

            private void expect(int replies) {
                expected = replies;
            }

            @Override
            protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out)
                    throws Exception {
                int length = in.bytesBefore((byte) '\n');
                if (length < 0) {
                    return;
                }
                int at = in.readerIndex();
                in.skipBytes(length + 1);
                if (length < 4 || in.getByte(at) > '3') {
                    client.close();
                } else if (in.getByte(at + 3) != '-' && --expected == 0) {
                    complete(ctx);
                }
            }

            private void complete(ChannelHandlerContext ctx) throws Exception {
                if (greeted) {
                    answered(client);
                } else if (helloSaid) {
                    greeted = true;
                    client.writeAndFlush(text("220 echo.test ESMTP\r\n"));
                } else {
                    helloSaid = true;
                    expected = 1;
                    ctx.writeAndFlush(text("EHLO echo.test\r\n"));
                }
            }

            @Override
            public void channelInactive(ChannelHandlerContext ctx) throws Exception {
                client.close();
                super.channelInactive(ctx);
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                ctx.close();
            }
        }
    }
}
