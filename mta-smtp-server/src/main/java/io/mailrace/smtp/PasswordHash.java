// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.bouncycastle.crypto.params.Argon2Parameters;

/**
 * A hashed password: Argon2id, which is what we make, or bcrypt, which other systems bring along.
 * Parameters read from a file are bounded, so that a file cannot exhaust the machine. Computing one
 * takes milliseconds and more: never on an event loop.
 */
sealed interface PasswordHash {

    boolean matches(byte[] password);

    /** Of a new password. */
    static PasswordHash of(byte[] password, SecureRandom random) {
        return Argon2id.of(password, random);
    }

    /** Of a password nobody knows: costs as much to try as one that {@link #of} makes. */
    static PasswordHash ofNobody(SecureRandom random) {
        return Argon2id.ofNobody(random);
    }

    /**
     * Reads the form it has in a file.
     *
     * @throws IllegalArgumentException with a sentence that says what is wrong
     */
    static PasswordHash parse(String text) {
        return text.startsWith("$2") ? Bcrypt.parse(text) : Argon2id.parse(text);
    }

    /** In PHC form: {@code $argon2id$v=19$m=19456,t=2,p=1$salt$hash} (RFC 9106). */
    final class Argon2id implements PasswordHash {
        private static final int MEMORY_KB = 19 * 1024;
        private static final int ITERATIONS = 2;
        private static final int SALT_BYTES = 16;
        private static final int HASH_BYTES = 32;
        private static final int MAX_MEMORY_KB = 256 * 1024;
        private static final int MAX_ITERATIONS = 16;
        private static final int MAX_LANES = 8;

        private final int memoryKb;
        private final int iterations;
        private final int lanes;
        private final byte[] salt;
        private final byte[] hash;

        private Argon2id(int memoryKb, int iterations, int lanes, byte[] salt, byte[] hash) {
            this.memoryKb = memoryKb;
            this.iterations = iterations;
            this.lanes = lanes;
            this.salt = salt;
            this.hash = hash;
        }

        private static PasswordHash of(byte[] password, SecureRandom random) {
            byte[] salt = new byte[SALT_BYTES];
            random.nextBytes(salt);
            byte[] hash = compute(password, salt, MEMORY_KB, ITERATIONS, 1, HASH_BYTES);
            return new Argon2id(MEMORY_KB, ITERATIONS, 1, salt, hash);
        }

        /** Random octets serve as a hash: to make one would take as long as a login. */
        private static PasswordHash ofNobody(SecureRandom random) {
            byte[] salt = new byte[SALT_BYTES];
            byte[] hash = new byte[HASH_BYTES];
            random.nextBytes(salt);
            random.nextBytes(hash);
            return new Argon2id(MEMORY_KB, ITERATIONS, 1, salt, hash);
        }

        private static PasswordHash parse(String text) {
            String[] parts = text.split("\\$", -1);
            if (parts.length != 6 || !parts[0].isEmpty() || !parts[1].equals("argon2id")
                    || !parts[2].equals("v=19")) {
                throw new IllegalArgumentException("has no argon2id or bcrypt hash");
            }
            String[] costs = parts[3].split(",", -1);
            int memory = costs.length == 3 ? cost(costs[0], "m=", MAX_MEMORY_KB) : -1;
            int iterations = costs.length == 3 ? cost(costs[1], "t=", MAX_ITERATIONS) : -1;
            int lanes = costs.length == 3 ? cost(costs[2], "p=", MAX_LANES) : -1;
            if (iterations < 1 || lanes < 1 || memory < 8 * lanes) {
                throw new IllegalArgumentException("has an argon2id hash whose cost is not within"
                        + " m=" + MAX_MEMORY_KB + ",t=" + MAX_ITERATIONS + ",p=" + MAX_LANES);
            }
            try {
                byte[] salt = Base64.getDecoder().decode(parts[4]);
                byte[] hash = Base64.getDecoder().decode(parts[5]);
                if (salt.length >= 8 && salt.length <= 64 && hash.length >= 16
                        && hash.length <= 64) {
                    return new Argon2id(memory, iterations, lanes, salt, hash);
                }
            } catch (IllegalArgumentException notBase64) {
                // Said below.
            }
            throw new IllegalArgumentException("has an argon2id hash with a broken salt or hash");
        }

