// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Writes messages of a spool nobody has open as files that only their owner can read: what is
 * encrypted in the spool is not in them. One thread, used once.
 */
final class SpoolExport {
    private static final byte[] FIRST = {};
    private static final byte[] END = {-1};

    private final Store store;
    private final Selection selection;
    private final Path target;
    private final Consumer<String> out;
    private final long nowEpochMillis = TimeSource.system().epochMillis();
    private final List<EnvelopeCodec.Stored> envelopes = new ArrayList<>();
    private long id = -1;
    private long written;

    SpoolExport(Store store, Selection selection, Path target, Consumer<String> out) {
        this.store = store;
        this.selection = selection;
        this.target = target;
        this.out = out;
    }

    /** Returns how many messages were written. */
    long run() {
        store.scanAround(Store.Family.ENVELOPE, FIRST, END, (key, value) -> {
            if (Keys.longAt(key, 0) != id) {
                write();
                id = Keys.longAt(key, 0);
            }
            add(value);
            return true;
        }, (after, next, why) -> out.accept("envelopes cannot be read: " + why.getMessage()));
        write();
        return written;
    }

    private void add(byte[] record) {
        try {
            EnvelopeCodec.Stored stored = EnvelopeCodec.read(record);
            if (selection.mayMean(stored.queue())
                    && selection.means(id, stored.acceptedEpochMillis(), nowEpochMillis)
                    && selection.means(stored.entry(stored.queue(), Place.FIRST,
                            Schedule.fresh(0, 0)).envelope())) {
                envelopes.add(stored);
            }
        } catch (SpoolException damaged) {
            out.accept("message " + new SpoolId(id) + ": " + damaged.getMessage());
        }
    }

    private void write() {
        if (envelopes.isEmpty()) {
            return;
        }
        String name = new SpoolId(id).toString();
        try (OutputStream file = Folders.newPrivateFile(target.resolve(name + ".eml"))) {
            Content content = new StoredContent(store, FreshContents.none(), id,
                    envelopes.getFirst().facts().sizeBytes());
            for (int chunk = 0; chunk < content.chunkCount(); chunk++) {
                file.write(content.chunk(chunk));
            }
            writeJson(target.resolve(name + ".json"));
            written++;
        } catch (IOException refused) {
            throw SpoolException.ofDisk("cannot write to " + target + ": " + refused, refused);
        } catch (SpoolException damaged) {
            out.accept("message " + name + ": " + damaged.getMessage());
        }
        envelopes.clear();
    }

    private void writeJson(Path path) throws IOException {
        try (OutputStream file = Folders.newPrivateFile(path)) {
            file.write(json().getBytes(StandardCharsets.UTF_8));
        }
    }

    private String json() {
        EnvelopeCodec.Stored any = envelopes.getFirst();
        StringBuilder text = new StringBuilder("{\n  \"id\": ").append(quoted(
                new SpoolId(id).toString())).append(",\n  \"accepted\": ")
                .append(quoted(Instant.ofEpochMilli(any.acceptedEpochMillis()).toString()))
                .append(",\n  \"sender\": ").append(quoted(any.sender().toString()))
                .append(",\n  \"tag\": ").append(quoted(any.facts().tag()))
                .append(",\n  \"envelopes\": [");
        String between = "\n";
        for (EnvelopeCodec.Stored envelope : envelopes) {
            text.append(between).append("    { \"queue\": ")
                    .append(quoted(envelope.queue().toString())).append(", \"recipients\": [");
            between = "";
            for (Recipient recipient : envelope.recipients()) {
                text.append(between).append(quoted(recipient.address().toString()));
                between = ", ";
            }
            text.append("] }");
            between = ",\n";
        }
        return text.append("\n  ]\n}\n").toString();
    }

    /** A JSON string (RFC 8259 7). */
    private static String quoted(String value) {
        StringBuilder text = new StringBuilder("\"");
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < 0x20) {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        return text.append('"').toString();
    }
}
