// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigReader;
import java.util.Locale;

/**
 * Section {@code dsn}: how delivery status notifications speak to people. Immutable.
 *
 * @param language what their text is written in; English stands below when it is another
 * @param fromName who they come from, beside the address
 */
public record DsnConfig(Language language, String fromName) {
    private static final int MAX_NAME = 100;
    static final DsnConfig DEFAULT = new DsnConfig(Language.EN, "Mail Delivery System");

    /** The languages there is a text in: one file {@code dsn-<code>.properties} each. */
    public enum Language {
        EN, DE, FR, ES, IT, PT, NL, PL, JA;

        /** As in Content-Language and in the config. */
        public String code() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public DsnConfig {
        if (fromName.isBlank() || fromName.length() > MAX_NAME
                || fromName.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException("from-name must be a name of 1 to " + MAX_NAME
                    + " characters in one line");
        }
    }

    static DsnConfig from(ConfigReader reader) {
        Language language = reader.choice("language", Language.class);
        String fromName = reader.string("from-name");
        return reader.build(() -> new DsnConfig(language, fromName)).orElse(DEFAULT);
    }
}
