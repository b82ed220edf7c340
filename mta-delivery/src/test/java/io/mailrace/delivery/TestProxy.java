// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A forwarding proxy on loopback: speaks SOCKS5 (RFC 1928, RFC 1929) or takes headers of the PROXY
 * protocol, version 2; connects to where it is told, from an address of its own.
 */
final class TestProxy implements AutoCloseable {
    static final String FROM = "127.0.0.7";
    private static final byte[] SIGNATURE = {13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10};

    /** What it does wrong. */
    enum Trouble {
        NONE,
        /** Ends each connection at once. */
        CLOSES,
        TALKS_NONSENSE,
        /** Not allowed by its rules. */
        REFUSES,
        /** Takes the order to connect and ends the connection. */
        CLOSES_AFTER_THE_ORDER
    }

    /** Where to, and by whom or from where: {@code user:password to} or {@code from to}. */
    final List<String> orders = new CopyOnWriteArrayList<>();
    volatile Trouble trouble = Trouble.NONE;
    private final boolean socks;
    private final String credentials;
    private final ServerSocket listener;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

    /** @param credentials {@code user:password}; empty: SOCKS5 without, or no SOCKS5 at all */
    TestProxy(boolean socks, String credentials) throws IOException {
        this.socks = socks;
        this.credentials = credentials;
        listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        Thread.ofPlatform().daemon(true).name("test-proxy").start(this::accept);
    }

    static TestProxy socks(String credentials) throws IOException {
        return new TestProxy(true, credentials);
    }

    static TestProxy headers() throws IOException {
        return new TestProxy(false, "");
    }

    int port() {
        return listener.getLocalPort();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket socket = listener.accept();
                sockets.add(socket);
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket client) {
        try (client) {
            DataInputStream in = new DataInputStream(client.getInputStream());
            OutputStream out = client.getOutputStream();
            if (trouble == Trouble.CLOSES) {
                return;
            }
            if (trouble == Trouble.TALKS_NONSENSE) {
                out.write("220 this is no proxy\r\n".getBytes(StandardCharsets.US_ASCII));
                in.readAllBytes();
                return;
            }
            InetSocketAddress target = socks ? hearSocks(in, out) : hearHeader(in);
            relay(client, target, out);
        } catch (IOException over) {
            // the connection ended
        }
    }

    private InetSocketAddress hearHeader(DataInputStream in) throws IOException {
        if (!Arrays.equals(in.readNBytes(12), SIGNATURE) || in.read() != 0x21) {
            throw new IOException("no header of version 2 with command PROXY");
        }
        int size = switch (in.read()) {
            case 0x11 -> 4;
            case 0x21 -> 16;
            default -> throw new IOException("neither TCP over IPv4 nor over IPv6");
        };
        if (in.readUnsignedShort() != 2 * size + 4) {
            throw new IOException("of another length");
        }
        InetAddress from = InetAddress.getByAddress(in.readNBytes(size));
        InetAddress to = InetAddress.getByAddress(in.readNBytes(size));
        int fromPort = in.readUnsignedShort();
        int toPort = in.readUnsignedShort();
        orders.add(from.getHostAddress() + ":" + fromPort + " " + to.getHostAddress() + ":"
                + toPort);
        return new InetSocketAddress(to, toPort);
    }

    private InetSocketAddress hearSocks(DataInputStream in, OutputStream out)
            throws IOException {
        expect(in, 5);
        byte[] methods = in.readNBytes(in.read());
        int method = credentials.isEmpty() ? 0 : 2;
        boolean offered = false;
        for (byte one : methods) {
            offered |= one == method;
        }
        if (!offered) {
            out.write(new byte[]{5, (byte) 0xff});
            throw new IOException("no method in common");
        }
        out.write(new byte[]{5, (byte) method});
        if (method == 2) {
            expect(in, 1);
            String given = text(in) + ":" + text(in);
            boolean right = given.equals(credentials);
            out.write(new byte[]{1, (byte) (right ? 0 : 1)});
            if (!right) {
                throw new IOException("wrong password");
            }
        }
        expect(in, 5);
        expect(in, 1);
        expect(in, 0);
        int size = switch (in.read()) {
            case 1 -> 4;
            case 4 -> 16;
            default -> throw new IOException("a name: addresses were agreed on");
        };
        InetAddress to = InetAddress.getByAddress(in.readNBytes(size));
        InetSocketAddress target = new InetSocketAddress(to, in.readUnsignedShort());
        orders.add(credentials + " " + to.getHostAddress() + ":" + target.getPort());
        return target;
    }

    private static void expect(DataInputStream in, int wanted) throws IOException {
        int got = in.read();
        if (got != wanted) {
            throw new IOException(got + " where " + wanted + " was expected");
        }
    }

    private static String text(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.read()), StandardCharsets.US_ASCII);
    }

    private void relay(Socket client, InetSocketAddress target, OutputStream out)
            throws IOException {
        if (trouble == Trouble.CLOSES_AFTER_THE_ORDER) {
            return;
        }
        if (trouble == Trouble.REFUSES) {
            out.write(reply(2));
            return;
        }
        try (Socket peer = new Socket()) {
            sockets.add(peer);
            try {
                if (target.getAddress().getAddress().length == 4) {
                    peer.bind(new InetSocketAddress(FROM, 0));
                }
                peer.connect(target);
            } catch (IOException refused) {
                if (socks) {
                    out.write(reply(5));
                }
                return;
            }
            if (socks) {
                out.write(reply(0));
            }
            Thread back = Thread.ofVirtual().start(() -> copy(peer, client));
            copy(client, peer);
            back.join();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static byte[] reply(int code) {
        return new byte[]{5, (byte) code, 0, 1, 0, 0, 0, 0, 0, 0};
    }

    private static void copy(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
            to.shutdownOutput();
        } catch (IOException over) {
            // one side ended
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}
