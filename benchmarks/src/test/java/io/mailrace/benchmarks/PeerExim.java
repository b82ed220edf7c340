// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A real Exim, unpacked from Debian's exim4-daemon-light and run in a {@link PeerRoot}. */
final class PeerExim implements PeerReceiver {
    private static final int EXIM = 8001;
    private static final int BOX = 8003;
    /** The daemon and every library it needs. */
    private static final List<String> PACKAGES = List.of("exim4-daemon-light", "libc6", "libcrypt1",
            "libnsl2", "libdb5.3", "libgnutls30", "libgnutls-dane0", "libpcre2-8-0", "libidn12",
            "libidn2-0", "libtirpc3", "libp11-kit0", "libunistring2", "libtasn1-6", "libnettle8",
            "libhogweed6", "libgmp10", "libunbound8", "libgssapi-krb5-2", "libffi8",
            "libevent-2.1-7", "libkrb5-3", "libk5crypto3", "libcom-err2", "libkrb5support0",
            "libkeyutils1", "libssl3");

    private final PeerRoot root;

    private PeerExim(PeerRoot root) {
        this.root = root;
    }

    /** Listening soon after this returns; whoever sends to it tries again. */
    static PeerExim start(Path folder, Place place, Tls tls)
            throws IOException, InterruptedException {
        PeerRoot root = PeerRoot.make(folder, PeerPackages.fetch(PACKAGES), List.of(
                "Debian-exim:x:%1$d:%1$d::/var/spool/exim4:/bin/false".formatted(EXIM),
                "box:x:%1$d:%1$d::/mail:/bin/false".formatted(BOX)));
        for (String name : List.of("var/spool/exim4", "var/log/exim4", "run/exim4")) {
            root.folder(name, EXIM);
        }
        root.folder("mail", BOX);
        root.certificate(place.host(), EXIM);
        root.write("etc/exim4/exim4.conf", configuration(place, tls));
        root.start("/usr/sbin/exim4", "-bdf");
        return new PeerExim(root);
    }

    /** By default it leaves the eleventh message of a connection to a queue run. */
    private static String configuration(Place place, Tls tls) {
        return """
                primary_hostname = %1$s
                local_interfaces = %2$s
                daemon_smtp_ports = %3$d
                tls_advertise_hosts = %5$s
                tls_certificate = /etc/cert.pem
                tls_privatekey = /etc/key.pem
                message_size_limit = 50M
                smtp_accept_queue_per_connection = 0
                keep_environment =
                acl_smtp_mail = from
                acl_smtp_rcpt = to
                begin acl
                from:
                %6$s
                  accept
                to:
                  accept domains = %4$s
                  deny
                begin routers
                box:
                  driver = accept
                  transport = box
                begin transports
                box:
                  driver = appendfile
                  directory = /mail/box
                  maildir_format
                  create_directory
                  user = box
                  group = box
                """.formatted(place.host(), place.address(), place.port(), place.domain(),
                tls == Tls.ABSENT ? "" : "*", tls == Tls.REQUIRED ? """
                          deny condition = ${if eq{$tls_in_cipher}{}}
                               message = 5.7.0 Must issue a STARTTLS command first
                        """ : "");
    }

    @Override
    public Path box() {
        return root.path().resolve("mail/box");
    }

    @Override
    public Path certificateFile() {
        return root.path().resolve("etc/cert.pem");
    }

    @Override
    public String log() throws IOException {
        Path main = root.path().resolve("var/log/exim4/mainlog");
        return root.output() + (Files.exists(main) ? Files.readString(main) : "");
    }

    @Override
    public void close() {
        root.close();
    }
}
