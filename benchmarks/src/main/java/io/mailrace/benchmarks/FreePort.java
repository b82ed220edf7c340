// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Ports for processes that are bound again after a restart, or cannot be given port 0. They lie
 * below those the kernel gives to connections, or a connection of anybody could sit on the port
 * while the process is down.
 */
final class FreePort {
    private static final int LOWEST = 10_000;
    private static final int TRIES = 1_000;
    private static final Path GIVEN_BY_KERNEL = Path.of("/proc/sys/net/ipv4/ip_local_port_range");

    private FreePort() {}

    /**
     * A port of 127.0.0.1 that nobody listens on now.
     *
     * @throws IOException when a thousand ports taken at random are all in use
     */
    static int find() throws IOException {
        int bound = lowestOfKernel();
        IOException last = null;
        for (int i = 0; i < TRIES; i++) {
            int port = ThreadLocalRandom.current().nextInt(LOWEST, bound);
            try (var probe = new ServerSocket()) {
                probe.setReuseAddress(false);
                probe.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
                return port;
            } catch (IOException taken) {
                last = taken;
            }
        }
        throw new IOException("no free port from " + LOWEST + " to " + (bound - 1), last);
    }

    /** The first port the kernel gives to connections; 65,536 when it gives nearly all. */
    static int lowestOfKernel() throws IOException {
        // in one read: such a file has nothing to say to a second one
        String range;
        try (BufferedReader file = Files.newBufferedReader(GIVEN_BY_KERNEL)) {
            range = String.valueOf(file.readLine());
        }
        int lowest = Integer.parseInt(range.strip().split("\\s+")[0]);
        // a machine that gives nearly all its ports to connections has none that are safe
        return lowest > LOWEST + TRIES ? lowest : 1 << 16;
    }
}
