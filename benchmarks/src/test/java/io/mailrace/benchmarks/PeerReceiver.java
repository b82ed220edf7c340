// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Somebody else's mail server, which receives mail for one domain into a Maildir. */
interface PeerReceiver extends AutoCloseable {

    /**
     * Where it listens and what for.
     *
     * @param host what it calls itself
     */
    record Place(String host, String address, int port, String domain) {}

    /** What it does about STARTTLS. */
    enum Tls {
        ABSENT, OFFERED, REQUIRED
    }

    /** The folder of the Maildir that is filled. */
    Path box();

    Path certificateFile();

    /** What it wrote, for people. */
    String log() throws IOException;

    @Override
    void close() throws IOException;

    /** The messages received, with LF line ends as these servers store them. */
    default List<String> mail() throws IOException {
        Path arrived = box().resolve("new");
        if (!Files.isDirectory(arrived)) {
            return List.of();
        }
        List<String> texts = new ArrayList<>();
        try (Stream<Path> files = Files.list(arrived)) {
            for (Path file : files.toList()) {
                texts.add(Files.readString(file, ISO_8859_1));
            }
        }
        return texts;
    }

    /** The data of a TLSA record 3 1 1 (RFC 6698 2.1): the digest of the public key. */
    default String keyDigest() throws IOException, GeneralSecurityException {
        try (InputStream in = Files.newInputStream(certificateFile())) {
            byte[] key = CertificateFactory.getInstance("X.509").generateCertificate(in)
                    .getPublicKey().getEncoded();
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(key));
        }
    }

    /** Makes a key and a certificate nobody vouches for. */
    static void certificate(String host, Path key, Path certificate)
            throws IOException, InterruptedException {
        PeerProgram.of("openssl", "openssl").run(Duration.ofSeconds(60), "req", "-x509",
                "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:" + host, "-keyout",
                key.toString(), "-out", certificate.toString());
    }
}
