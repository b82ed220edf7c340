// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.TimeSource;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SignatureException;
import java.time.Duration;
import java.util.Base64;
import java.util.IdentityHashMap;
import java.util.concurrent.ArrayBlockingQueue;
import org.bouncycastle.math.ec.rfc8032.Ed25519;
import org.jspecify.annotations.Nullable;

/**
 * Signs over the bytes: header fields picked from the header block, the body passed once through a
 * digest chunk by chunk. relaxed/relaxed, no l=. Thread-safe: each signing borrows a desk with
 * everything that can be used again; at most {@value #MAX_IDLE_DESKS} desks are kept.
 */
final class StreamingSigner implements MessageSigner {
    private static final int MAX_IDLE_DESKS = 64;
    private static final int KEPT_BYTES = 256 * 1024;
    private static final byte[] LOWER_NAME = {'d', 'k', 'i', 'm', '-', 's', 'i', 'g', 'n', 'a',
            't', 'u', 'r', 'e'};

    private final KeyRing keys;
    private final HeaderNames names;
    private final RsaEngine rsa;
    /** By identity: keys compare by their encoded form, which costs more than the rest. */
    private final IdentityHashMap<DkimKey.Rsa, PrivateKey> rsaKeys;
    private final long lifetimeSeconds;
    private final TimeSource time;
    private final ArrayBlockingQueue<Desk> idle = new ArrayBlockingQueue<>(MAX_IDLE_DESKS);

    StreamingSigner(KeyRing keys, HeaderNames names, RsaEngine rsa, Duration lifetime,
            TimeSource time) {
        this.keys = keys;
        this.names = names;
        this.rsa = rsa;
        this.time = time;
        lifetimeSeconds = lifetime.toSeconds();
        rsaKeys = new IdentityHashMap<>();
        for (DkimKey key : keys.allKeys()) {
            if (key instanceof DkimKey.Rsa rsaKey) {
                rsaKeys.put(rsaKey, rsa.prepare(rsaKey));
            }
        }
    }

    @Override
    public boolean signs(ContentFacts facts) {
        return keys.find(facts.fromDomain()) != null;
    }

    @Override
    public Signature sign(Content content, ContentFacts facts) {
        KeyRing.Keys found = keys.find(facts.fromDomain());
        if (found == null) {
            return Signature.NONE;
        }
        Desk borrowed = idle.poll();
        Desk desk = borrowed == null ? new Desk() : borrowed;
        Signature signature = desk.sign(content, found);
        // a desk whose signing threw is in an unknown state and does not come back
        desk.clear();
        idle.offer(desk);
        return signature;
    }

    @Override
    public void close() {
        idle.clear();
    }

    /** What one signing needs; used by one thread at a time. */
    private final class Desk {
        private final MessageDigest digest = sha256();
        private final HeaderBlock header = new HeaderBlock();
        private final HeaderFields fields = new HeaderFields(names);
        private final RelaxedBody body = new RelaxedBody(digest);
        private final java.security.Signature rsaSignature = rsa.newSignature();
        private DkimKey.@Nullable Rsa rsaReadyFor;
        private ByteBuilder signed = new ByteBuilder(4096);
        private final ByteBuilder field = new ByteBuilder(2048);

        Signature sign(Content content, KeyRing.Keys found) {
            if (!header.locate(content)) {
                return Signature.NONE;
            }
            fields.scan(header.bytes(), header.end());
            if (!fields.hasFrom()) {
                return Signature.NONE;
            }
            signed.cut(0);
            fields.relaxed(signed);
            body.start();
            header.readBody(content, body);
            String bodyHash = "bh=" + Base64.getEncoder().encodeToString(body.finish()) + ";";

            int afterFields = signed.length();
            field.cut(0);
            for (DkimKey key : found.all()) {
                signed.cut(afterFields);
                appendSignature(key, bodyHash);
            }
            return new Signature(field.toBytes(), found.signedBy());
        }

        /** Writes the field with an empty b=, signs it in its relaxed form, completes it. */
        private void appendSignature(DkimKey key, String bodyHash) {
            int start = field.length();
            SignatureField text = new SignatureField(field);
            long now = Math.floorDiv(time.epochMillis(), 1000L);
            text.start();
            text.word("v=1;");
            text.word("a=" + key.algorithm() + ";");
            text.word("c=relaxed/relaxed;");
            text.word("d=" + key.domain() + ";");
            text.word("s=" + key.selector() + ";");
            text.word("t=" + now + ";");
            if (lifetimeSeconds > 0) {
                text.word("x=" + (now + lifetimeSeconds) + ";");
            }
            text.word(bodyHash);
            text.headers(names, fields);
            text.word("b=");
            HeaderFields.relaxed(LOWER_NAME, field.bytes(),
                    start + SignatureField.NAME.length() + 1, field.length(), signed);
            text.folded(Base64.getEncoder().encode(signature(key)));
            text.end();
        }

        private byte[] signature(DkimKey key) {
            return switch (key) {
                case DkimKey.Rsa rsaKey -> rsaSignature(rsaKey);
                case DkimKey.Ed25519 edKey -> edSignature(edKey);
            };
        }

        @SuppressWarnings("ReferenceEquality") // see rsaKeys
        private byte[] rsaSignature(DkimKey.Rsa key) {
            try {
                if (rsaReadyFor != key) {
                    rsaReadyFor = null;
                    rsaSignature.initSign(rsaKeys.get(key));
                    rsaReadyFor = key;
                }
                rsaSignature.update(signed.bytes(), 0, signed.length());
                return rsaSignature.sign();
            } catch (InvalidKeyException | SignatureException broken) {
                throw new IllegalStateException("RSA signing failed with " + key, broken);
            }
        }

        /** What is signed is the hash of the header (RFC 8463 3). */
        private byte[] edSignature(DkimKey.Ed25519 key) {
            digest.reset();
            digest.update(signed.bytes(), 0, signed.length());
            byte[] hash = digest.digest();
            byte[] signature = new byte[Ed25519.SIGNATURE_SIZE];
            key.key().sign(Ed25519.Algorithm.Ed25519, null, hash, 0, hash.length, signature, 0);
            return signature;
        }

        void clear() {
            header.release();
            fields.release();
            if (signed.capacity() > KEPT_BYTES) {
                signed = new ByteBuilder(4096);
            }
        }
    }

    /** The JDK's by name: it uses the CPU's instructions for it, which not every provider does. */
    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256", "SUN");
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every JDK has SHA-256", absent);
        }
    }
}
