// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 3, RFC 7677), in the form
 * PostgreSQL writes: {@code SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey}. Whoever reads it
 * cannot log in with it, but can guess passwords at the cost of the iterations. Immutable.
 */
final class ScramSecret {
    private static final String PREFIX = "SCRAM-SHA-256$";
    /** RFC 7677 4: at least 4096. It is the client that pays for them. */
    private static final int MIN_ITERATIONS = 4096;
    private static final int MAX_ITERATIONS = 1_000_000;
    static final int ITERATIONS = 20_000;
    static final int SALT_BYTES = 16;
    private static final int MAX_SALT_BYTES = 64;
    private static final int KEY_BYTES = 32;

    private final int iterations;
    private final byte[] salt;
    private final byte[] storedKey;
    private final byte[] serverKey;

    ScramSecret(int iterations, byte[] salt, byte[] storedKey, byte[] serverKey) {
        this.iterations = iterations;
        this.salt = salt;
        this.storedKey = storedKey;
        this.serverKey = serverKey;
    }

    /** Whether a password can be used: for others every client would need SASLprep (RFC 4013). */
    static boolean takes(CharSequence password) {
        return password.length() > 0 && password.chars().allMatch(c -> c >= 32 && c < 127);
    }

    /** Slow: hashes. */
    static ScramSecret of(char[] password, SecureRandom random) {
        byte[] salt = new byte[SALT_BYTES];
        random.nextBytes(salt);
        return of(password, salt, ITERATIONS);
    }

    static ScramSecret of(char[] password, byte[] salt, int iterations) {
        try {
            PBEKeySpec spec = new PBEKeySpec(password, salt, iterations, 8 * KEY_BYTES);
            byte[] salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                    .generateSecret(spec).getEncoded();
            spec.clearPassword();
            return new ScramSecret(iterations, salt, sha256(hmac(salted, "Client Key")),
                    hmac(salted, "Server Key"));
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every Java has PBKDF2WithHmacSHA256", absent);
        }
    }

    /** @throws IllegalArgumentException with a sentence that says what is wrong */
    static ScramSecret parse(String text) {
        String[] parts = text.startsWith(PREFIX)
                ? text.substring(PREFIX.length()).split("[:$]", -1)
                : new String[0];
        if (parts.length != 4 || parts[0].isEmpty() || parts[0].length() > 7
                || !parts[0].chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new IllegalArgumentException(
                    "scram must be SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey");
        }
        int iterations = Integer.parseInt(parts[0]);
        if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
            throw new IllegalArgumentException("scram has " + iterations + " iterations; "
                    + MIN_ITERATIONS + " to " + MAX_ITERATIONS + " are taken");
        }
        try {
            byte[] salt = Base64.getDecoder().decode(parts[1]);
            byte[] stored = Base64.getDecoder().decode(parts[2]);
            byte[] server = Base64.getDecoder().decode(parts[3]);
            if (salt.length >= 8 && salt.length <= MAX_SALT_BYTES && stored.length == KEY_BYTES
                    && server.length == KEY_BYTES) {
                return new ScramSecret(iterations, salt, stored, server);
            }
        } catch (IllegalArgumentException notBase64) {
            // Said below.
        }
        throw new IllegalArgumentException("scram has a broken salt or key");
    }

    /**
     * What an unknown user is asked with: the same each time, so that it does not tell who exists.
     * No proof fits it.
     *
     * @param secret known to nobody
     * @param like whose iterations and length of salt it has
     */
    static ScramSecret made(byte[] secret, String name, Optional<ScramSecret> like) {
        byte[] key = hmac(secret, "key " + name);
        byte[] salt = Arrays.copyOf(hmac(secret, "salt " + name), MAX_SALT_BYTES);
        System.arraycopy(hmac(secret, "more salt " + name), 0, salt, KEY_BYTES, KEY_BYTES);
        salt = Arrays.copyOf(salt, like.map(one -> one.salt.length).orElse(SALT_BYTES));
        return new ScramSecret(like.map(one -> one.iterations).orElse(ITERATIONS), salt, key, key);
    }

    /** Whether the proof belongs to the password (RFC 5802 3). */
    boolean proven(byte[] authMessage, byte[] proof) {
        if (proof.length != KEY_BYTES) {
            return false;
        }
        byte[] signature = hmac(storedKey, authMessage);
        byte[] clientKey = new byte[KEY_BYTES];
        for (int i = 0; i < KEY_BYTES; i++) {
            clientKey[i] = (byte) (signature[i] ^ proof[i]);
        }
        return MessageDigest.isEqual(sha256(clientKey), storedKey);
    }

    /** By which we prove ourselves. */
    byte[] serverSignature(byte[] authMessage) {
        return hmac(serverKey, authMessage);
    }

    int iterations() {
        return iterations;
    }

    String saltText() {
        return Base64.getEncoder().encodeToString(salt);
    }

    private static byte[] hmac(byte[] key, String text) {
        return hmac(key, text.getBytes(StandardCharsets.UTF_8));
    }

    static byte[] hmac(byte[] key, byte[] text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(text);
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every Java has HmacSHA256", absent);
        }
    }

    private static byte[] sha256(byte[] text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text);
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every Java has SHA-256", absent);
        }
    }

    /** The form of the file. */
    @Override
    public String toString() {
        Base64.Encoder base64 = Base64.getEncoder();
        return PREFIX + iterations + ":" + base64.encodeToString(salt) + "$"
                + base64.encodeToString(storedKey) + ":" + base64.encodeToString(serverKey);
    }
}
