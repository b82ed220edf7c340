// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * A plain blocking SMTP client as an application has it: STARTTLS, AUTH PLAIN, PIPELINING, DATA or
 * BDAT. Trusts any certificate: it only ever talks to loopback. Confined to one thread, which may
 * be virtual.
 */
public final class SimulatedClient implements AutoCloseable {
    private static final int MAX_LINE = 8192;
    private static final int BUFFER = 32 * 1024;
    private static final byte[] END = {'.', '\r', '\n'};

    /** What the server said: all lines joined by a blank, without code and dashes. */
    public record Reply(int code, String text) {
        public boolean positive() {
            return code < 400;
        }

        @Override
        public String toString() {
            return code + " " + text;
        }
    }

    /** Writes a content as it is, without dot-stuffing; it must end in CRLF. */
    public interface ContentWriter {
        void writeTo(OutputStream out) throws IOException;
    }

    private final Duration timeout;
    private Socket socket;
    private InputStream in;
    private OutputStream out;
    private List<String> extensions = List.of();

    private SimulatedClient(Socket socket, Duration timeout) throws IOException {
        this.timeout = timeout;
        this.socket = socket;
        in = new BufferedInputStream(socket.getInputStream(), BUFFER);
        out = new BufferedOutputStream(socket.getOutputStream(), BUFFER);
    }

    /**
     * Connects and says EHLO.
     *
     * @param timeout for each read
     * @throws IOException also when the greeting is a refusal
     */
    public static SimulatedClient connect(InetSocketAddress server, Duration timeout)
            throws IOException {
        return connect(server, new InetSocketAddress(0), timeout);
    }

    /** As {@link #connect(InetSocketAddress, Duration)}, from an address of this machine. */
    public static SimulatedClient connect(InetSocketAddress server, InetSocketAddress from,
            Duration timeout) throws IOException {
        var socket = new Socket();
        try {
            socket.bind(from);
            socket.setTcpNoDelay(true);
            socket.setSoTimeout((int) timeout.toMillis());
            socket.connect(server, (int) timeout.toMillis());
            var client = new SimulatedClient(socket, timeout);
            client.require(client.readReply(), 220);
            client.hello();
            return client;
        } catch (IOException | RuntimeException failed) {
            socket.close();
            throw failed;
        }
    }

    private void hello() throws IOException {
        write("EHLO client.test");
        var lines = new ArrayList<String>();
        require(readReply(lines), 250);
        extensions = lines.stream().skip(1).map(l -> l.toUpperCase(Locale.ROOT)).toList();
    }

    public boolean offers(String keyword) {
        return extensions.stream().anyMatch(e -> e.equals(keyword) || e.startsWith(keyword + " "));
    }

