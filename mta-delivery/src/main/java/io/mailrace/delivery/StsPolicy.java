// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The MTA-STS policy of one domain (RFC 8461 3.2). Immutable.
 *
 * @param mx patterns of its hosts, in lower case
 * @param maxAgeSeconds it may be used that long, from 0 to {@value #LONGEST_SECONDS}
 */
record StsPolicy(Mode mode, List<String> mx, long maxAgeSeconds) {
    static final long LONGEST_SECONDS = 31_557_600;
    private static final int MAX_LINES = 1000;
    private static final int MAX_HOSTS = 100;

    /** What a failure means. */
    enum Mode {
        /** There is no policy. */
        NONE,
        /** It is reported; the mail goes nevertheless. */
        TESTING,
        /** The mail waits. */
        ENFORCE
    }

    StsPolicy {
        mx = List.copyOf(mx);
    }

    /**
     * Reads a policy file.
     *
     * @throws IllegalArgumentException saying what is wrong with it
     */
    static StsPolicy parse(String text) {
        String version = "";
        String mode = "";
        String age = "";
        List<String> mx = new ArrayList<>();
        String[] lines = text.split("\r?\n", MAX_LINES + 1);
        if (lines.length > MAX_LINES) {
            throw new IllegalArgumentException("more than " + MAX_LINES + " lines");
        }
        for (String line : lines) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                if (!line.isBlank()) {
                    throw new IllegalArgumentException("a line without a colon");
                }
                continue;
            }
            String value = line.substring(colon + 1).strip();
            switch (line.substring(0, colon).strip()) {
                case "version" -> version = first(version, value);
                case "mode" -> mode = first(mode, value);
                case "max_age" -> age = first(age, value);
                case "mx" -> mx.add(pattern(value));
                default -> {
                    // later versions of the RFC may have more
                }
            }
        }
        if (!version.equals("STSv1")) {
            throw new IllegalArgumentException("it is not of version STSv1");
        }
        Mode found = switch (mode) {
            case "enforce" -> Mode.ENFORCE;
            case "testing" -> Mode.TESTING;
            case "none" -> Mode.NONE;
            default -> throw new IllegalArgumentException("mode is not enforce, testing or none");
        };
        if (found != Mode.NONE && mx.isEmpty() || mx.size() > MAX_HOSTS) {
            throw new IllegalArgumentException("it must name 1 to " + MAX_HOSTS + " mx hosts");
        }
        return new StsPolicy(found, mx, age(age));
    }

    private static String first(String known, String value) {
        return known.isEmpty() ? value : known;
    }

    private static long age(String digits) {
        if (digits.isEmpty() || digits.length() > 10
                || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new IllegalArgumentException("max_age is not a number of seconds");
        }
        return Math.min(LONGEST_SECONDS, Long.parseLong(digits));
    }

    private static String pattern(String text) {
        String name = text.startsWith("*.") ? text.substring(2) : text;
        if (name.isEmpty() || text.length() > 255 || name.startsWith(".")
                || !name.chars().allMatch(c -> (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                        || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_')) {
            throw new IllegalArgumentException("mx is not a host name: " + Ascii.clean(text, 100));
        }
        return Ascii.lower(text.endsWith(".") ? text.substring(0, text.length() - 1) : text);
    }

    /** Whether that MX host is one of the domain's (4.1). */
    boolean allows(String host) {
        return mx.stream().anyMatch(pattern -> PeerCertificate.covers(pattern, host));
    }

    /** The file again: what {@link #parse} reads. */
    String text() {
        StringBuilder text = new StringBuilder("version: STSv1\nmode: ")
                .append(mode.name().toLowerCase(Locale.ROOT)).append('\n');
        mx.forEach(host -> text.append("mx: ").append(host).append('\n'));
        return text.append("max_age: ").append(maxAgeSeconds).append('\n').toString();
    }
}
