// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;

/**
 * A real Postfix with its own configuration and queue, which receives mail for one domain over
 * STARTTLS into a Maildir. Needs root, as Postfix does.
 */
final class PeerPostfix implements PeerReceiver {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    /** Debian's user nobody. */
    private static final int NOBODY = 65534;

    private final PeerProgram postfix;
    private final Path folder;
    private final Path config;

    private PeerPostfix(PeerProgram postfix, Path folder) {
        this.postfix = postfix;
        this.folder = folder;
        config = folder.resolve("etc");
    }

    /** Listening soon after this returns; whoever sends to it tries again. */
    static PeerPostfix start(Path folder, String address, int port, String domain)
            throws IOException, InterruptedException {
        return start(folder, new Place("mx.postfix.test", address, port, domain), Tls.OFFERED);
    }

    /** As {@link #start(Path, String, int, String)}. */
    static PeerPostfix start(Path folder, Place place, Tls tls)
            throws IOException, InterruptedException {
        return start(folder, place, "smtpd_tls_security_level = " + switch (tls) {
            case ABSENT -> "none";
            case OFFERED -> "may";
            case REQUIRED -> "encrypt";
        } + "\n");
    }

    /**
     * Passes all mail on to one host over one connection, as fast as it goes.
     *
     * @param next port of the host, on loopback
     */
    static PeerPostfix relay(Path folder, String address, int port, int next)
            throws IOException, InterruptedException {
        return start(folder, new Place("mx.postfix.test", address, port, "postfix.test"), """
                relayhost = [127.0.0.1]:%d
                smtpd_tls_security_level = may
                smtp_tls_security_level = none
                default_destination_concurrency_limit = 1
                initial_destination_concurrency = 1
                """.formatted(next));
    }

    private static PeerPostfix start(Path folder, Place place, String more)
            throws IOException, InterruptedException {
        PeerProgram program = PeerProgram.of("postfix", "postfix");
        assumeTrue("root".equals(System.getProperty("user.name")), "skipped: Postfix needs root");
        var made = new PeerPostfix(program, folder);
        for (String name : List.of("etc", "queue", "data", "mail")) {
            Files.createDirectories(folder.resolve(name));
        }
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        own(folder.resolve("data"), "postfix");
        own(folder.resolve("mail"), "nobody");
        PeerReceiver.certificate(place.host(), folder.resolve("key.pem"),
                folder.resolve("cert.pem"));
        Files.writeString(made.config.resolve("main.cf"), main(folder, place) + more);
        Files.writeString(made.config.resolve("master.cf"), master(place));
        program.run(LIMIT, "-c", made.config.toString(), "start");
        return made;
    }

    private static String main(Path folder, Place place) {
        return """
                compatibility_level = 3.6
                queue_directory = %1$s/queue
                data_directory = %1$s/data
                command_directory = /usr/sbin
                daemon_directory = /usr/lib/postfix/sbin
                mail_owner = postfix
                setgid_group = postdrop
                maillog_file = %1$s/mail.log
                maillog_file_prefixes = %1$s
                myhostname = %4$s
                mydestination =
                alias_maps =
                alias_database =
                mynetworks = 127.0.0.0/8
                inet_interfaces = 127.0.0.1
                inet_protocols = ipv4
                message_size_limit = 50000000
                smtpd_relay_restrictions = permit_mynetworks, reject
                virtual_mailbox_domains = %2$s
                virtual_mailbox_base = %1$s/mail
                virtual_mailbox_maps = static:box/
                virtual_uid_maps = static:%3$d
                virtual_gid_maps = static:%3$d
                virtual_minimum_uid = 1
                virtual_mailbox_limit = 0
                smtpd_tls_received_header = yes
                smtpd_tls_cert_file = %1$s/cert.pem
                smtpd_tls_key_file = %1$s/key.pem
                """.formatted(folder, place.domain(), NOBODY, place.host());
    }

    private static String master(Place place) {
        return """
                %1$s:%2$d inet n - n - - smtpd
                pickup unix n - n 60 1 pickup
                cleanup unix n - n - 0 cleanup
                qmgr unix n - n 300 1 qmgr
                tlsmgr unix - - n 1000? 1 tlsmgr
                rewrite unix - - n - - trivial-rewrite
                bounce unix - - n - 0 bounce
                defer unix - - n - 0 bounce
                trace unix - - n - 0 bounce
                verify unix - - n - 1 verify
                proxymap unix - - n - - proxymap
                proxywrite unix - - n - 1 proxymap
                smtp unix - - n - - smtp
                showq unix n - n - - showq
                error unix - - n - - error
                retry unix - - n - - error
                virtual unix - n n - - virtual
                anvil unix - - n - 1 anvil
                scache unix - - n - 1 scache
                postlog unix-dgram n - n - 1 postlogd
                """.formatted(place.address(), place.port());
    }

    private static void own(Path path, String user) throws IOException {
        Files.setOwner(path, path.getFileSystem().getUserPrincipalLookupService()
                .lookupPrincipalByName(user));
    }

    @Override
    public Path box() {
        return folder.resolve("mail/box");
    }

    @Override
    public Path certificateFile() {
        return folder.resolve("cert.pem");
    }

    @Override
    public String log() throws IOException {
        return Files.readString(folder.resolve("mail.log"));
    }

    @Override
    public void close() throws IOException {
        try {
            postfix.run(LIMIT, "-c", config.toString(), "stop");
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
