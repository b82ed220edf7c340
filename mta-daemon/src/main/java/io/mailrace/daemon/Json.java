// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.function.Consumer;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;

/**
 * Writes JSON as a stream. Control characters and everything outside ASCII are escaped, so the
 * result is one line and safe for terminals whatever texts go in. Thread-safe.
 */
final class Json {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    private Json() {}

    /** A generator over {@code out}; closing it closes {@code out} too. */
    static JsonGenerator generator(OutputStream out) {
        return FACTORY.createGenerator(ObjectWriteContext.empty(), out);
    }

    /** One document, ending in a line feed. */
    static String page(Consumer<JsonGenerator> writer) {
        return new String(document(writer), StandardCharsets.UTF_8);
    }

    /** As {@link #page}, in UTF-8. */
    static byte[] document(Consumer<JsonGenerator> writer) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
        try (JsonGenerator json = generator(out)) {
            writer.accept(json);
        }
        out.write('\n');
        return out.toByteArray();
    }

    /** Wall-clock milliseconds as RFC 3339 text; nothing for 0, which stands for "none". */
    static void time(JsonGenerator json, String name, long epochMillis) {
        if (epochMillis != 0) {
            json.writeStringProperty(name, time(epochMillis));
        }
    }

    static String time(long epochMillis) {
        return Instant.ofEpochMilli(epochMillis).toString();
    }

    /** A text, left out when it is empty. */
    static void text(JsonGenerator json, String name, String value) {
        if (!value.isEmpty()) {
            json.writeStringProperty(name, value);
        }
    }
}
