// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A real OpenSMTPD, unpacked from Debian's package and run in a {@link PeerRoot}. Of Debian 12's
 * two, that of the backports works. The stock 6.8.0p2 offers STARTTLS and then fails each handshake
 * (its keeper of keys does not get along with OpenSSL 3: OpenSMTPD issue 1171): a peer worth having
 * for just that.
 */
final class PeerOpenSmtpd implements PeerReceiver {
    private static final int BOX = 8003;
    /** Every library it needs, and the shell that runs its delivery. */
    private static final List<String> LIBRARIES = List.of("libc6", "libcrypt1", "libdb5.3",
            "libevent-2.1-7", "libpam0g", "libssl3", "zlib1g", "libaudit1", "libcap-ng0", "dash");

    private final PeerRoot root;

    private PeerOpenSmtpd(PeerRoot root) {
        this.root = root;
    }

    /** Listening soon after this returns; whoever sends to it tries again. */
    static PeerOpenSmtpd start(Path folder, Place place, Tls tls)
            throws IOException, InterruptedException {
        return start(folder, place, tls, PeerPackages.fetchBackport("opensmtpd"));
    }

    /** As {@link #start}, but no handshake succeeds. */
    static PeerOpenSmtpd startWithBrokenTls(Path folder, Place place, Tls tls)
            throws IOException, InterruptedException {
        return start(folder, place, tls, PeerPackages.fetch(List.of("opensmtpd")).getFirst());
    }

    private static PeerOpenSmtpd start(Path folder, Place place, Tls tls, Path program)
            throws IOException, InterruptedException {
        List<Path> packages = new ArrayList<>(PeerPackages.fetch(LIBRARIES));
        packages.add(program);
        PeerRoot root = PeerRoot.make(folder, packages, List.of(
                "opensmtpd:x:8001:8001::/var/lib/opensmtpd/empty:/bin/false",
                "opensmtpq:x:8002:8002::/var/lib/opensmtpd/empty:/bin/false",
                "box:x:%1$d:%1$d::/mail:/bin/sh".formatted(BOX)));
        root.folder("var/lib/opensmtpd/empty", 0);
        root.folder("mail", BOX);
        root.certificate(place.host(), 0);
        // it reads them although it sends nothing
        root.write("etc/ssl/certs/ca-certificates.crt", Files.readString(
                root.path().resolve("etc/cert.pem")));
        root.write("etc/smtpd.conf", configuration(place, tls));
        root.start("/usr/sbin/smtpd", "-d");
        return new PeerOpenSmtpd(root);
    }

    private static String configuration(Place place, Tls tls) {
        String encryption = switch (tls) {
            case ABSENT -> "";
            case OFFERED -> "tls pki \"%s\"".formatted(place.host());
            case REQUIRED -> "tls-require pki \"%s\"".formatted(place.host());
        };
        return """
                pki "%1$s" cert "/etc/cert.pem"
                pki "%1$s" key "/etc/key.pem"
                smtp max-message-size "50M"
                listen on %2$s port %3$d %5$s hostname "%1$s"
                table everybody { "@" = "box" }
                action "box" maildir "/mail/box" virtual <everybody>
                match from any for domain "%4$s" action "box"
                """.formatted(place.host(), place.address(), place.port(), place.domain(),
                encryption);
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
        return root.output();
    }

    @Override
    public void close() {
        root.close();
    }
}
