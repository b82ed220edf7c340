// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A relay of {@link BenchRig} that never answers a content. One thread for each connection. */
public final class MuteRelay {
    private MuteRelay() {}

    public static void main(String[] args) throws IOException {
        var server = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon(true).start(() -> accept(server));
        var out = new FileOutputStream(FileDescriptor.out);
        out.write((BenchDaemon.LISTENING + "relay 127.0.0.1:" + server.getLocalPort() + "\n"
                + BenchDaemon.READY + "\n").getBytes(StandardCharsets.US_ASCII));
        while (System.in.read() >= 0) {
            // only the end counts
        }
        Runtime.getRuntime().halt(0);
    }

    private static void accept(ServerSocket server) {
        try {
            while (true) {
                Socket client = server.accept();
                Thread.ofPlatform().daemon(true).start(() -> serve(client));
            }
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }

    private static void serve(Socket client) {
        try (client) {
            var lines = new BufferedReader(new InputStreamReader(client.getInputStream(),
                    StandardCharsets.US_ASCII));
            say(client, "220 mute");
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("EHLO") || line.startsWith("MAIL") || line.startsWith("RCPT")) {
                    say(client, "250 OK");
                } else if (line.equals("DATA")) {
                    say(client, "354 go on, and wait for ever");
                }
            }
        } catch (IOException gone) {
            // the measurement is over
        }
    }

    private static void say(Socket client, String reply) throws IOException {
        client.getOutputStream().write((reply + "\r\n").getBytes(StandardCharsets.US_ASCII));
    }
}
