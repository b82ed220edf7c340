// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A real unbound on loopback that validates a signed zone {@code test.} and says so (AD): the zone
 * as ldns-signzone signed it, its key as the only trust anchor. Confined to one thread.
 */
final class PeerSignedZone implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String ALGORITHM = "ECDSAP256SHA256";

    private final Path folder;
    private final int port;
    private final String key;
    private int serial;
    private Process process;

    private PeerSignedZone(Path folder, int port, String key, List<String> records)
            throws IOException, InterruptedException {
        this.folder = folder;
        this.port = port;
        this.key = key;
        Files.writeString(folder.resolve("unbound.conf"), """
                server:
                 interface: 127.0.0.1@%1$d
                 do-daemonize: no
                 chroot: ""
                 username: ""
                 directory: "%2$s"
                 pidfile: ""
                 use-syslog: no
                 module-config: "validator iterator"
                 num-threads: 1
                 local-zone: "test." nodefault
                 trust-anchor-file: "%2$s/%3$s.key"
                 val-log-level: 2
                auth-zone:
                 name: "test."
                 zonefile: "%2$s/zone.signed"
                 for-upstream: yes
                 for-downstream: no
                remote-control:
                 control-enable: no
                """.formatted(port, folder, key));
        sign(records);
        process = spawn();
    }

    /**
     * Listening soon after this returns; resolvers ask again.
     *
     * @param records as in a zone file
     */
    static PeerSignedZone start(Path folder, List<String> records)
            throws IOException, InterruptedException {
        Files.createDirectories(folder);
        String key = within(folder, "ldns-keygen", "-a", ALGORITHM, "-k", "test").strip();
        return new PeerSignedZone(folder, FreePort.find(), key, records);
    }

    /** Programs of ldns write where they stand. */
    private static String within(Path folder, String name, String... arguments)
            throws IOException, InterruptedException {
        String[] all = new String[arguments.length + 2];
        all[0] = "--chdir=" + folder;
        all[1] = PeerProgram.of(name, "ldnsutils").file().toString();
        System.arraycopy(arguments, 0, all, 2, arguments.length);
        return PeerProgram.of("env", "coreutils").run(LIMIT, all);
    }

    private void sign(List<String> records) throws IOException, InterruptedException {
        serial++;
        Files.writeString(folder.resolve("zone"), """
                test. 1 IN SOA ns.test. hostmaster.test. %d 60 60 600 1
                test. 1 IN NS ns.test.
                ns.test. 1 IN A 127.0.0.1
                %s
                """.formatted(serial, String.join("\n", records)));
        within(folder, "ldns-signzone", "zone", key);
    }

    private Process spawn() throws IOException {
        return PeerProgram.of("unbound", "unbound").start(folder.resolve("unbound.log"), "-d",
                "-c", folder.resolve("unbound.conf").toString());
    }

    /** Serves other records from now on, signed by the same key; nothing old is remembered. */
    void replace(List<String> records) throws IOException, InterruptedException {
        close();
        sign(records);
        process = spawn();
    }

    int port() {
        return port;
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
