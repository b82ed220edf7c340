// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon in a process of its own for measurements: tells on standard output where its listeners
 * are, since they may be bound to any free port, and stops in good order when its standard input
 * ends. So it never outlives who started it, whatever becomes of that one.
 */
public final class BenchDaemon {
    /** Before each listener's name and address. */
    public static final String LISTENING = "listening ";
    /** After the last of them. */
    public static final String READY = "ready";
    private static final Logger LOG = LoggerFactory.getLogger(BenchDaemon.class);

    private BenchDaemon() {}

    /** Reads the configuration file that is the only argument, and serves. */
    public static void main(String[] args) throws IOException {
        DaemonConfig config = DaemonConfig.load(Path.of(args[0]));
        Logging.serve(config.log().level());
        int code = 0;
        try (Daemon daemon = Daemon.start(config)) {
            daemon.addresses().forEach((name, address) -> System.out.println(
                    LISTENING + name + " " + text(address)));
            System.out.println(READY);
            System.out.flush();
            while (System.in.read() >= 0) {
                // nothing is said to us: only the end counts
            }
        } catch (RuntimeException failed) {
            LOG.error("failed", failed);
            code = 1;
        }
        Logging.stop();
        Runtime.getRuntime().halt(code);
    }

    private static String text(InetSocketAddress address) {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }
}
