// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * One run of all benchmarks, as it is kept in {@code benchmarks/results}. Immutable.
 *
 * @param facts where and when: date, commit, machine, java, mode
 */
record RunRecord(Map<String, String> facts, List<Row> rows) {
    private static final JsonFactory JSON = new JsonFactory();
    private static final int MAX_ROWS = 10_000;

    /**
     * A benchmark with its parameters.
     *
     * @param error half the width of the 99.9 % interval; NaN when there is none
     * @param bytesPerOp allocated by this process for each operation; NaN when not known
     */
    record Row(String benchmark, Map<String, String> params, double score, double error,
            String unit, double bytesPerOp) {
        Row {
            params = new TreeMap<>(params);
        }

        /** What it is compared by. */
        String key() {
            return benchmark + (params.isEmpty() ? "" : " " + params);
        }

        /** The parameters as people read them. */
        String paramText() {
            var text = new ArrayList<String>();
            params.forEach((name, value) -> text.add(name + "=" + value));
            return String.join(" ", text);
        }
    }

    RunRecord {
        facts = new LinkedHashMap<>(facts);
        rows = List.copyOf(rows);
    }

    /** The row of the same benchmark with the same parameters. */
    Optional<Row> like(Row other) {
        return rows.stream().filter(row -> row.key().equals(other.key())).findFirst();
    }

    /** The run without some of its rows. */
    List<Row> of(String benchmark) {
        return rows.stream().filter(row -> row.benchmark().equals(benchmark)).toList();
    }

    byte[] json() {
        var out = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), out)) {
            json.writeStartObject();
            facts.forEach(json::writeStringProperty);
            json.writeArrayPropertyStart("rows");
            for (Row row : rows) {
                json.writeRaw("\n");
                json.writeStartObject();
                json.writeStringProperty("benchmark", row.benchmark());
                json.writeObjectPropertyStart("params");
                row.params().forEach(json::writeStringProperty);
                json.writeEndObject();
                json.writeStringProperty("unit", row.unit());
                number(json, "score", row.score());
                number(json, "error", row.error());
                number(json, "bytes_per_op", row.bytesPerOp());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        out.write('\n');
        return out.toByteArray();
    }

    private static void number(JsonGenerator json, String name, double value) {
        if (!Double.isNaN(value)) {
            json.writeNumberProperty(name, Math.round(value * 1000) / 1000.0);
        }
    }

    /**
     * Reads what {@link #json} wrote; other properties are passed over.
     *
     * @throws IllegalArgumentException when it is something else
     */
    static RunRecord read(byte[] json) {
        var facts = new LinkedHashMap<String, String>();
        var rows = new ArrayList<Row>();
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(),
                new String(json, StandardCharsets.UTF_8))) {
            require(parser.nextToken() == JsonToken.START_OBJECT);
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (value == JsonToken.START_ARRAY && name.equals("rows")) {
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        require(rows.size() < MAX_ROWS);
                        rows.add(row(parser));
                    }
                } else if (value == JsonToken.VALUE_STRING) {
                    facts.put(name, parser.getString());
                } else {
                    parser.skipChildren();
                }
            }
        } catch (JacksonException broken) {
            throw new IllegalArgumentException("not a run of benchmarks", broken);
        }
        return new RunRecord(facts, rows);
    }

    private static Row row(JsonParser parser) {
        require(parser.currentToken() == JsonToken.START_OBJECT);
        var texts = new LinkedHashMap<String, String>();
        var numbers = new LinkedHashMap<String, Double>();
        var params = new LinkedHashMap<String, String>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            switch (parser.nextToken()) {
                case VALUE_STRING -> texts.put(name, parser.getString());
                case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT ->
                    numbers.put(name, parser.getDoubleValue());
                case START_OBJECT -> {
                    while (parser.nextToken() != JsonToken.END_OBJECT) {
                        String param = parser.currentName();
                        parser.nextToken();
                        params.put(param, String.valueOf(parser.getString()));
                    }
                }
                default -> parser.skipChildren();
            }
        }
        require(texts.containsKey("benchmark") && numbers.containsKey("score"));
        return new Row(texts.getOrDefault("benchmark", ""), params,
                numbers.getOrDefault("score", Double.NaN),
                numbers.getOrDefault("error", Double.NaN), texts.getOrDefault("unit", ""),
                numbers.getOrDefault("bytes_per_op", Double.NaN));
    }

    private static void require(boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException("not a run of benchmarks");
        }
    }
}
