// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * The users of one reading of the file: {@code name:hash[:tenant[:key=value ...]]} a line, {@code
 * #} comments. Immutable.
 */
final class UserTable {
    static final UserTable EMPTY = new UserTable(Map.of(), Map.of());
    private static final long MAX_FILE_BYTES = 64L << 20;

    private final Map<String, Entry> users;
    private final Map<String, String> byCertificate;
    private final boolean scram;
    private final List<PasswordHash> hashes;
    private final List<ScramSecret> secrets;

    private UserTable(Map<String, Entry> users, Map<String, String> byCertificate) {
        this.users = users;
        this.byCertificate = byCertificate;
        hashes = users.values().stream().map(Entry::hash).toList();
        secrets = users.values().stream().flatMap(entry -> entry.fields().scram().stream())
                .toList();
        scram = !secrets.isEmpty();
    }

    /**
     * What one line says.
     *
     * @param line as it is in the file: while it stays, what was found out about it holds
     */
    record Entry(String line, PasswordHash hash, UserFields fields) {
        UserRights rights() {
            return fields.rights();
        }
    }

    Map<String, Entry> users() {
        return users;
    }

    /** The hash of somebody, the same for the same number; empty when there is no user. */
    Optional<PasswordHash> someHash(int number) {
        return some(hashes, number);
    }

    /** The same of those who can log in by SCRAM. */
    Optional<ScramSecret> someSecret(int number) {
        return some(secrets, number);
    }

    private static <T> Optional<T> some(List<T> all, int number) {
        return all.isEmpty() ? Optional.empty()
                : Optional.of(all.get(Math.floorMod(number, all.size())));
    }

    /** Whether somebody can log in by SCRAM. */
    boolean scram() {
        return scram;
    }

    /** Whose certificate it is, by any of its names; the first that is known decides. */
    Optional<Identity> identityOf(List<String> names) {
        for (String name : names) {
            String user = byCertificate.get(name);
            Entry entry = user == null ? null : users.get(user);
            if (user != null && entry != null) {
                return Optional.of(new Identity(user, entry.rights()));
            }
        }
        return Optional.empty();
    }

    /** A file that cannot be used, with the first thing wrong in it. */
    static final class BadFile extends IOException {
        private static final long serialVersionUID = 1L;

        BadFile(String message) {
            super(message);
        }
    }

    /**
     * Reads the file; one that is not there is empty.
     *
     * @param pools that exist; empty when that is not known
     */
    static UserTable read(Path file, Set<String> pools) throws IOException {
        return parse(readLines(file), pools);
    }

    static List<String> readLines(Path file) throws IOException {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw new BadFile("is larger than 64 MB");
            }
            return Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (NoSuchFileException none) {
            return List.of();
        } catch (CharacterCodingException binary) {
            throw new BadFile("is not UTF-8 text");
        }
    }

    static UserTable parse(List<String> lines, Set<String> pools) throws BadFile {
        Map<String, Entry> users = new LinkedHashMap<>();
        Map<String, String> byCertificate = new HashMap<>();
        int number = 0;
        for (String line : lines) {
            number++;
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] fields = line.split(":", 4);
            if (fields.length < 2 || !validName(fields[0])) {
                throw new BadFile("line " + number + " is not name:hash[:tenant[:key=value ...]]");
            }
            Entry entry = entry(line, fields, number, pools);
            if (users.put(fields[0], entry) != null) {
                throw new BadFile("line " + number + " repeats a user");
            }
            for (String name : entry.fields().certificates()) {
                if (byCertificate.put(name, fields[0]) != null) {
                    throw new BadFile("line " + number + " repeats a certificate");
                }
            }
        }
        return new UserTable(users, byCertificate);
    }

    private static Entry entry(String line, String[] fields, int number, Set<String> pools)
            throws BadFile {
        PasswordHash hash;
        try {
            hash = PasswordHash.parse(fields[1].strip());
        } catch (IllegalArgumentException unusable) {
            throw new BadFile("line " + number + " " + unusable.getMessage());
        }
        String tenant = tenant(fields.length > 2 && !fields[2].isBlank()
                ? fields[2].strip()
                : fields[0]);
        try {
            UserFields more = UserFields.parse(fields.length > 3 ? fields[3] : "", tenant);
            Optional<String> pool = more.rights().pool();
            if (pool.isPresent() && !pools.isEmpty() && !pools.contains(pool.get())) {
                throw new IllegalArgumentException("there is no pool " + pool.get()
                        + "; known are " + String.join(", ", new TreeSet<>(pools)));
            }
            return new Entry(line, hash, more);
        } catch (IllegalArgumentException wrong) {
            throw new BadFile("line " + number + ": " + wrong.getMessage());
        }
    }

    static boolean validName(String name) {
        return !name.isEmpty() && name.length() <= SaslDialogue.MAX_NAME
                && !name.startsWith("#") && name.chars().allMatch(c -> c > 32 && c < 127
                        && c != ':');
    }

    /** The form tenants have everywhere: lower-case letters, digits and {@code . - _ @}. */
    static String tenant(String text) {
        char[] chars = Ascii.lower(text).toCharArray();
        for (int i = 0; i < chars.length; i++) {
            char c = chars[i];
            boolean keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                    || ".-_@".indexOf(c) >= 0;
            chars[i] = keep ? c : '-';
        }
        return chars.length == 0 ? "default" : new String(chars);
    }
}
