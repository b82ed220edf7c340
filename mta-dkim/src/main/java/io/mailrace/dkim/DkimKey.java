// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.security.interfaces.RSAPrivateCrtKey;
import java.util.Base64;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.RSAPublicKey;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;

/** A private signing key with the domain and selector it is published under. Immutable. */
public sealed interface DkimKey {

    /** The signing domain (d=), lower-case ASCII. */
    String domain();

    /** The selector (s=). */
    String selector();

    /** The a= value. */
    String algorithm();

    /** Length of the key in bits. */
    int bits();

    /** What must stand in the DNS for receivers to verify. */
    DkimRecord record();

    /** {@code selector@domain}, as events name a signature. */
    default String signedBy() {
        return selector() + "@" + domain();
    }

    /** rsa-sha256, RFC 6376 3.3.2 with the lengths of RFC 8301. */
    record Rsa(String domain, String selector, RSAPrivateCrtKey key) implements DkimKey {
        @Override
        public String algorithm() {
            return "rsa-sha256";
        }

        @Override
        public int bits() {
            return key.getModulus().bitLength();
        }

        @Override
        public DkimRecord record() {
            try {
                SubjectPublicKeyInfo info = new SubjectPublicKeyInfo(
                        new AlgorithmIdentifier(PKCSObjectIdentifiers.rsaEncryption,
                                DERNull.INSTANCE),
                        new RSAPublicKey(key.getModulus(), key.getPublicExponent()));
                return recordOf(this, "rsa", info.getEncoded("DER"));
            } catch (java.io.IOException impossible) {
                throw new IllegalStateException("a public key could not be encoded", impossible);
            }
        }

        @Override
        public String toString() {
            return "rsa-" + bits() + " " + signedBy();
        }
    }

    /** ed25519-sha256, RFC 8463. */
    record Ed25519(String domain, String selector, Ed25519PrivateKeyParameters key)
            implements
                DkimKey {
        @Override
        public String algorithm() {
            return "ed25519-sha256";
        }

        @Override
        public int bits() {
            return 256;
        }

        @Override
        public DkimRecord record() {
            return recordOf(this, "ed25519", key.generatePublicKey().getEncoded());
        }

        @Override
        public String toString() {
            return "ed25519 " + signedBy();
        }
    }

    private static DkimRecord recordOf(DkimKey key, String type, byte[] publicKey) {
        return new DkimRecord(key.selector() + "._domainkey." + key.domain(), "v=DKIM1; k=" + type
                + "; p=" + Base64.getEncoder().encodeToString(publicKey));
    }
}
