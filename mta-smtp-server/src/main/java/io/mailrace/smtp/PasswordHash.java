// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;

/**
 * An Argon2id hash in PHC form: {@code $argon2id$v=19$m=19456,t=2,p=1$salt$hash} (RFC 9106).
 * Parameters read from a file are bounded, so that a file cannot exhaust the machine. Computing one
 * takes milliseconds and {@code m} kilobytes: never on an event loop.
 */
final class PasswordHash {
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

    private PasswordHash(int memoryKb, int iterations, int lanes, byte[] salt, byte[] hash) {
        this.memoryKb = memoryKb;
        this.iterations = iterations;
        this.lanes = lanes;
        this.salt = salt;
        this.hash = hash;
    }

    static PasswordHash of(byte[] password, SecureRandom random) {
        byte[] salt = new byte[SALT_BYTES];
        random.nextBytes(salt);
        byte[] hash = compute(password, salt, MEMORY_KB, ITERATIONS, 1, HASH_BYTES);
        return new PasswordHash(MEMORY_KB, ITERATIONS, 1, salt, hash);
    }

    /** Reads the PHC form; empty when it is another algorithm, malformed or out of bounds. */
    static Optional<PasswordHash> parse(String text) {
        String[] parts = text.split("\\$", -1);
        if (parts.length != 6 || !parts[0].isEmpty() || !parts[1].equals("argon2id")
                || !parts[2].equals("v=19")) {
            return Optional.empty();
        }
        String[] costs = parts[3].split(",", -1);
        if (costs.length != 3) {
            return Optional.empty();
        }
        int memory = cost(costs[0], "m=", MAX_MEMORY_KB);
        int iterations = cost(costs[1], "t=", MAX_ITERATIONS);
        int lanes = cost(costs[2], "p=", MAX_LANES);
        if (memory < 8 * lanes || iterations < 1 || lanes < 1) {
            return Optional.empty();
        }
        try {
            byte[] salt = Base64.getDecoder().decode(parts[4]);
            byte[] hash = Base64.getDecoder().decode(parts[5]);
            boolean fits = salt.length >= 8 && salt.length <= 64 && hash.length >= 16
                    && hash.length <= 64;
            return fits
                    ? Optional.of(new PasswordHash(memory, iterations, lanes, salt, hash))
                    : Optional.empty();
        } catch (IllegalArgumentException notBase64) {
            return Optional.empty();
        }
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

    boolean matches(byte[] password) {
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