        private static int cost(String text, String prefix, int max) {
            String digits = text.startsWith(prefix) ? text.substring(prefix.length()) : "";
            if (digits.isEmpty() || digits.length() > 7
                    || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
                return -1;
            }
            int value = Integer.parseInt(digits);
            return value <= max ? value : -1;
        }

        @Override
        public boolean matches(byte[] password) {
            byte[] other = compute(password, salt, memoryKb, iterations, lanes, hash.length);
            return MessageDigest.isEqual(hash, other);
        }

        private static byte[] compute(byte[] password, byte[] salt, int memoryKb, int iterations,
                int lanes, int length) {
            Argon2BytesGenerator generator = new Argon2BytesGenerator();
            generator.init(new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
                    .withVersion(Argon2Parameters.ARGON2_VERSION_13).withSalt(salt)
                    .withMemoryAsKB(memoryKb).withIterations(iterations).withParallelism(lanes)
                    .build());
            byte[] out = new byte[length];
            generator.generateBytes(password, out);
            return out;
        }

        /** The PHC form. */
        @Override
        public String toString() {
            Base64.Encoder base64 = Base64.getEncoder().withoutPadding();
            return "$argon2id$v=19$m=" + memoryKb + ",t=" + iterations + ",p=" + lanes + "$"
                    + base64.encodeToString(salt) + "$" + base64.encodeToString(hash);
        }
    }

    /**
     * In the form of OpenBSD: {@code $2b$12$} and 53 letters. Only the first 72 octets of a
     * password count, which is bcrypt's way.
     */
    final class Bcrypt implements PasswordHash {
        private static final int LENGTH = 60;
        private static final int SALT_END = 28;
        private static final int MIN_COST = 4;
        private static final int MAX_COST = 14;
        private static final String LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                + "abcdefghijklmnopqrstuvwxyz0123456789";

        private final String text;

        private Bcrypt(String text) {
            this.text = text;
        }

        private static PasswordHash parse(String text) {
            boolean formed = text.length() == LENGTH && "aby".indexOf(text.charAt(2)) >= 0
                    && text.charAt(3) == '$' && isDigit(text.charAt(4)) && isDigit(text.charAt(5))
                    && text.charAt(6) == '$'
                    && text.substring(7).chars().allMatch(c -> LETTERS.indexOf(c) >= 0);
            if (!formed) {
                throw new IllegalArgumentException(
                        "has a bcrypt hash that is not $2a$, $2b$ or $2y$ in whole");
            }
            int cost = Integer.parseInt(text.substring(4, 6));
            if (cost < MIN_COST || cost > MAX_COST) {
                throw new IllegalArgumentException("has a bcrypt hash of cost " + cost
                        + "; " + MIN_COST + " to " + MAX_COST + " are taken");
            }
            return new Bcrypt(text);
        }

        private static boolean isDigit(char c) {
            return c >= '0' && c <= '9';
        }

        @Override
        public boolean matches(byte[] password) {
            return OpenBSDBCrypt.checkPassword(canonical(), password);
        }

        /** Some programs leave bits in the last letters of salt and hash that mean nothing. */
        private String canonical() {
            StringBuilder letters = new StringBuilder(text);
            letters.setCharAt(SALT_END, LETTERS.charAt(
                    LETTERS.indexOf(text.charAt(SALT_END)) & 0x30));
            letters.setCharAt(LENGTH - 1, LETTERS.charAt(
                    LETTERS.indexOf(text.charAt(LENGTH - 1)) & 0x3c));
            return letters.toString();
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
