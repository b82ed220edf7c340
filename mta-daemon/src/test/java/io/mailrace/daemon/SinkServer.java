// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;

/** A small SMTP receiver on loopback that keeps what it takes; its answer to RCPT can be set. */
final class SinkServer implements AutoCloseable {
    final List<String> messages = new CopyOnWriteArrayList<>();
    /** What MAIL said, in order. */
    final List<String> envelopes = new CopyOnWriteArrayList<>();
    volatile String rcptReply = "250 2.1.5 fine";
    /** It takes BDAT too, and content that is no text. */
    volatile boolean binary;
    private final ServerSocket socket;

    SinkServer() throws IOException {
        socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    int port() {
        return socket.getLocalPort();
    }

    private void accept() {
        while (!socket.isClosed()) {
            try {
                Socket client = socket.accept();
                Thread.ofVirtual().start(() -> serve(client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket client) {
        try (client) {
            BufferedReader in = new BufferedReader(new InputStreamReader(client.getInputStream(),
                    StandardCharsets.ISO_8859_1));
            OutputStream out = client.getOutputStream();
            say(out, "220 sink.test ESMTP");
            boolean recipient = false;
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String verb = line.substring(0, Math.min(4, line.length()))
                        .toUpperCase(Locale.ROOT);
                switch (verb) {
                    case "EHLO" -> say(out, "250-sink.test\r\n250-8BITMIME\r\n"
                            + (binary ? "250-CHUNKING\r\n250-BINARYMIME\r\n" : "")
                            + "250 PIPELINING");
                    case "MAIL" -> {
                        envelopes.add(line);
                        say(out, "250 2.1.0 fine");
                    }
                    case "BDAT" -> {
                        String octets = chunk(in, line);
                        if (recipient) {
                            messages.add(octets);
                        }
                        say(out, recipient ? "250 2.0.0 taken" : "503 5.5.1 no recipient");
                        recipient = false;
                    }
                    case "RCPT" -> {
                        recipient |= rcptReply.startsWith("2");
                        say(out, rcptReply);
                    }
                    case "DATA" -> {
                        if (!recipient) {
                            say(out, "503 5.5.1 no recipient");
                            break;
                        }
                        say(out, "354 go on");
                        messages.add(content(in));
                        recipient = false;
                        say(out, "250 2.0.0 taken");
                    }
                    case "QUIT" -> {
                        say(out, "221 bye");
                        return;
                    }
                    default -> say(out, "250 2.0.0 fine");
                }
            }
        } catch (IOException gone) {
            // the peer's business
            return;
        }
    }

    private static String content(BufferedReader in) throws IOException {
        StringBuilder text = new StringBuilder();
        for (String line = in.readLine(); line != null && !line.equals("."); line = in
                .readLine()) {
            text.append(line.startsWith(".") ? line.substring(1) : line).append("\r\n");
        }
        return text.toString();
    }

    /** A message in one chunk, which is how Mailrace sends; the octets as Latin-1. */
    private static String chunk(BufferedReader in, String command) throws IOException {
        if (!command.endsWith(" LAST")) {
            throw new IOException("not one chunk: " + command);
        }
        char[] octets = new char[Integer.parseInt(command.split(" ")[1])];
        for (int at = 0; at < octets.length;) {
            int read = in.read(octets, at, octets.length - at);
            if (read < 0) {
                throw new IOException("cut short");
            }
            at += read;
        }
        return new String(octets);
    }

    private static void say(OutputStream out, String line) throws IOException {
        out.write((line + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
