// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether a connection from an address reaches mail servers. Reads the greeting and hangs up;
 * nothing is sent. Blocks, for each server at most twice {@value #STEP_MILLIS} ms.
 */
final class PortCheck {
    private static final String CHECK = "port";
    private static final int STEP_MILLIS = 6000;
    private static final int MAX_SERVERS = 3;
    private static final int MAX_GREETING = 512;
    private static final int SHOWN_GREETING = 60;

    private PortCheck() {}

    /**
     * Tries the servers in turn until one greets.
     *
     * @param from nothing is bound when it is the any-address
     * @param servers of that address's family; at most {@value #MAX_SERVERS} are tried
     */
    static Finding of(SourceConfig source, InetAddress from, List<InetSocketAddress> servers) {
        List<String> troubles = new ArrayList<>();
        for (InetSocketAddress server : servers.subList(0, Math.min(MAX_SERVERS,
                servers.size()))) {
            try (Socket socket = new Socket()) {
                socket.setSoTimeout(STEP_MILLIS);
                if (!from.isAnyLocalAddress()) {
                    try {
                        socket.bind(new InetSocketAddress(from, 0));
                    } catch (IOException notHere) {
                        return Finding.fail(CHECK, "Address " + from.getHostAddress() + " is not"
                                + " on this machine.",
                                "Add it to an interface, or correct"
                                        + " sources." + source.name() + ".address.");
                    }
                }
                socket.connect(server, STEP_MILLIS);
                return greeted(server, greeting(socket.getInputStream()));
            } catch (IOException failed) {
                troubles.add(server.getAddress().getHostAddress() + " port " + server.getPort()
                        + ": " + Ascii.clean(String.valueOf(failed.getMessage()), 100));
            }
        }
        return blocked(from, servers.getFirst().getPort(), troubles);
    }

    private static Finding greeted(InetSocketAddress server, String greeting) {
        String shown = Ascii.clean(greeting, SHOWN_GREETING);
        String where = server.getAddress().getHostAddress() + " port " + server.getPort();
        return greeting.startsWith("220")
                ? Finding.ok(CHECK, "Reaches " + where + ", which greets: " + shown)
                : Finding.warn(CHECK, "Reaches " + where + ", which does not greet but says: "
                        + (shown.isEmpty() ? "nothing" : shown),
                        "Look up what that reply means with mailrace classify, stage greeting.");
    }

    private static Finding blocked(InetAddress from, int port, List<String> troubles) {
        String what = from.isAnyLocalAddress() ? "" : " from " + from.getHostAddress();
        return Finding.fail(CHECK, "Port " + port + what + " is blocked by your provider or a"
                + " firewall: " + String.join("; ", troubles) + ".",
                "Ask the provider of this"
                        + " machine to open outbound TCP port " + port + ", or send through a"
                        + " relay: routes = [ { via = \"smtp://relay.example.com:587\" } ].");
    }

    /** The first line, as far as it comes in time and is not too long. */
    private static String greeting(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        byte[] buffer = new byte[MAX_GREETING];
        while (line.indexOf("\n") < 0 && line.length() < MAX_GREETING) {
            int read = in.read(buffer);
            if (read < 0) {
                break;
            }
            line.append(new String(buffer, 0, read, StandardCharsets.ISO_8859_1));
        }
        return line.toString().lines().findFirst().orElse("");
    }
}
