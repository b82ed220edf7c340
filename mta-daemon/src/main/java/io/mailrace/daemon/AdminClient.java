// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.UnixDomainSocketAddress;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Asks a running daemon over its unix socket. One request for each connection; answers of at most
 * {@value #MAX_ANSWER} bytes; gives up after {@value #LIMIT_SECONDS} s.
 */
final class AdminClient {
    static final int MAX_ANSWER = 64 << 20;
    private static final int MAX_HEAD = 8192;
    private static final int LIMIT_SECONDS = 60;

    /** What came back. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never changed
    record Answer(int status, byte[] bytes) {
        boolean good() {
            return status == 200;
        }

        String body() {
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }

    private final Path socket;

    AdminClient(Path socket) {
        this.socket = socket;
    }

    /**
     * Asks for a page.
     *
     * @throws IOException with a text for the operator when nobody answers
     */
    Answer get(String uri, boolean json) throws IOException {
        return ask("GET", uri, json);
    }

    /** Has something changed; answers come as JSON, refusals as a sentence. */
    Answer post(String uri) throws IOException {
        return ask("POST", uri, true);
    }

    private Answer ask(String method, String uri, boolean json) throws IOException {
        String request = method + " " + uri
                + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: "
                + (json ? "application/json" : "text/plain") + "\r\n\r\n";
        try (SocketChannel channel = connect()) {
            Thread watch = Thread.ofPlatform().daemon(true).name("limit").start(
                    () -> closeLater(channel));
            try {
                ByteBuffer out = ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII));
                while (out.hasRemaining()) {
                    channel.write(out);
                }
                return read(new BufferedInputStream(Channels.newInputStream(channel)));
            } finally {
                watch.interrupt();
            }
        }
    }

    /** One part of a path, encoded so that it stays one. */
    static String segment(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private SocketChannel connect() throws IOException {
        try {
            return SocketChannel.open(UnixDomainSocketAddress.of(socket));
        } catch (IOException | IllegalArgumentException refused) {
            boolean there = Files.exists(socket, LinkOption.NOFOLLOW_LINKS);
            String why = !there
                    ? "there is no such socket: is the daemon running?"
                    : Files.isWritable(socket)
                            ? "nobody answers: the daemon is not running"
                            : "no permission: ask as root, or as a user of the socket's group";
            throw new IOException("cannot reach the daemon at " + socket + ": " + why, refused);
        }
    }

    private static void closeLater(SocketChannel channel) {
        try {
            Thread.sleep(Duration.ofSeconds(LIMIT_SECONDS));
            channel.close();
        } catch (InterruptedException | IOException done) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * The daemon's answers have a Content-Length and are never chunked: a body is held once, in an
     * array of its size.
     */
    private static Answer read(InputStream in) throws IOException {
        String head = head(in);
        if (!head.startsWith("HTTP/1.1 ") || !head.endsWith("\r\n\r\n")) {
            throw new IOException("what answers there is not a Mailrace daemon");
        }
        int status = Integer.parseInt(head, 9, 12, 10);
        String marker = "\r\ncontent-length: ";
        int at = head.indexOf(marker);
        if (at < 0) {
            throw new IOException("the daemon's answer is cut short");
        }
        int from = at + marker.length();
        long sizeBytes = Long.parseLong(head, from, head.indexOf('\r', from), 10);
        if (sizeBytes > MAX_ANSWER) {
            throw new IOException("the daemon's answer is too long");
        }
        byte[] body = new byte[(int) sizeBytes];
        if (in.readNBytes(body, 0, body.length) < body.length) {
            throw new IOException("the daemon's answer is cut short");
        }
        return new Answer(status, body);
    }

    /** All before the body, or as much of it as came. */
    private static String head(InputStream in) throws IOException {
        StringBuilder head = new StringBuilder();
        int next = in.read();
        while (next >= 0) {
            head.append((char) next);
            if (head.length() >= MAX_HEAD
                    || head.indexOf("\r\n\r\n", head.length() - 4) >= 0) {
                break;
            }
            next = in.read();
        }
        return head.toString();
    }
}
