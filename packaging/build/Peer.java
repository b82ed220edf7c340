// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/**
 * Both ends of the mail in the test of the package, as a program of one file: {@code java Peer.java
 * sink PORT FOLDER} takes every message, appends its Subject to FOLDER/subjects and keeps the last
 * one as FOLDER/last; {@code java Peer.java send PORT FROM COUNT [FILE]} submits COUNT messages
 * with the subjects number-FROM and so on, writes to FILE how many were answered with 250, and ends
 * with 0 only if all were.
 */
final class Peer {
    private Peer() {}

    public static void main(String[] words) throws IOException {
        switch (words[0]) {
            case "sink" -> sink(Integer.parseInt(words[1]), Path.of(words[2]));
            case "send" -> send(words);
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    // ------------------------------------------------------------------ the receiving end

    private static void sink(int port, Path folder) throws IOException {
        Files.createDirectories(folder);
        try (ServerSocket listener = new ServerSocket(port, 500,
                InetAddress.getByName("127.0.0.1"))) {
            while (true) {
                Socket one = listener.accept();
                Thread.ofVirtual().start(() -> serve(one, folder));
            }
        }
    }

    private static void serve(Socket socket, Path folder) {
        try (socket; BufferedReader in = reader(socket);
                OutputStream out = socket.getOutputStream()) {
            say(out, "220 sink ESMTP");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String verb = line.substring(0, Math.min(4, line.length()));
                switch (verb.toUpperCase(Locale.ROOT)) {
                    case "EHLO" -> say(out, "250-sink\r\n250-PIPELINING\r\n250 8BITMIME");
                    case "DATA" -> {
                        say(out, "354 go on");
                        keep(content(in), folder);
                        say(out, "250 2.0.0 kept");
                    }
                    case "QUIT" -> {
                        say(out, "221 bye");
                        return;
                    }
                    default -> say(out, "250 2.0.0 ok");
                }
            }
        } catch (IOException gone) {
            // the peer ended the connection: what was answered is kept
        }
    }

    private static String content(BufferedReader in) throws IOException {
        StringBuilder text = new StringBuilder();
        for (String line = in.readLine(); line != null && !line.equals("."); line = in.readLine()) {
            text.append(line.startsWith(".") ? line.substring(1) : line).append('\n');
        }
        return text.toString();
    }

    private static synchronized void keep(String message, Path folder) throws IOException {
        for (String line : message.split("\n", -1)) {
            if (line.startsWith("Subject: ")) {
                Files.writeString(folder.resolve("subjects"), line.substring(9) + "\n",
                        StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                break;
            }
        }
        Files.writeString(folder.resolve("last"), message);
    }

    // ------------------------------------------------------------------ the sending end

    private static void send(String[] words) throws IOException {
        int port = Integer.parseInt(words[1]);
        int from = Integer.parseInt(words[2]);
        int count = Integer.parseInt(words[3]);
        int taken = 0;
        try (Socket socket = new Socket("127.0.0.1", port); BufferedReader in = reader(socket);
                OutputStream out = socket.getOutputStream()) {
            expect(in, "220");
            say(out, "EHLO client.example.com");
            expect(in, "250");
            for (int number = from; number < from + count; number++) {
                say(out, "MAIL FROM:<app@example.com>\r\nRCPT TO:<somebody@example.net>\r\nDATA");
                expect(in, "250");
                expect(in, "250");
                expect(in, "354");
                say(out, "From: app@example.com\r\nTo: somebody@example.net\r\nSubject: number-"
                        + number + "\r\n\r\nHello.\r\n.");
                expect(in, "250");
                taken++;
            }
            say(out, "QUIT");
            expect(in, "221");
        } finally {
            if (words.length > 4) {
                Files.writeString(Path.of(words[4]), taken + "\n");
            }
        }
    }

    private static void expect(BufferedReader in, String code) throws IOException {
        String line = in.readLine();
        while (line != null && line.startsWith(code + "-")) {
            line = in.readLine();
        }
        if (line == null || !line.startsWith(code)) {
            throw new IllegalStateException("expected " + code + ", got " + line);
        }
    }

    private static BufferedReader reader(Socket socket) throws IOException {
        return new BufferedReader(new InputStreamReader(socket.getInputStream(),
                StandardCharsets.ISO_8859_1));
    }

    private static void say(OutputStream out, String line) throws IOException {
        out.write((line + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }
}
