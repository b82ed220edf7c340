// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/** The client's side of SCRAM-SHA-256, written from RFC 5802 without the code under test. */
final class ScramClient {
    private final String password;
    private final String firstBare;
    private String expectedServerFinal = "";

    ScramClient(String user, String password, String nonce) {
        this.password = password;
        firstBare = "n=" + user + ",r=" + nonce;
    }

    /** The argument of AUTH. */
    String first() {
        return "SCRAM-SHA-256 " + base64("n,," + firstBare);
    }

    /** The answer to a line that begins with 334. */
    String last(String challenge) throws GeneralSecurityException {
        String serverFirst = new String(Base64.getDecoder().decode(challenge.substring(4)),
                StandardCharsets.UTF_8);
        String[] parts = serverFirst.split(",");
        byte[] salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(
                new PBEKeySpec(password.toCharArray(),
                        Base64.getDecoder().decode(parts[1].substring(2)),
                        Integer.parseInt(parts[2].substring(2)), 256))
                .getEncoded();
        String withoutProof = "c=biws," + parts[0];
        String authMessage = firstBare + "," + serverFirst + "," + withoutProof;
        byte[] key = hmac(salted, "Client Key");
        byte[] signature = hmac(MessageDigest.getInstance("SHA-256").digest(key), authMessage);
        for (int i = 0; i < key.length; i++) {
            key[i] ^= signature[i];
        }
        expectedServerFinal = "v=" + Base64.getEncoder().encodeToString(
                hmac(hmac(salted, "Server Key"), authMessage));
        return base64(withoutProof + ",p=" + Base64.getEncoder().encodeToString(key));
    }

    /** The line by which the server proves itself. */
    String expectedProof() {
        return "334 " + base64(expectedServerFinal);
    }

    private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
