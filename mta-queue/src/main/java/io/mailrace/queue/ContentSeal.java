// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * How a chunk of content is stored: with its checksum, or encrypted with AES-256-GCM when a key
 * file is configured. What was stored in the other way stays readable. Any thread.
 */
final class ContentSeal {
    /*
     * The nonce is the SpoolId, the chunk's number and 12 random bits: an id is given out once and
     * a chunk is written once, so no nonce comes twice under a key, however many messages there
     * are; random nonces alone would reach their bound within weeks of full load. Id and number
     * are authenticated too, so a chunk cannot stand in for another one.
     */
    /** Version, key, nonce in front; the tag behind. */
    private static final int HEAD = 1 + 4 + 12;
    private static final int TAG = 16;
    private static final int VERSION = 1;
    private static final int KEY_BYTES = 32;
    private static final int MAX_KEYS = 100;
    private static final String ALGORITHM = "AES/GCM/NoPadding";

    /** Without encryption. */
    static final ContentSeal PLAIN = new ContentSeal(List.of());

    /** @param fingerprint first four bytes of its SHA-256, to tell keys apart */
    private record Key(int fingerprint, SecretKeySpec secret) {}

    private static final ThreadLocal<@Nullable Cipher> CIPHERS = new ThreadLocal<>();

    private final List<Key> keys;

    private ContentSeal(List<Key> keys) {
        this.keys = List.copyOf(keys);
    }

    /**
     * Reads a key file: 64 hexadecimal digits on a line, the first line for writing, further ones
     * for what was written before; {@code #} begins a comment.
     *
     * @throws SpoolException when it cannot be read or anybody may read it
     */
    static ContentSeal ofFile(Path file) {
        List<Key> keys = new ArrayList<>();
        try {
            if (Files.getPosixFilePermissions(file).contains(PosixFilePermission.OTHERS_READ)) {
                throw new SpoolException("spool.encryption-key-file " + file
                        + " may be read by everybody: chmod o-r it");
            }
            for (String line : Files.readAllLines(file, StandardCharsets.US_ASCII)) {
                String text = line.strip();
                if (!text.isEmpty() && !text.startsWith("#")) {
                    keys.add(key(HexFormat.of().parseHex(text)));
                }
            }
        } catch (IOException unreadable) {
            throw new SpoolException("spool.encryption-key-file cannot be read: " + unreadable,
                    unreadable);
        } catch (IllegalArgumentException | GeneralSecurityException malformed) {
            throw new SpoolException("spool.encryption-key-file " + file
                    + " must hold 64 hexadecimal digits on each line (openssl rand -hex 32)");
        }
        if (keys.isEmpty() || keys.size() > MAX_KEYS) {
            throw new SpoolException("spool.encryption-key-file " + file + " must hold 1 to "
                    + MAX_KEYS + " keys");
        }
        return new ContentSeal(keys);
    }

    private static Key key(byte[] secret) throws GeneralSecurityException {
        if (secret.length != KEY_BYTES) {
            throw new IllegalArgumentException("not a key of 256 bits");
        }
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(secret);
        return new Key(ByteBuffer.wrap(digest).getInt(), new SecretKeySpec(secret, "AES"));
    }

    /** A chunk as it is stored. The array is the seal's from now on. */
    StoredChunk seal(long id, int index, byte[] bytes) {
        if (keys.isEmpty()) {
            return StoredChunk.plain(bytes);
        }
        int length = bytes.length;
        Key key = keys.getFirst();
        byte[] value = new byte[HEAD + length + TAG];
        ByteBuffer head = ByteBuffer.wrap(value);
        head.put((byte) VERSION).putInt(key.fingerprint).putLong(id)
                .putInt(index << 12 | ThreadLocalRandom.current().nextInt(1 << 12));
        try {
            Cipher cipher = cipher(Cipher.ENCRYPT_MODE, key, value, id, index);
            cipher.doFinal(bytes, 0, length, value, HEAD);
            return StoredChunk.whole(value);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("AES-GCM does not work here", impossible);
        }
    }

    /**
     * The bytes of a stored chunk.
     *
     * @param length of these bytes
     * @throws SpoolException when it is damaged or its key is not here
     */
    byte[] open(long id, int index, byte[] value, int length) {
        if (value.length == length + RecordWriter.CRC_BYTES) {
            if (ByteBuffer.wrap(value).getInt(length) != RecordWriter.crc(value, length)) {
                throw new SpoolException("content is damaged (chunk " + index + ")");
            }
            return Arrays.copyOf(value, length);
        }
        if (value.length != HEAD + length + TAG || value[0] != VERSION) {
            throw new SpoolException("content is damaged (chunk " + index + " has "
                    + value.length + " bytes for " + length + ")");
        }
        int fingerprint = ByteBuffer.wrap(value).getInt(1);
        for (Key key : keys) {
            if (key.fingerprint == fingerprint) {
                return decrypt(key, id, index, value, length);
            }
        }
        throw new SpoolException("content is encrypted with a key that is not in"
                + " spool.encryption-key-file (chunk " + index + ")");
    }

    private static byte[] decrypt(Key key, long id, int index, byte[] value, int length) {
        try {
            return cipher(Cipher.DECRYPT_MODE, key, value, id, index)
                    .doFinal(value, HEAD, length + TAG);
        } catch (GeneralSecurityException damaged) {
            throw new SpoolException("content is damaged (chunk " + index + ")", damaged);
        }
    }

    private static Cipher cipher(int mode, Key key, byte[] value, long id, int index)
            throws GeneralSecurityException {
        Cipher cipher = CIPHERS.get();
        if (cipher == null) {
            cipher = Cipher.getInstance(ALGORITHM);
            CIPHERS.set(cipher);
        }
        cipher.init(mode, key.secret, new GCMParameterSpec(8 * TAG, value, 5, 12));
        cipher.updateAAD(ByteBuffer.allocate(12).putLong(0, id).putInt(8, index));
        return cipher;
    }
}
