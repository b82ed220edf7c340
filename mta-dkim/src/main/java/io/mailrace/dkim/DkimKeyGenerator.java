// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.Set;

/** Makes new DKIM keys, for the command line. */
public final class DkimKeyGenerator {
    /** What can be made. */
    public enum Kind {
        RSA_2048, ED25519
    }

    private DkimKeyGenerator() {}

    /**
     * Writes a new private key as PKCS#8 PEM, readable by its owner alone, and tells what to
     * publish. On disk when this returns. Never replaces a file: a lost key cannot be made again.
     *
     * @param domain the signing domain, lower-case ASCII
     * @throws IOException when the file exists or cannot be written
     * @throws IllegalArgumentException when domain or selector is not a DNS name
     */
    public static DkimRecord generate(Kind kind, String domain, String selector, Path file)
            throws IOException {
        requireName("domain", DkimConfig.signingDomain(domain).orElse(""), domain);
        requireName("selector", DkimConfig.isSelector(selector) ? selector : "", selector);
        byte[] pem = pem(privateKey(kind));
        try (FileChannel out = FileChannel.open(file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                ownerOnly(file))) {
            ByteBuffer rest = ByteBuffer.wrap(pem);
            while (rest.hasRemaining()) {
                out.write(rest);
            }
            out.force(true);
        }
        return switch (KeyFile.read(file, domain, selector)) {
            case KeyFile.Outcome.Usable usable -> usable.key().record();
            case KeyFile.Outcome.Refused refused -> throw new IOException(
                    file + " was written but " + refused.reason());
        };
    }

    private static void requireName(String what, String normal, String given) {
        if (normal.isEmpty() || !normal.equals(given)) {
            throw new IllegalArgumentException("not a " + what + ": \"" + given + "\"");
        }
    }

    private static byte[] privateKey(Kind kind) {
        try {
            KeyPairGenerator generator = switch (kind) {
                case RSA_2048 -> {
                    KeyPairGenerator rsa = KeyPairGenerator.getInstance("RSA");
                    rsa.initialize(2048);
                    yield rsa;
                }
                case ED25519 -> KeyPairGenerator.getInstance("Ed25519");
            };
            return generator.generateKeyPair().getPrivate().getEncoded();
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every JDK makes RSA and Ed25519 keys", absent);
        }
    }

    private static byte[] pem(byte[] der) {
        String lines = Base64.getMimeEncoder(64, new byte[]{'\n'}).encodeToString(der);
        return ("-----BEGIN PRIVATE KEY-----\n" + lines + "\n-----END PRIVATE KEY-----\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** The mode is set when the file is made: there is no moment in which others can open it. */
    private static FileAttribute<?>[] ownerOnly(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || !Files.getFileStore(folder).supportsFileAttributeView("posix")) {
            return new FileAttribute<?>[0];
        }
        return new FileAttribute<?>[]{
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))};
    }
}
