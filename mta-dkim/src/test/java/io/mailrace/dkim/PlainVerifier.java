// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A second reading of RFC 6376 for relaxed/relaxed, written for plainness: text operations on the
 * whole message as Latin-1. Shares no code with the signer. Also checks what a signature must not
 * have: l=, long lines.
 */
final class PlainVerifier {
    private static final Base64.Decoder BASE64 = Base64.getDecoder();
    private static final String ED25519_PREFIX = "MCowBQYDK2VwAyEA";

    private record Field(String name, String value) {}

    private PlainVerifier() {}

    /** {@code selector@domain} of each signature in order of the header; throws on a bad one. */
    static List<String> verify(byte[] signedMessage, Map<String, String> dns) {
        String message = new String(signedMessage, StandardCharsets.ISO_8859_1);
        int end = message.indexOf("\r\n\r\n");
        String head = end < 0 ? message : message.substring(0, end + 2);
        String body = end < 0 ? "" : message.substring(end + 4);
        List<Field> fields = fields(head);
        List<String> good = new ArrayList<>();
        for (Field field : fields) {
            if (field.name.equals("dkim-signature")) {
                good.add(check(field, fields, body, dns));
            }
        }
        return good;
    }

    private static List<Field> fields(String head) {
        List<String> lines = new ArrayList<>();
        for (String line : head.split("\r\n", -1)) {
            boolean folded = line.startsWith(" ") || line.startsWith("\t");
            if (folded && !lines.isEmpty()) {
                lines.add(lines.removeLast() + "\r\n" + line);
            } else if (!line.isEmpty()) {
                lines.add(line);
            }
        }
        List<Field> fields = new ArrayList<>();
        for (String line : lines) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                fields.add(new Field(lower(line.substring(0, colon)).replaceAll("[ \t]+$", ""),
                        line.substring(colon + 1)));
            }
        }
        return fields;
    }

    private static String check(Field signature, List<Field> all, String body,
            Map<String, String> dns) {
        Map<String, String> tags = tags(signature.value);
        require(tag(tags, "v").equals("1"), "v=");
        require(tag(tags, "c").equals("relaxed/relaxed"), "c=");
        require(!tags.containsKey("l"), "l= is there");
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(latin1(relaxedBody(body)));
            require(tag(tags, "bh").equals(Base64.getEncoder().encodeToString(hash)),
                    "body hash");
            StringBuilder text = new StringBuilder();
            List<Field> left = new ArrayList<>(all);
            for (String name : tag(tags, "h").split(":")) {
                for (int i = left.size() - 1; i >= 0; i--) {
                    if (left.get(i).name.equals(lower(name))) {
                        text.append(relaxed(left.remove(i))).append("\r\n");
                        break;
                    }
                }
            }
            int b = signature.value.lastIndexOf("b=") + 2;
            text.append(relaxed(new Field(signature.name, signature.value.substring(0, b))));
            String record = dns.getOrDefault(
                    tag(tags, "s") + "._domainkey." + tag(tags, "d"), "");
            require(!record.isEmpty(), "no key for " + tags.get("s") + "@" + tags.get("d"));
            require(verified(tags, record, latin1(text.toString())), "signature");
            return tags.get("s") + "@" + tags.get("d");
        } catch (GeneralSecurityException bad) {
            throw new AssertionError(bad);
        }
    }

    private static boolean verified(Map<String, String> tags, String record, byte[] data)
            throws GeneralSecurityException {
        String key = tags(record).get("p");
        byte[] signature = BASE64.decode(tags.get("b"));
        java.security.Signature check;
        PublicKey publicKey;
        byte[] signed = data;
        if (tag(tags, "a").equals("rsa-sha256")) {
            check = java.security.Signature.getInstance("SHA256withRSA");
            publicKey = KeyFactory.getInstance("RSA")
                    .generatePublic(new X509EncodedKeySpec(BASE64.decode(key)));
        } else {
            require(tag(tags, "a").equals("ed25519-sha256"), "a=");
            check = java.security.Signature.getInstance("Ed25519");
            publicKey = KeyFactory.getInstance("Ed25519")
                    .generatePublic(new X509EncodedKeySpec(BASE64.decode(ED25519_PREFIX + key)));
            signed = MessageDigest.getInstance("SHA-256").digest(data);
        }
        check.initVerify(publicKey);
        check.update(signed);
        return check.verify(signature);
    }

    static Map<String, String> tags(String value) {
        Map<String, String> tags = new LinkedHashMap<>();
        for (String tag : value.split(";")) {
            int equals = tag.indexOf('=');
            if (equals > 0) {
                tags.put(tag.substring(0, equals).strip(),
                        tag.substring(equals + 1).replaceAll("[ \t\r\n]", ""));
            }
        }
        return tags;
    }

    private static String tag(Map<String, String> tags, String name) {
        return tags.getOrDefault(name, "");
    }

    private static String relaxed(Field field) {
        String value = field.value.replace("\r\n", "").replaceAll("[ \t]+", " ");
        value = value.startsWith(" ") ? value.substring(1) : value;
        value = value.endsWith(" ") ? value.substring(0, value.length() - 1) : value;
        return field.name + ":" + value;
    }

    static String relaxedBody(String body) {
        List<String> lines = new ArrayList<>();
        for (String line : body.split("\r\n", -1)) {
            String once = line.replaceAll("[ \t]+", " ");
            lines.add(once.endsWith(" ") ? once.substring(0, once.length() - 1) : once);
        }
        while (!lines.isEmpty() && lines.getLast().isEmpty()) {
            lines.removeLast();
        }
        return lines.isEmpty() ? "" : String.join("\r\n", lines) + "\r\n";
    }

    private static String lower(String text) {
        return io.mailrace.core.Ascii.lower(text);
    }

    private static byte[] latin1(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static void require(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError("DKIM: " + what);
        }
    }
}
