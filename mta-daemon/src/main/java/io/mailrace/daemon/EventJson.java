// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import java.util.List;
import tools.jackson.core.JsonGenerator;

/**
 * An event as one flat JSON object: what stands in the event log and in the answer to a trace.
 * Empty values are left out. Names are dashed as in the configuration, and never change meaning.
 */
final class EventJson {
    private EventJson() {}

    /** The word for the kind of event. */
    static String kind(Event event) {
        return switch (event) {
            case Event.Received e -> "received";
            case Event.LintFound e -> "lint-found";
            case Event.Rejected e -> "rejected";
            case Event.Attempted e -> "attempted";
            case Event.Expired e -> "expired";
            case Event.DsnSent e -> "dsn-sent";
            case Event.DsnOmitted e -> "dsn-omitted";
            case Event.QueueParked e -> "queue-parked";
            case Event.Operated e -> e.change().word();
            case Event.AdminAction e -> "admin-action";
            case Event.Postponed e -> "postponed";
            case Event.RuleFired e -> "rule-fired";
            case Event.WarmupStep e -> "warmup-step";
        };
    }

    /** The word for an outcome. */
    static String word(Disposition disposition) {
        return switch (disposition) {
            case Disposition.Delivered d -> "delivered";
            case Disposition.Deferred d -> "deferred";
            case Disposition.Bounced b -> "bounced";
        };
    }

    static void write(JsonGenerator json, long sequence, Event event) {
        json.writeStartObject();
        json.writeStringProperty("time", Json.time(event.epochMillis()));
        json.writeStringProperty("kind", kind(event));
        json.writeNumberProperty("sequence", sequence);
        if (event instanceof Event.OfMessage ofMessage) {
            json.writeStringProperty("id", ofMessage.id().toString());
        }
        switch (event) {
            case Event.Received e -> received(json, e);
            case Event.LintFound e -> {
                json.writeStringProperty("tenant", e.tenant());
                json.writeStringProperty("mode", e.mode().word());
                words(json, "findings", e.findings());
                words(json, "fixed", e.fixed());
            }
            case Event.Rejected e -> {
                intake(json, e.from());
                json.writeStringProperty("stage", e.stage());
                reply(json, e.reply());
            }
            case Event.Attempted e -> attempted(json, e);
            case Event.Expired e -> {
                envelope(json, e.envelope(), e.tenant(), e.destination());
                addresses(json, e.recipients());
                reply(json, e.lastReply());
            }
            case Event.DsnSent e -> {
                json.writeStringProperty("dsn", e.dsn().toString());
                json.writeStringProperty("to", e.to().toString());
                json.writeStringProperty("action", e.action());
            }
            case Event.DsnOmitted e -> json.writeStringProperty("why", e.why());
            case Event.QueueParked e -> {
                json.writeStringProperty("queue", e.queue());
                Json.time(json, "until", e.untilEpochMillis());
                json.writeStringProperty("why", e.why());
            }
            case Event.Operated e -> {
                envelope(json, e.envelope(), e.tenant(), e.destination());
                json.writeStringProperty("by", "operator");
                addresses(json, e.recipients());
                Json.text(json, "why", e.detail());
            }
            case Event.AdminAction e -> {
                json.writeStringProperty("who", e.who());
                json.writeStringProperty("what", e.what());
            }
            case Event.Postponed e -> {
                envelope(json, e.envelope(), e.tenant(), e.destination());
                Json.time(json, "until", e.untilEpochMillis());
                json.writeStringProperty("why", e.why());
            }
            case Event.RuleFired e -> {
                json.writeStringProperty("rule", e.rule());
                json.writeStringProperty("subject", e.subject());
                json.writeStringProperty("action", e.action());
                Json.time(json, "until", e.untilEpochMillis());
                json.writeStringProperty("why", e.why());
            }
            case Event.WarmupStep e -> warmup(json, e);
        }
        json.writeEndObject();
    }

    private static void received(JsonGenerator json, Event.Received e) {
        intake(json, e.from());
        json.writeStringProperty("tenant", e.tenant());
        json.writeStringProperty("lane", e.lane().word());
        json.writeStringProperty("sender", e.sender().toString());
        addresses(json, e.recipients());
        json.writeNumberProperty("size", e.sizeBytes());
        Json.text(json, "message-id", e.messageId());
    }

    private static void attempted(JsonGenerator json, Event.Attempted e) {
        envelope(json, e.envelope(), e.tenant(), e.destination());
        json.writeNumberProperty("attempt", e.attempt());
        json.writeNumberProperty("duration-ms", e.durationMillis());
        Event.Route route = e.route();
        Json.text(json, "site", route.site());
        Json.text(json, "source", route.source());
        Json.text(json, "host", route.host());
        Json.text(json, "address", route.address());
        Json.text(json, "tls", route.tls());
        Json.text(json, "signed-by", route.signedBy());
        json.writeArrayPropertyStart("recipients");
        for (RecipientOutcome outcome : e.outcomes()) {
            json.writeStartObject();
            json.writeStringProperty("address", outcome.address().toString());
            json.writeStringProperty("outcome", word(outcome.disposition()));
            reply(json, outcome.disposition().reply());
            Cause cause = outcome.disposition().cause();
            if (cause.category() != ReplyClass.NONE && cause.category() != ReplyClass.UNKNOWN) {
                json.writeStringProperty("class", cause.category().word());
                Json.text(json, "rule", cause.rule());
            }
            if (outcome.disposition() instanceof Disposition.Deferred d
                    && d.possibleDuplicate()) {
                json.writeBooleanProperty("possible-duplicate", true);
            }
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void warmup(JsonGenerator json, Event.WarmupStep e) {
        json.writeStringProperty("source", e.source());
        json.writeStringProperty("provider", e.provider());
        json.writeStringProperty("plan", e.plan());
        json.writeStringProperty("action", e.action());
        json.writeNumberProperty("step", e.step());
        json.writeNumberProperty("cap", e.cap());
        json.writeStringProperty("why", e.why());
    }

    private static void envelope(JsonGenerator json, int envelope, String tenant,
            String destination) {
        json.writeNumberProperty("envelope", envelope);
        json.writeStringProperty("tenant", tenant);
        json.writeStringProperty("destination", destination);
    }

    private static void intake(JsonGenerator json, Event.Intake from) {
        json.writeStringProperty("listener", from.listener());
        Json.text(json, "client", from.client());
        Json.text(json, "user", from.user());
        Json.text(json, "helo", from.helo());
        Json.text(json, "tls", from.tls());
    }

    private static void addresses(JsonGenerator json, List<MailAddress> recipients) {
        json.writeArrayPropertyStart("recipients");
        for (MailAddress recipient : recipients) {
            json.writeString(recipient.toString());
        }
        json.writeEndArray();
    }

    private static void words(JsonGenerator json, String name, List<String> words) {
        if (!words.isEmpty()) {
            json.writeArrayPropertyStart(name);
            words.forEach(json::writeString);
            json.writeEndArray();
        }
    }

    private static void reply(JsonGenerator json, SmtpReply reply) {
        json.writeStringProperty("reply", reply.toString());
    }
}
