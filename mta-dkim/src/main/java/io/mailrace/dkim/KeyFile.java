// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.io.IOException;
import java.io.StringReader;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAPrivateCrtKeySpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.edec.EdECObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.RSAPrivateKey;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemReader;

/**
 * Reads a private key from a PEM file: PKCS#1 ({@code RSA PRIVATE KEY}) or PKCS#8
 * ({@code PRIVATE KEY}, RSA or Ed25519), the first of them in the file. At most
 * {@value #MAX_FILE_BYTES} bytes are read.
 */
final class KeyFile {
    private static final int MAX_FILE_BYTES = 64 * 1024;
    private static final int MIN_RSA_BITS = 1024;
    private static final int WEAK_RSA_BITS = 2048;
    private static final int MAX_RSA_BITS = 4096;

    /** What came of reading. */
    sealed interface Outcome {
        record Usable(DkimKey key, List<String> warnings) implements Outcome {}

        /** The reason is half a sentence about the file. */
        record Refused(String reason) implements Outcome {}
    }

    private static final class BadKey extends Exception {
        private static final long serialVersionUID = 1L;

        BadKey(String reason) {
            super(reason);
        }
    }

    private KeyFile() {}

    static Outcome read(Path file, String domain, String selector) {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                return new Outcome.Refused("is larger than 64 KB: not a key");
            }
            DkimKey key = parse(Files.readString(file, StandardCharsets.ISO_8859_1), domain,
                    selector);
            List<String> warnings = new ArrayList<>();
            if (key instanceof DkimKey.Rsa && key.bits() < WEAK_RSA_BITS) {
                warnings.add(file + ": the RSA key has " + key.bits()
                        + " bits; receivers expect 2048 (RFC 8301)");
            }
            if (othersMayRead(file)) {
                warnings.add(file + ": every user of this machine can read this private key;"
                        + " chmod 0600 or 0640");
            }
            return new Outcome.Usable(key, List.copyOf(warnings));
        } catch (BadKey bad) {
            return new Outcome.Refused(String.valueOf(bad.getMessage()));
        } catch (java.nio.file.NoSuchFileException missing) {
            return new Outcome.Refused("does not exist");
        } catch (java.nio.file.AccessDeniedException denied) {
            return new Outcome.Refused("may not be read by this user");
        } catch (IOException broken) {
            return new Outcome.Refused("cannot be read: " + broken.getMessage());
        }
    }

    /** The key in a PEM text. */
    private static DkimKey parse(String text, String domain, String selector) throws BadKey {
        try (PemReader pem = new PemReader(new StringReader(text))) {
            for (PemObject part = pem.readPemObject(); part != null; part = pem.readPemObject()) {
                switch (part.getType()) {
                    case "PRIVATE KEY" -> {
                        return ofPkcs8(part.getContent(), domain, selector);
                    }
                    case "RSA PRIVATE KEY" -> {
                        if (!part.getHeaders().isEmpty()) {
                            throw new BadKey("is encrypted; it must have no passphrase");
                        }
                        return ofRsa(RSAPrivateKey.getInstance(part.getContent()), domain,
                                selector);
                    }
                    case "ENCRYPTED PRIVATE KEY" -> throw new BadKey(
                            "is encrypted; it must have no passphrase");
                    default -> {
                        // certificates and public keys may stand before the private key
                    }
                }
            }
        } catch (IOException | RuntimeException malformed) {
            // the ASN.1 reader answers broken bytes with half a dozen unchecked exceptions
            throw new BadKey("holds a damaged key: " + malformed.getMessage());
        }
        throw new BadKey("holds no private key in PEM form");
    }

    private static DkimKey ofPkcs8(byte[] der, String domain, String selector)
            throws BadKey, IOException {
        PrivateKeyInfo info = PrivateKeyInfo.getInstance(der);
        var algorithm = info.getPrivateKeyAlgorithm().getAlgorithm();
        if (algorithm.equals(PKCSObjectIdentifiers.rsaEncryption)) {
            return ofRsa(RSAPrivateKey.getInstance(info.parsePrivateKey()), domain, selector);
        }
        if (algorithm.equals(EdECObjectIdentifiers.id_Ed25519)) {
            byte[] seed = ASN1OctetString.getInstance(info.parsePrivateKey()).getOctets();
            return new DkimKey.Ed25519(domain, selector, new Ed25519PrivateKeyParameters(seed));
        }
        throw new BadKey("holds a key of another kind (" + algorithm
                + "); DKIM knows RSA and Ed25519");
    }

    private static DkimKey ofRsa(RSAPrivateKey k, String domain, String selector) throws BadKey {
        int bits = k.getModulus().bitLength();
        if (bits < MIN_RSA_BITS) {
            throw new BadKey("holds an RSA key of " + bits
                    + " bits; receivers ignore less than 1024 (RFC 8301)");
        }
        if (bits > MAX_RSA_BITS) {
            throw new BadKey("holds an RSA key of " + bits
                    + " bits; receivers need not accept more than 4096 (RFC 8301)");
        }
        if (!isConsistent(k)) {
            throw new BadKey("holds a damaged key: its numbers do not belong together");
        }
        try {
            var spec = new RSAPrivateCrtKeySpec(k.getModulus(), k.getPublicExponent(),
                    k.getPrivateExponent(), k.getPrime1(), k.getPrime2(), k.getExponent1(),
                    k.getExponent2(), k.getCoefficient());
            return new DkimKey.Rsa(domain, selector,
                    (RSAPrivateCrtKey) KeyFactory.getInstance("RSA").generatePrivate(spec));
        } catch (GeneralSecurityException refused) {
            throw new BadKey("holds an unusable key: " + refused.getMessage());
        }
    }

    /** A key with one wrong number signs without complaint, and no signature verifies. */
    private static boolean isConsistent(RSAPrivateKey k) {
        BigInteger one = BigInteger.ONE;
        BigInteger e = k.getPublicExponent();
        BigInteger p = k.getPrime1();
        BigInteger q = k.getPrime2();
        if (p.signum() <= 0 || q.signum() <= 0 || !p.testBit(0) || !q.testBit(0)
                || !p.multiply(q).equals(k.getModulus()) || e.compareTo(BigInteger.TWO) <= 0) {
            return false;
        }
        BigInteger p1 = p.subtract(one);
        BigInteger q1 = q.subtract(one);
        return e.multiply(k.getPrivateExponent()).mod(p1).equals(one)
                && e.multiply(k.getPrivateExponent()).mod(q1).equals(one)
                && k.getExponent1().equals(k.getPrivateExponent().mod(p1))
                && k.getExponent2().equals(k.getPrivateExponent().mod(q1))
                && k.getCoefficient().multiply(q).mod(p).equals(one);
    }

    private static boolean othersMayRead(Path file) {
        try {
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
            return permissions.contains(PosixFilePermission.OTHERS_READ);
        } catch (IOException | UnsupportedOperationException unknown) {
            return false;
        }
    }
}
