// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;

/**
 * What notifications say to people in one language: the file {@code dsn-<language>.properties}. A
 * text has places such as <code>{host}</code> for what differs. Immutable.
 */
final class Phrases {

    /** The keys of each file. Those ending in -by are for when the peer has a name. */
    enum Phrase {
        SUBJECT_FAILED, SUBJECT_DELAYED, SUBJECT_RELAYED, GREETING, FAILED, DELAYED, RELAYED,
        RECIPIENT_REFUSED, RECIPIENT_REFUSED_BY, RECIPIENT_EXPIRED, RECIPIENT_WITHDRAWN,
        RECIPIENT_DELAYED, RECIPIENT_DELAYED_BY, RECIPIENT_RELAYED, RECIPIENT_RELAYED_BY, MORE;

        String key() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    private final DsnConfig.Language language;
    private final Map<Phrase, String> texts = new EnumMap<>(Phrase.class);

    private Phrases(DsnConfig.Language language, Properties file) {
        this.language = language;
        for (Phrase phrase : Phrase.values()) {
            String text = file.getProperty(phrase.key());
            if (text == null || text.isBlank()) {
                throw new IllegalStateException(
                        fileOf(language) + " has no text for " + phrase.key());
            }
            texts.put(phrase, text);
        }
    }

    /** The language and, when it is another, English: people far away read the text too. */
    static List<Phrases> inOrder(DsnConfig.Language language) {
        return language == DsnConfig.Language.EN
                ? List.of(in(language))
                : List.of(in(language), in(DsnConfig.Language.EN));
    }

    static Phrases in(DsnConfig.Language language) {
        return new Phrases(language, file(language));
    }

    static Properties file(DsnConfig.Language language) {
        Properties file = new Properties();
        try (InputStream bytes = Phrases.class.getResourceAsStream(fileOf(language))) {
            if (bytes == null) {
                throw new IllegalStateException(fileOf(language) + " is missing");
            }
            Reader text = new InputStreamReader(bytes, StandardCharsets.UTF_8);
            file.load(text);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
        return file;
    }

    private static String fileOf(DsnConfig.Language language) {
        return "dsn-" + language.code() + ".properties";
    }

    String languageCode() {
        return language.code();
    }

    /**
     * The text with its places filled. What is filled in is not looked at again: a peer's reply
     * that looks like a place stays as it is.
     */
    String text(Phrase phrase, Map<String, String> values) {
        String text = texts.getOrDefault(phrase, "");
        StringBuilder filled = new StringBuilder(text.length() + 64);
        int at = 0;
        while (at < text.length()) {
            int open = text.indexOf('{', at);
            int close = open < 0 ? -1 : text.indexOf('}', open);
            if (close < 0) {
                break;
            }
            String name = text.substring(open + 1, close);
            String value = values.get(name);
            if (value == null) {
                throw new IllegalStateException(
                        fileOf(language) + ": nothing to put for {" + name + "}");
            }
            filled.append(text, at, open).append(value);
            at = close + 1;
        }
        return filled.append(text, at, text.length()).toString();
    }
}
