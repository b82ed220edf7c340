// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import tools.jackson.core.JsonGenerator;

/** The report of a demo run for programs. */
final class DemoJson {
    private DemoJson() {}

    static byte[] of(DemoResult result) {
        return Json.document(json -> {
            json.writeStartObject();
            json.writeBooleanProperty("success", result.success());
            counts(json, result);
            json.writeObjectPropertyStart("places");
            for (DemoPlaceCount row : result.places()) {
                json.writeObjectPropertyStart(row.place().name().replace('_', '-'));
                json.writeStringProperty("domain", row.place().domain());
                json.writeNumberProperty("recipients", row.recipients());
                json.writeNumberProperty("delivered", row.delivered());
                json.writeNumberProperty("retried", row.retried());
                json.writeNumberProperty("bounced", row.bounced());
                json.writeNumberProperty("lost", row.lost());
                json.writeEndObject();
            }
            json.writeEndObject();
            shaping(json, result);
            json.writeArrayPropertyStart("problems");
            result.problems().forEach(json::writeString);
            json.writeEndArray();
            json.writeEndObject();
        });
    }

    private static void shaping(JsonGenerator json, DemoResult result) {
        json.writeObjectPropertyStart("shaping");
        for (DemoShaping at : result.shaping()) {
            json.writeObjectPropertyStart(at.name());
            json.writeNumberProperty("sent", at.tries());
            json.writeNumberProperty("taken", at.taken());
            json.writeNumberProperty("pushed-back", at.pushedBack());
            at.said().ifPresent(text -> json.writeStringProperty("first-reply", text));
            json.writeObjectPropertyStart("rules-fired");
            at.fired().forEach(json::writeNumberProperty);
            json.writeEndObject();
            at.foundPerSecond().ifPresent(rate -> json.writeNumberProperty("rate-found", rate));
            json.writeNumberProperty("receiver-rate", at.takesPerSecond());
            json.writeNumberProperty("reputation", at.reputation());
            json.writeEndObject();
        }
        json.writeEndObject();
    }

    private static void counts(JsonGenerator json, DemoResult result) {
        json.writeNumberProperty("submitted", result.submitted());
        json.writeNumberProperty("acknowledged", result.acknowledged());
        json.writeNumberProperty("recipients", result.recipients());
        json.writeNumberProperty("delivered", result.delivered());
        json.writeNumberProperty("bounced", result.bounced());
        json.writeNumberProperty("deferrals", result.deferrals());
        json.writeNumberProperty("deferred-recipients", result.deferredRecipients());
        json.writeNumberProperty("attempts", result.attempts());
        json.writeNumberProperty("lost", result.lost());
        json.writeNumberProperty("astray", result.astray());
        json.writeNumberProperty("duplicates", result.copies());
        json.writeNumberProperty("duplicates-explained", result.copiesExplained());
        json.writeNumberProperty("possible-duplicates", result.possibleDuplicates());
        json.writeNumberProperty("contents", result.contents());
        json.writeNumberProperty("unaltered", result.exact());
        json.writeNumberProperty("dkim-verified", result.signed());
        json.writeNumberProperty("left-in-queues", result.left());
        json.writeNumberProperty("accepted-per-second", result.acceptedPerSecond());
        json.writeNumberProperty("delivered-per-second", result.deliveredPerSecond());
        json.writeNumberProperty("settled-after-seconds",
                Math.round(result.times().settled() * 10) / 10.0);
    }
}
