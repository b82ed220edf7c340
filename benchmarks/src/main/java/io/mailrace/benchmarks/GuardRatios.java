// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * What a message costs, in yardsticks: the arithmetic of {@link Guard}. Immutable.
 *
 * @param plain CPU of a message by that of {@link EchoRelay}
 * @param signed CPU of a signed message by that of {@link EchoRelay} and one bare RSA signature
 * @param facts where and when, for people
 */
record GuardRatios(double plain, double signed, Map<String, String> facts) {
    /** By how much a ratio may grow. */
    static final double TOLERANCE = 0.15;
    static final int MIN_ROUNDS = 3;
    private static final JsonFactory JSON = new JsonFactory();

    /**
     * Microseconds of CPU, all measured shortly after each other.
     *
     * @param rsa of one bare signature
     */
    record Round(double echo, double rsa, double plain, double signed) {
        Round {
            if (!(echo > 0 && rsa > 0 && plain > 0 && signed > 0)) {
                throw new IllegalArgumentException("a round without cost: echo " + echo + ", rsa "
                        + rsa + ", plain " + plain + ", signed " + signed);
            }
        }

        double plainRatio() {
            return plain / echo;
        }

        double signedRatio() {
            return signed / (echo + rsa);
        }
    }

    GuardRatios {
        facts = new LinkedHashMap<>(facts);
    }

    /**
     * The medians of the rounds' own ratios: a slow moment of the machine is in both parts of one.
     *
     * @throws IllegalArgumentException with fewer than {@value #MIN_ROUNDS}
     */
    static GuardRatios of(List<Round> rounds, Map<String, String> facts) {
        if (rounds.size() < MIN_ROUNDS) {
            throw new IllegalArgumentException("at least " + MIN_ROUNDS + " rounds are needed");
        }
        return new GuardRatios(median(rounds, Round::plainRatio),
                median(rounds, Round::signedRatio), facts);
    }

    private static double median(List<Round> rounds, ToDoubleFunction<Round> of) {
        double[] sorted = rounds.stream().mapToDouble(of).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1
                ? sorted[middle]
                : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** What grew too much since then, in sentences; empty: nothing did. */
    List<String> worseThan(GuardRatios committed) {
        var worse = new ArrayList<String>();
        compare("A message without a signature", plain, committed.plain, worse);
        compare("A signed message", signed, committed.signed, worse);
        return worse;
    }

    private static void compare(String what, double now, double then, List<String> worse) {
        if (!(now <= then * (1 + TOLERANCE))) {
            worse.add(String.format(Locale.ROOT, "%s costs %.3f yardsticks, was %.3f: %+.1f %%,"
                    + " more than the %.0f %% that are let pass", what, now, then,
                    100 * (now / then - 1), 100 * TOLERANCE));
        }
    }

    byte[] json() {
        var out = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), out)) {
            json.writeStartObject();
            json.writeNumberProperty("plain", Math.round(plain * 1000) / 1000.0);
            json.writeNumberProperty("signed", Math.round(signed * 1000) / 1000.0);
            facts.forEach(json::writeStringProperty);
            json.writeEndObject();
        }
        out.write('\n');
        return out.toByteArray();
    }

    /** @throws IllegalArgumentException when it is not what {@link #json} writes */
    static GuardRatios read(byte[] json) {
        var facts = new LinkedHashMap<String, String>();
        var numbers = new LinkedHashMap<String, Double>();
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(),
                new String(json, StandardCharsets.UTF_8))) {
            boolean object = parser.nextToken() == JsonToken.START_OBJECT;
            while (object && parser.nextToken() != JsonToken.END_OBJECT) {
                String name = parser.currentName();
                switch (parser.nextToken()) {
                    case VALUE_NUMBER_FLOAT, VALUE_NUMBER_INT ->
                        numbers.put(name, parser.getDoubleValue());
                    case VALUE_STRING -> facts.put(name, parser.getString());
                    default -> parser.skipChildren();
                }
            }
        } catch (JacksonException broken) {
            throw new IllegalArgumentException("not the ratios of a guard", broken);
        }
        double plain = numbers.getOrDefault("plain", 0.0);
        double signed = numbers.getOrDefault("signed", 0.0);
        if (!(plain > 0 && signed > 0)) {
            throw new IllegalArgumentException("not the ratios of a guard");
        }
        return new GuardRatios(plain, signed, facts);
    }
}
