// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/** A receiving server that does what its script says, and keeps what it took. */
final class TestPeer implements AutoCloseable {
    /** Answers of a {@link Script} that are no replies. */
    static final String DROP = "DROP";
    static final String STALL = "STALL";
    /** A reply that does not end, an octet at a time: always a sign of life, never an answer. */
    static final String DRIP = "DRIP";
    /** As a capability: TLS begins before the greeting. */
    static final String IMPLICIT_TLS = "X-IMPLICIT-TLS";

    /** Ways to answer wrong, or oddly; a {@link Script} names one by {@link #token}. */
    enum Fault {
        /** Byte by byte. */
        SPLIT("%s\r\n"),
        /** In several lines. */
        LINES("%1$.3s-first\r\n%1$.3s-second\r\n%1$s\r\n"),
        NO_TEXT("%.3s\r\n"),
        LINE_FEED_ONLY("%s\n"),
        WORDS("this is no reply\r\n"),
        BINARY("\0\1\2\u00ff\u00fe\r\n"),
        BLANK("\r\n"),
        LONG_LINE("%1$.3s " + "x".repeat(5000) + "\r\n"),
        ENDLESS("%1$.3s-more\r\n"),
        CODES_DIFFER("250-one\r\n550 two\r\n"),
        THREE_HUNDRED("334 what\r\n"),
        TWO_REPLIES("%s\r\n250 one more\r\n"),
        REPLY_AND_421("%s\r\n421 4.3.2 bye\r\n"),
        HALF_CLOSE(""),
        REPLY_AND_CLOSE("%s\r\n");

        private final String text;

        Fault(String text) {
            this.text = text;
        }

        /** What a script answers. */
        String token() {
            return "FAULT " + name();
        }
    }

    /** What it took. */
    record Received(String from, List<String> to, String text, int connection, boolean tls,
            String commands, String client) {}

    /** Decides the reply to a command; null: the usual one. */
    interface Script {
        /**
         * @param verb GREETING, EHLO, MAIL, RCPT, DATA, CONTENT (first byte of it), DOT, RSET, QUIT
         */
        @Nullable
        String reply(String verb, String line, InetAddress at, int connection);
    }

    final List<Received> received = new CopyOnWriteArrayList<>();
    final AtomicInteger connections = new AtomicInteger();
    final AtomicInteger open = new AtomicInteger();
    final AtomicInteger mostOpen = new AtomicInteger();
    private final ServerSocket listener;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final CountDownLatch closing = new CountDownLatch(1);
    private final List<String> capabilities;
    private final Script script;
    private final @Nullable SSLContext tls;

    TestPeer(InetSocketAddress at, List<String> capabilities, @Nullable SSLContext tls,
            Script script) throws IOException {
        this.capabilities = capabilities;
        this.script = script;
        this.tls = tls;
        listener = new ServerSocket();
        listener.setReuseAddress(true);
        listener.bind(at, 500);
        Thread.ofPlatform().daemon(true).name("test-peer").start(this::accept);
    }

    static TestPeer on(String address, int port, List<String> capabilities, Script script)
            throws IOException {
        return new TestPeer(new InetSocketAddress(InetAddress.getByName(address), port),
                capabilities, null, script);
    }

    int port() {
        return listener.getLocalPort();
    }

