// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * What Postfix's smtp-sink wrote with {@code -D} of the mail of smtp-source with {@code -N}: how
 * often each recipient number came, and whether all bodies are the same, as smtp-source makes them.
 */
final class SinkDump {
    private static final String START = "X-Client-Addr: ";
    private static final String RECIPIENT = "X-Rcpt-Args: <";
    private static final String LAST_FIELD = "Received: ";

    private final int[] times;
    private int otherBodies;
    private String sample = "";
    private String body = "";

    private SinkDump(int messages) {
        times = new int[messages + 1];
    }

    static SinkDump read(Path file, int messages) throws IOException {
        var dump = new SinkDump(messages);
        try (BufferedReader lines = Files.newBufferedReader(file, ISO_8859_1)) {
            dump.read(lines);
        }
        return dump;
    }

    private void read(BufferedReader lines) throws IOException {
        var message = new StringBuilder();
        boolean own = true;
        int fieldLinesLeft = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith(START)) {
                end(message);
                own = true;
            } else if (fieldLinesLeft > 0) {
                fieldLinesLeft--;
                own = fieldLinesLeft > 0;
            } else if (own && line.startsWith(RECIPIENT)) {
                times[Integer.parseInt(line.substring(RECIPIENT.length(), line.indexOf("u@")))]++;
            } else if (own && line.startsWith(LAST_FIELD)) {
                fieldLinesLeft = 2;
            } else if (!own) {
                message.append(line).append('\n');
            }
        }
        end(message);
    }

    private void end(StringBuilder message) {
        if (message.isEmpty()) {
            return;
        }
        // smtp-sink adds an empty line after each message
        message.setLength(message.length() - 1);
        String itsBody = message.substring(message.indexOf("\n\n") + 2);
        if (sample.isEmpty()) {
            sample = message.toString();
            body = itsBody;
        } else if (!body.equals(itsBody)) {
            otherBodies++;
        }
        message.setLength(0);
    }

    /** Numbers that never came. */
    long missing() {
        return Arrays.stream(times).skip(1).filter(n -> n == 0).count();
    }

    /** Arrivals beyond the first. */
    long copies() {
        return Arrays.stream(times).filter(n -> n > 1).map(n -> n - 1).sum();
    }

    /** Bodies that differ from the first one. */
    int otherBodies() {
        return otherBodies;
    }

    int bodyLength() {
        return body.length();
    }

    /** The first message as it came over the line. */
    byte[] sample() {
        return sample.replace("\n", "\r\n").getBytes(ISO_8859_1);
    }
}
