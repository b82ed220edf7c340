// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.MailAddress;
import io.mailrace.daemon.AdminApi.Answer;
import io.mailrace.delivery.ShapingControl;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.SpoolException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The list of recipients who get no more mail. Runs on the admin threads; a change waits until it
 * is on disk, at most {@value #DISK_SECONDS} s.
 */
final class SuppressionsApi {
    static final int MAX_LISTED = 1000;
    private static final int DISK_SECONDS = 30;
    private static final int MAX_VALUE = 400;

    private final Supplier<Optional<ShapingControl>> control;

    SuppressionsApi(Supplier<Optional<ShapingControl>> control) {
        this.control = control;
    }

    /** Those whose address has a part, at most {@value #MAX_LISTED}. */
    Answer list(Map<String, List<String>> query, boolean asText) {
        Optional<ShapingControl> shaping = control.get();
        if (shaping.isEmpty()) {
            return Answer.text(503, "delivery is starting");
        }
        List<ShapingControl.Suppressed> found = shaping.get().suppressed(
                query.getOrDefault("match", List.of("")).getFirst(), MAX_LISTED);
        int all = shaping.get().suppressedCount();
        if (!asText) {
            return Answer.json(200, Json.page(json -> {
                json.writeStartObject();
                json.writeNumberProperty("count", all);
                json.writeArrayPropertyStart("suppressed");
                for (ShapingControl.Suppressed one : found) {
                    json.writeStartObject();
                    json.writeStringProperty("address", one.address());
                    Json.time(json, "since", one.since());
                    json.writeStringProperty("why", one.why());
                    json.writeEndObject();
                }
                json.writeEndArray();
                json.writeEndObject();
            }));
        }
        StringBuilder text = new StringBuilder();
        for (ShapingControl.Suppressed one : found) {
            text.append(String.format(Locale.ROOT, "%s  since %s: %s%n", one.address(),
                    Json.time(one.since()), one.why()));
        }
        text.append(found.size()).append(" shown of ").append(all).append(" suppressed\n");
        return Answer.of(Answer.TEXT, EventText.printable(text));
    }

    /** Adds or removes one. */
    Answer change(Map<String, List<String>> query, boolean add) {
        Optional<ShapingControl> shaping = control.get();
        if (shaping.isEmpty()) {
            return Answer.text(503, "delivery is starting");
        }
        String text = query.getOrDefault("address", List.of("")).getFirst();
        Optional<MailAddress> address = text.length() > MAX_VALUE ? Optional.empty()
                : MailAddress.parse(text).filter(one -> !one.isNull());
        if (address.isEmpty()) {
            return Answer.text(400, "address must be one such as a@example.com");
        }
        String why = query.getOrDefault("why", List.of("by an operator")).getFirst();
        CompletableFuture<Boolean> written = new CompletableFuture<>();
        CommitListener listener = new CommitListener() {
            @Override
            public void committed() {
                written.complete(true);
            }

            @Override
            public void failed(SpoolException refused) {
                written.completeExceptionally(refused);
            }
        };
        boolean begun = add
                ? shaping.get().suppress(address.get(), why, Runnable::run, listener)
                : shaping.get().unsuppress(address.get(), why, Runnable::run, listener);
        if (!begun) {
            return add ? Answer.text(507, "the list is full")
                    : Answer.text(404, "it is not on the list");
        }
        try {
            written.orTimeout(DISK_SECONDS, TimeUnit.SECONDS).join();
            return Answer.json(200, Json.page(json -> {
                json.writeStartObject();
                json.writeStringProperty("address", address.get().toString());
                json.writeBooleanProperty("suppressed", add);
                json.writeEndObject();
            }));
        } catch (CompletionException refused) {
            return Answer.text(503, "not written: " + refused.getCause());
        }
    }
}