    List<String> texts() {
        return received.stream().map(Received::text).toList();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket socket = listener.accept();
                sockets.add(socket);
                int number = connections.incrementAndGet();
                Thread.ofVirtual().start(() -> new Session(socket, number).run());
            } catch (IOException closed) {
                return;
            }
        }
    }

    @Override
    public void close() throws IOException {
        closing.countDown();
        listener.close();
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    private final class Session {
        private final int number;
        private final StringBuilder commands = new StringBuilder();
        private Socket socket;
        private InputStream in;
        private OutputStream out;
        private String from = "";
        private final List<String> to = new ArrayList<>();
        private boolean encrypted;
        private boolean begun;
        private boolean over;

        Session(Socket socket, int number) {
            this.socket = socket;
            this.number = number;
            in = InputStream.nullInputStream();
            out = OutputStream.nullOutputStream();
        }

        void run() {
            mostOpen.accumulateAndGet(open.incrementAndGet(), Math::max);
            try {
                wrap();
                if (tls != null && capabilities.contains(IMPLICIT_TLS)) {
                    startTls();
                }
                serve();
            } catch (IOException | InterruptedException over) {
                // the connection ended
            } finally {
                endsHere();
                sockets.remove(socket);
                try {
                    socket.close();
                } catch (IOException ignored) {
                    // it was closed
                }
            }
        }

        /** Before the last word: whoever reads that may open the next at once. */
        private void endsHere() {
            if (!over) {
                over = true;
                open.decrementAndGet();
            }
        }

        private void wrap() throws IOException {
            socket.setTcpNoDelay(true);
            in = new BufferedInputStream(socket.getInputStream());
            out = socket.getOutputStream();
        }

        private void serve() throws IOException, InterruptedException {
            answer("GREETING", "", "220 peer");
            for (String line = readLine(); line != null; line = readLine()) {
                commands.append(line).append('\n');
                String verb = line.split("[ :]", 2)[0].toUpperCase(Locale.ROOT);
                switch (verb) {
                    case "EHLO", "HELO", "LHLO" -> answer("EHLO", line, ehlo());
                    case "STARTTLS" -> {
                        answer(verb, line, "220 go");
                        startTls();
                    }
                    case "MAIL" -> {
                        if (answer(verb, line, "250 2.1.0 ok").startsWith("2")) {
                            from = line.substring(11, line.indexOf('>'));
                            begun = true;
                            to.clear();
                        }
                    }
                    case "RCPT" -> {
                        if (answer(verb, line, begun ? "250 2.1.5 ok" : "503 5.5.1 no sender")
                                .startsWith("2")) {
                            to.add(line.substring(9, line.indexOf('>')));
                        }
                    }
                    case "DATA" -> data(line);
                    case "BDAT" -> take("DOT", line, new String(in.readNBytes(
                            Integer.parseInt(line.split(" ")[1])), StandardCharsets.ISO_8859_1));
                    case "RSET" -> {
                        begun = false;
                        answer(verb, line, "250 ok");
                    }
                    case "QUIT" -> {
                        answer(verb, line, "221 bye");
                        return;
                    }
                    default -> answer(verb, line, "500 what");
                }
            }
        }

        private String ehlo() {
            StringBuilder text = new StringBuilder();
            List<String> lines = new ArrayList<>();
            lines.add("peer");
            lines.addAll(capabilities);
            if (tls != null && !encrypted) {
                lines.add("STARTTLS");
            }
            for (int i = 0; i < lines.size(); i++) {
                text.append("250").append(i + 1 < lines.size() ? "-" : " ").append(lines.get(i))
                        .append(i + 1 < lines.size() ? "\r\n" : "");
            }
            return text.toString();
        }

        private void data(String line) throws IOException, InterruptedException {
            String usual = to.isEmpty() ? "503 5.5.1 no recipients" : "354 go";
            if (!answer("DATA", line, usual).startsWith("354")) {
                return;
            }
            String early = script.reply("CONTENT", "", socket.getLocalAddress(), number);
            if (early != null) {
                in.read();
                say(early);
                return;
            }
            ByteArrayOutputStream text = new ByteArrayOutputStream();
            for (String one = readLine(); one != null; one = readLine()) {
                if (one.equals(".")) {
                    take("DOT", line, text.toString(StandardCharsets.ISO_8859_1));
                    return;
                }
                text.writeBytes((one.startsWith(".") ? one.substring(1) : one)
                        .getBytes(StandardCharsets.ISO_8859_1));
                text.writeBytes(new byte[]{'\r', '\n'});
            }
        }

        private void take(String verb, String line, String text)
                throws IOException, InterruptedException {
            String usual = to.isEmpty() ? "503 5.5.1 no recipients" : "250 2.0.0 taken";
            String reply = script.reply(verb, line, socket.getLocalAddress(), number);
            String given = reply == null ? usual : reply;
            if (given.startsWith("FAULT ") || given.startsWith("2") || given.startsWith("TAKEN ")) {
                received.add(new Received(from, List.copyOf(to), text, number, encrypted,
                        commands.toString(), socket.getInetAddress().getHostAddress()));
            }
            if (given.startsWith("FAULT ")) {
                misbehave(Fault.valueOf(given.substring(6)), usual);
            } else {
                say(given.startsWith("TAKEN ") ? given.substring(6) : given);
            }
            to.clear();
            begun = false;
        }

        private String answer(String verb, String line, String usual)
                throws IOException, InterruptedException {
            String scripted = script.reply(verb, line, socket.getLocalAddress(), number);
            String reply = scripted == null ? usual : scripted;
            if (reply.startsWith("FAULT ")) {
                misbehave(Fault.valueOf(reply.substring(6)), usual);
                return usual;
            }
            say(reply);
            return reply;
        }

        private void misbehave(Fault fault, String usual) throws IOException {
            byte[] text = String.format(Locale.ROOT, fault.text, usual)
                    .getBytes(StandardCharsets.ISO_8859_1);
            if (fault == Fault.SPLIT) {
                for (byte one : text) {
                    out.write(one);
                    out.flush();
                }
                return;
            }
            // whoever reads all of it has no bound
            for (int i = fault == Fault.ENDLESS ? 100_000 : 1; i > 0; i--) {
                out.write(text);
            }
            out.flush();
            if (fault == Fault.HALF_CLOSE && !encrypted) {
                socket.shutdownOutput();
                in.transferTo(OutputStream.nullOutputStream());
            }
            if (fault == Fault.HALF_CLOSE || fault == Fault.REPLY_AND_421
                    || fault == Fault.REPLY_AND_CLOSE) {
                throw new IOException("closed");
            }
        }

        private void say(String reply) throws IOException, InterruptedException {
            if (reply.equals(DROP)) {
                socket.setSoLinger(true, 0);
                throw new IOException("dropped");
            }
            if (reply.equals(STALL)) {
                closing.await();
                throw new IOException("stalled");
            }
            if (reply.equals(DRIP)) {
                drip();
            }
            if (reply.startsWith("221") || reply.startsWith("421")) {
                endsHere();
            }
            out.write((reply + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
            if (reply.startsWith("421")) {
                throw new IOException("closed");
            }
        }

        /** Ends when we are closed, when nobody takes it any more, or after a minute. */
        private void drip() throws IOException, InterruptedException {
            byte[] line = "250-x\r\n".getBytes(StandardCharsets.ISO_8859_1);
            for (int i = 0; i < 600 && !closing.await(100, TimeUnit.MILLISECONDS); i++) {
                out.write(line[i % line.length]);
                out.flush();
            }
            throw new IOException("dripped");
        }

        private void startTls() throws IOException {
            SSLContext context = tls;
            if (context == null) {
                in.read();
                out.write("this is no TLS\r\n".getBytes(StandardCharsets.ISO_8859_1));
                throw new IOException("no TLS");
            }
            SSLSocket secure = (SSLSocket) context.getSocketFactory().createSocket(socket,
                    null, true);
            secure.setUseClientMode(false);
            secure.startHandshake();
            socket = secure;
            encrypted = true;
            wrap();
        }

        private @Nullable String readLine() throws IOException {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            for (int b = in.read(); b >= 0; b = in.read()) {
                if (b == '\n') {
                    String text = line.toString(StandardCharsets.ISO_8859_1);
                    return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
                }
                line.write(b);
            }
            return null;
        }
    }
}
