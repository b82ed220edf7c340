// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The shipped {@code config/providers.conf} for a demo of seconds: the same limits and rules, but
 * what lasts an hour lasts a second, and nothing less than a second.
 */
final class DemoProviders {
    private static final String SHIPPED = "providers.conf";
    private static final Pattern LASTS = Pattern
            .compile("\\b(for|retry-after) = (\\d+)([smhd])\\b");
    private static final Map<String, Long> SECONDS = Map.of("s", 1L, "m", 60L, "h", 3600L, "d",
            86_400L);
    private static final long SHORTER = 3600;

    private DemoProviders() {}

    /** Section {@code providers} of a configuration. */
    static String config() {
        return shortened(shipped()) + "provider-defaults.adaptive-pause = 1s\n";
    }

    static String shortened(String config) {
        return LASTS.matcher(config).replaceAll(found -> Matcher.quoteReplacement(found.group(1)
                + " = " + seconds(found.group(2), found.group(3)) + "s"));
    }

    private static long seconds(String count, String unit) {
        return Math.max(1, Long.parseLong(count) * SECONDS.getOrDefault(unit, 1L) / SHORTER);
    }

    private static String shipped() {
        try (InputStream in = DemoProviders.class.getResourceAsStream(SHIPPED)) {
            if (in == null) {
                throw new IllegalStateException(SHIPPED + " is not in the jar");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException unreadable) {
            throw new UncheckedIOException("reading " + SHIPPED, unreadable);
        }
    }
}