    /** Encrypts the connection and says EHLO again. */
    public SimulatedClient startTls() throws IOException {
        require(command("STARTTLS"), 220);
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[]{new TrustAll()}, null);
            SSLSocket encrypted = (SSLSocket) context.getSocketFactory().createSocket(socket,
                    socket.getInetAddress().getHostAddress(), socket.getPort(), true);
            encrypted.setSoTimeout((int) timeout.toMillis());
            encrypted.startHandshake();
            socket = encrypted;
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every JDK has TLS", absent);
        }
        in = new BufferedInputStream(socket.getInputStream(), BUFFER);
        out = new BufferedOutputStream(socket.getOutputStream(), BUFFER);
        hello();
        return this;
    }

    public SimulatedClient login(String user, String password) throws IOException {
        byte[] plain = ("\0" + user + "\0" + password).getBytes(StandardCharsets.UTF_8);
        require(command("AUTH PLAIN " + Base64.getEncoder().encodeToString(plain)), 235);
        return this;
    }

    /** Sends a content with DATA: {@link #send(String, List, ContentWriter)}. */
    public Reply send(String sender, List<String> recipients, byte[] content)
            throws IOException {
        return send(sender, recipients, stream -> stream.write(content));
    }

    /**
     * Sends a message with DATA; commands in one write when PIPELINING is offered.
     *
     * @return the first refusal (the message was then not sent to anybody), or the last reply
     */
    public Reply send(String sender, List<String> recipients, ContentWriter content)
            throws IOException {
        Reply refusal = envelope(sender, recipients, true);
        if (!refusal.positive()) {
            return refusal;
        }
        var stuffed = new StuffingStream(out);
        content.writeTo(stuffed);
        out.write(END);
        out.flush();
        return readReply();
    }

    /** Sends a message with BDAT in chunks of at most {@code chunkBytes} (RFC 3030). */
    public Reply sendChunks(String sender, List<String> recipients, byte[] content,
            int chunkBytes) throws IOException {
        Reply refusal = envelope(sender, recipients, false);
        if (!refusal.positive()) {
            return refusal;
        }
        Reply last = refusal;
        for (int at = 0; at < content.length && last.positive(); at += chunkBytes) {
            int length = Math.min(chunkBytes, content.length - at);
            boolean end = at + length == content.length;
            write("BDAT " + length + (end ? " LAST" : ""));
            out.write(content, at, length);
            out.flush();
            last = readReply();
        }
        return last;
    }

    /** MAIL, each RCPT and maybe DATA; after a refusal the transaction is cancelled. */
    private Reply envelope(String sender, List<String> recipients, boolean data)
            throws IOException {
        var commands = new ArrayList<String>();
        commands.add("MAIL FROM:<" + sender + ">" + (offers("8BITMIME") ? " BODY=8BITMIME" : ""));
        recipients.forEach(r -> commands.add("RCPT TO:<" + r + ">"));
        if (data) {
            commands.add("DATA");
        }
        boolean pipelining = offers("PIPELINING");
        if (pipelining) {
            out.write((String.join("\r\n", commands) + "\r\n").getBytes(StandardCharsets.UTF_8));
            out.flush();
        }
        Reply refusal = null;
        Reply last = null;
        for (String command : commands) {
            if (!pipelining) {
                write(command);
            }
            last = readReply();
            if (!last.positive() && refusal == null) {
                refusal = last;
                if (!pipelining) {
                    break;
                }
            }
        }
        if (refusal != null) {
            cancel(last != null && last.code() == 354);
            return refusal;
        }
        return last == null ? readReply() : last;
    }

    private void cancel(boolean contentExpected) throws IOException {
        if (contentExpected) {
            // some recipients were taken: there is no way back but to cut the line
            throw new IOException("part of the recipients refused");
        }
        command("RSET");
    }

    public Reply command(String line) throws IOException {
        write(line);
        return readReply();
    }

    /** Sends octets as they are. */
    public void octets(byte[] bytes) throws IOException {
        out.write(bytes);
        out.flush();
    }

    /** What the server says next. */
    public Reply reply() throws IOException {
        return readReply();
    }

    private void write(String line) throws IOException {
        out.write((line + "\r\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    private Reply readReply() throws IOException {
        return readReply(new ArrayList<>());
    }

    private Reply readReply(List<String> lines) throws IOException {
        while (true) {
            String line = readLine();
            if (line.length() < 3) {
                throw new IOException("not a reply: " + line);
            }
            lines.add(line.length() > 4 ? line.substring(4) : "");
            if (line.length() == 3 || line.charAt(3) != '-') {
                try {
                    return new Reply(Integer.parseInt(line.substring(0, 3)),
                            String.join(" ", lines));
                } catch (NumberFormatException garbage) {
                    throw new IOException("not a reply: " + line, garbage);
                }
            }
        }
    }

    private String readLine() throws IOException {
        var line = new ByteArrayOutputStream(80);
        while (true) {
            int b = in.read();
            if (b < 0) {
                throw new EOFException("the server closed the connection");
            }
            if (b == '\n') {
                return line.toString(StandardCharsets.UTF_8).stripTrailing();
            }
            line.write(b);
            if (line.size() > MAX_LINE) {
                throw new IOException("reply line too long");
            }
        }
    }

    private void require(Reply reply, int code) throws IOException {
        if (reply.code() != code) {
            throw new IOException("expected " + code + ", got " + reply);
        }
    }

    /** Says QUIT and closes, whatever the server does. */
    public void quit() {
        try {
            command("QUIT");
        } catch (IOException gone) {
            // it is closed either way
        }
        close();
    }

    /** Cuts the line. */
    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException closed) {
            // nothing is left to release
        }
    }

    /** Doubles each dot at the start of a line (RFC 5321 4.5.2). */
    private static final class StuffingStream extends OutputStream {
        private final OutputStream out;
        private boolean lineStart = true;

        StuffingStream(OutputStream out) {
            this.out = out;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[]{(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            int start = offset;
            for (int i = offset; i < offset + length; i++) {
                if (lineStart && bytes[i] == '.') {
                    out.write(bytes, start, i - start);
                    out.write('.');
                    start = i;
                }
                lineStart = bytes[i] == '\n';
            }
            out.write(bytes, start, offset + length - start);
        }
    }

    private static final class TrustAll implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
