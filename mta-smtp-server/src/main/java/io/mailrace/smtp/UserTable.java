// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The users of one reading of the file: {@code name:hash[:tenant]} a line, {@code #} comments.
 * Immutable.
 */
record UserTable(Map<String, Entry> users) {
    static final UserTable EMPTY = new UserTable(Map.of());
    private static final long MAX_FILE_BYTES = 64L << 20;

    record Entry(PasswordHash hash, UserRights rights) {}

    /** A file that cannot be used, with the first thing wrong in it. */
    static final class BadFile extends IOException {
        private static final long serialVersionUID = 1L;

        BadFile(String message) {
            super(message);
        }
    }

    /** Reads the file; one that is not there is empty. */
    static UserTable read(Path file) throws IOException {
        return parse(readLines(file));
    }

    static List<String> readLines(Path file) throws IOException {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw new BadFile("is larger than 64 MB");
            }
            return Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (NoSuchFileException none) {
            return List.of();
        }
    }

    static UserTable parse(List<String> lines) throws BadFile {
        Map<String, Entry> users = new LinkedHashMap<>();
        int number = 0;
        for (String line : lines) {
            number++;
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] fields = line.split(":", -1);
            if (fields.length < 2 || fields.length > 3 || !validName(fields[0])) {
                throw new BadFile("line " + number + " is not name:hash[:tenant]");
            }
            Optional<PasswordHash> hash = PasswordHash.parse(fields[1].strip());
            if (hash.isEmpty()) {
                throw new BadFile("line " + number + " has no usable argon2id hash");
            }
            String tenant = tenant(fields.length == 3 && !fields[2].isBlank()
                    ? fields[2].strip()
                    : fields[0]);
            if (users.put(fields[0], new Entry(hash.get(), UserRights.of(tenant))) != null) {
                throw new BadFile("line " + number + " repeats a user");
            }
        }
        return new UserTable(users);
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
