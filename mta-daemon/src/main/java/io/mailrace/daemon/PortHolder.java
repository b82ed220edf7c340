// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Who has a port we want, and what to do about it. Looks at {@code /proc} as far as it may, which
 * for other users' processes is only as root; then at how a server greets on that port. Reads at
 * most {@value #MAX_SOCKETS} sockets and {@value #MAX_PROCESSES} processes, waits at most
 * {@value #GREETING_MILLIS} ms twice. Only for a start that has failed anyway.
 */
final class PortHolder {
    private static final int MAX_SOCKETS = 100_000;
    private static final int MAX_PROCESSES = 20_000;
    private static final int MAX_NAME = 60;
    private static final int MAX_GREETING = 512;
    private static final int GREETING_MILLIS = 700;
    private static final String LISTENING = "0A";

    /** Mail servers by the name of the process that listens: what they are called, their unit. */
    private static final String MAILRACE = "Mailrace";
    private static final Map<String, Server> BY_PROCESS = Map.of(
            "master", new Server("Postfix", "postfix"),
            "exim4", new Server("Exim", "exim4"),
            "exim", new Server("Exim", "exim4"),
            "smtpd", new Server("OpenSMTPD", "opensmtpd"),
            "sendmail-mta", new Server("Sendmail", "sendmail"),
            "sendmail", new Server("Sendmail", "sendmail"));
    /** By a word of the greeting. */
    private static final List<Server> BY_GREETING = List.of(new Server("Postfix", "postfix"),
            new Server("Exim", "exim4"), new Server("OpenSMTPD", "opensmtpd"),
            new Server("Sendmail", "sendmail"), new Server(MAILRACE, "mailrace"));

    private final Path proc;

    private record Server(String name, String unit) {}

    /** A process that holds a socket. */
    private record Holder(String pid, String command) {}

    /** @param proc where the system shows its processes and sockets */
    PortHolder(Path proc) {
        this.proc = proc;
    }

    static PortHolder ofThisMachine() {
        return new PortHolder(Path.of("/proc"));
    }

    /**
     * What to do, in a sentence or two.
     *
     * @param key of the configuration that names the address
     */
    String advise(String key, InetSocketAddress address, Throwable cause) {
        String text = "";
        for (Throwable one = cause; one != null; one = one.getCause()) {
            text += one.getMessage() + "\n";
        }
        if (text.contains("Permission denied") || text.contains("error(-13)")) {
            return "Ports below 1024 need the right CAP_NET_BIND_SERVICE: the systemd unit has it."
                    + " Else choose another port with " + key;
        }
        if (text.contains("Cannot assign requested address")) {
            return "This machine has no such address (see: ip address): change " + key;
        }
        return text.contains("Address already in use") ? inUse(key, address) : "See " + key;
    }

    private String inUse(String key, InetSocketAddress address) {
        Found found = find(address);
        String stop = found.server().map(server -> "Stop it for good: systemctl disable --now "
                + server.unit() + "; or take ").orElse((found.holder().isPresent()
                        ? "Stop it, or take "
                        : "Find it: ss -ltnp 'sport = :" + address.getPort() + "'; or take "));
        return found.text(address) + ". " + stop + "another port with " + key;
    }

    /** Who listens there, as "Port 25 belongs to Postfix". */
    String whoHas(InetSocketAddress address) {
        return find(address).text(address);
    }

    /** Whether it is a Mailrace that listens there. */
    boolean isMailrace(InetSocketAddress address) {
        return find(address).server().filter(server -> server.name().equals(MAILRACE))
                .isPresent();
    }

    private record Found(Optional<Holder> holder, Optional<Server> server) {
        String text(InetSocketAddress address) {
            String who = server.map(Server::name).map(name -> name.equals(MAILRACE)
                    ? "another Mailrace"
                    : name).orElseGet(() -> holder.isPresent() ? "" : "another program");
            String process = holder.map(by -> (who.isEmpty() ? "" : ", ") + "process " + by.pid()
                    + " (" + by.command() + ")").orElse("");
            return "Port " + address.getPort() + " belongs to " + who + process;
        }
    }

    private Found find(InetSocketAddress address) {
        Optional<Holder> holder = holder(address);
        Optional<Server> server = holder.map(found -> BY_PROCESS.get(found.command()));
        return new Found(holder, server.isPresent() ? server : greeting(address));
    }

    // ------------------------------------------------------------------ /proc

    private Optional<Holder> holder(InetSocketAddress address) {
        Set<String> sockets = new HashSet<>();
        try {
            collect(proc.resolve("net/tcp"), address, sockets);
            collect(proc.resolve("net/tcp6"), address, sockets);
            return sockets.isEmpty() ? Optional.empty() : process(sockets);
        } catch (IOException | RuntimeException notShown) {
            return Optional.empty();
        }
    }

    /** The names, as links show them, of sockets that listen where we want to. */
    private static void collect(Path table, InetSocketAddress address, Set<String> sockets)
            throws IOException {
        if (!Files.isReadable(table)) {
            return;
        }
        try (var lines = Files.lines(table, StandardCharsets.ISO_8859_1)) {
            lines.skip(1).limit(MAX_SOCKETS).forEach(line -> {
                String[] fields = line.strip().split("\\s+", -1);
                if (fields.length > 9 && fields[3].equals(LISTENING)
                        && overlaps(fields[1], address)) {
                    sockets.add("socket:[" + fields[9] + "]");
                }
            });
        }
    }

    /** The same port, and the same address or one of the two is all addresses. */
    private static boolean overlaps(String shown, InetSocketAddress address) {
        int colon = shown.indexOf(':');
        if (colon < 0 || Integer.parseInt(shown.substring(colon + 1), 16) != address.getPort()) {
            return false;
        }
        String host = shown.substring(0, colon);
        InetAddress wanted = address.getAddress();
        return host.chars().allMatch(c -> c == '0') || wanted.isAnyLocalAddress()
                || Ascii.equalsIgnoreCase(host, shown(wanted.getAddress()))
                || Ascii.equalsIgnoreCase(host,
                        "0000000000000000FFFF0000" + shown(wanted.getAddress()));
    }

    /** As the kernel prints addresses: words of four bytes in the order of the machine. */
    private static String shown(byte[] address) {
        StringBuilder text = new StringBuilder();
        for (int word = 0; word + 4 <= address.length; word += 4) {
            for (int i = 3; i >= 0; i--) {
                text.append(String.format("%02X", address[word + i]));
            }
        }
        return text.toString();
    }

    /** Postfix's smtpd inherits the socket: its master is the one to name. */
    private Optional<Holder> process(Set<String> sockets) throws IOException {
        Optional<Holder> found = Optional.empty();
        int left = MAX_PROCESSES;
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(proc, "[0-9]*")) {
            for (Path process : processes) {
                if (left-- == 0) {
                    break;
                }
                if (!holds(process.resolve("fd"), sockets)) {
                    continue;
                }
                String command = Files.readString(process.resolve("comm"),
                        StandardCharsets.ISO_8859_1).strip();
                if (found.isEmpty() || command.equals("master")) {
                    found = Optional.of(new Holder(process.getFileName().toString(),
                            Ascii.clean(command, MAX_NAME)));
                }
            }
        }
        return found;
    }

    private static boolean holds(Path descriptors, Set<String> sockets) {
        try (DirectoryStream<Path> links = Files.newDirectoryStream(descriptors)) {
            for (Path link : links) {
                if (sockets.contains(Files.readSymbolicLink(link).toString())) {
                    return true;
                }
            }
        } catch (IOException | RuntimeException notOurs) {
            return false;
        }
        return false;
    }

    // ------------------------------------------------------------------ greeting

    private static Optional<Server> greeting(InetSocketAddress address) {
        InetAddress host = address.getAddress().isAnyLocalAddress()
                ? InetAddress.getLoopbackAddress()
                : address.getAddress();
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(host, address.getPort()), GREETING_MILLIS);
            socket.setSoTimeout(GREETING_MILLIS);
            InputStream in = socket.getInputStream();
            StringBuilder line = new StringBuilder();
            for (int b = in.read(); b >= 0 && b != '\n' && line.length() < MAX_GREETING; b = in
                    .read()) {
                line.append((char) b);
            }
            return BY_GREETING.stream().filter(server -> line.toString().startsWith("220")
                    && line.indexOf(server.name()) >= 0).findFirst();
        } catch (IOException silent) {
            return Optional.empty();
        }
    }
}
