// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A real unbound on loopback that answers for {@code test.} from a list of records. */
final class PeerUnbound implements AutoCloseable {
    private final Process process;
    private final int port;

    private PeerUnbound(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /**
     * Listening soon after this returns; resolvers ask again.
     *
     * @param records as in a zone file
     */
    static PeerUnbound start(Path folder, List<String> records) throws IOException {
        PeerProgram unbound = PeerProgram.of("unbound", "unbound");
        int port = FreePort.find();
        var config = new StringBuilder("""
                server:
                 interface: 127.0.0.1@%d
                 do-daemonize: no
                 chroot: ""
                 username: ""
                 directory: "%s"
                 pidfile: ""
                 use-syslog: no
                 module-config: "iterator"
                 num-threads: 1
                 local-zone: "test." static
                """.formatted(port, folder));
        records.forEach(r -> config.append(" local-data: '").append(r).append("'\n"));
        config.append("remote-control:\n control-enable: no\n");
        Path file = Files.writeString(folder.resolve("unbound.conf"), config);
        Process process = unbound.start(folder.resolve("unbound.log"), "-d", "-c",
                file.toString());
        return new PeerUnbound(process, port);
    }

    int port() {
        return port;
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
