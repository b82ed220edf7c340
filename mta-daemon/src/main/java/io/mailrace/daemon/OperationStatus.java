// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** An operation as the daemon tells it. Immutable. */
record OperationStatus(String json, Map<String, String> fields) {
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final JsonFactory FACTORY = new JsonFactory();

    /** Reads one flat object. */
    static OperationStatus parse(String json) throws IOException {
        Map<String, String> fields = new HashMap<>();
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser
                    .nextToken()) {
                if (token.isScalarValue()) {
                    fields.put(String.valueOf(parser.currentName()), parser.getString());
                }
            }
        } catch (JacksonException garbage) {
            throw new IOException("the daemon's answer is not understood", garbage);
        }
        return new OperationStatus(json, Map.copyOf(fields));
    }

    /** Number of an operation just started. */
    static long number(String json) throws IOException {
        return parse(json).count("operation");
    }

    /** Waits for the end of an operation, however long it takes; shows how it goes on. */
    static OperationStatus ended(AdminClient client, long number, PrintWriter progress)
            throws IOException {
        long shown = 0;
        while (true) {
            AdminClient.Answer answer = client.get("/api/v1/operations/" + number, true);
            if (!answer.good()) {
                throw new IOException(answer.body().strip());
            }
            OperationStatus status = parse(answer.body());
            if (!status.state().equals("waiting") && !status.state().equals("running")) {
                return status;
            }
            if (status.changed() >= 10 * Math.max(1000, shown)) {
                shown = status.changed();
                progress.printf(Locale.ROOT, "%,d changed so far%n", shown);
                progress.flush();
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    private String text(String name) {
        return fields.getOrDefault(name, "");
    }

    private long count(String name) throws IOException {
        try {
            return Long.parseLong(text(name));
        } catch (NumberFormatException missing) {
            throw new IOException("the daemon's answer is not understood: no " + name, missing);
        }
    }

    String state() {
        return text("state");
    }

    String action() {
        return text("action");
    }

    String selection() {
        return text("selection");
    }

    String why() {
        return text("why");
    }

    long looked() throws IOException {
        return count("looked");
    }

    long changed() throws IOException {
        return count("changed");
    }

    long underWay() throws IOException {
        return count("under-way");
    }
}
