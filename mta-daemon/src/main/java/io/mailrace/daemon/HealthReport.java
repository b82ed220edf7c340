// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolCare;
import io.mailrace.queue.SpoolException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import tools.jackson.core.JsonGenerator;

/**
 * Whether the daemon lives and whether it takes mail, with the reason when not. Live means that
 * its threads come around: a full disk is no reason to restart it. Ready means that new mail is
 * taken. {@link #live} and {@link #ready} read what is in memory and never wait.
 */
final class HealthReport {
    private final Spool spool;
    private final IntakeReport intake;

    private final Supplier<Optional<String>> stuck;

    /** @param stuck the name of a thread that does not come around; empty when all is well */
    HealthReport(Spool spool, IntakeReport intake, Supplier<Optional<String>> stuck) {
        this.spool = spool;
        this.intake = intake;
        this.stuck = stuck;
    }

    AdminApi.Answer live() {
        Optional<String> now = stuck.get();
        return AdminApi.Answer.json(now.isEmpty() ? 200 : 503, Json.page(json -> {
            json.writeStartObject();
            live(json, now);
            json.writeEndObject();
        }));
    }

    private static void live(JsonGenerator json, Optional<String> stuck) {
        json.writeBooleanProperty("live", stuck.isEmpty());
        stuck.ifPresent(name -> json.writeStringProperty("stuck", name));
    }

    AdminApi.Answer ready() {
        return answer(false);
    }

    AdminApi.Answer full() {
        return answer(true);
    }

    private AdminApi.Answer answer(boolean full) {
        List<String> reasons = reasons();
        boolean ready = reasons.isEmpty();
        return AdminApi.Answer.json(ready ? 200 : 503, Json.page(json -> {
            json.writeStartObject();
            if (full) {
                json.writeStringProperty("version", Version.number());
                live(json, stuck.get());
            }
            json.writeBooleanProperty("ready", ready);
            json.writeArrayPropertyStart("reasons");
            reasons.forEach(json::writeString);
            json.writeEndArray();
            if (full) {
                json.writeNumberProperty("waiting", spool.queues().waiting());
                intake.level().ifPresent(level -> json.writeStringProperty("intake", level));
                json.writeArrayPropertyStart("intake-why");
                intake.reasons().forEach(json::writeString);
                json.writeEndArray();
                json.writeArrayPropertyStart("damage");
                damage().forEach(json::writeString);
                json.writeEndArray();
            }
            json.writeEndObject();
        }));
    }

    /** What of the spool cannot be read; mail goes on around it. Reads the disk. */
    private List<String> damage() {
        List<String> damage = new ArrayList<>();
        SpoolCare.Statistics spoolNow;
        try {
            spoolNow = spool.care().statistics();
        } catch (SpoolException unreadable) {
            // the reasons are known without it, and are what is asked for then
            damage.add("unknown, the spool cannot be read: " + unreadable.getMessage());
            return damage;
        }
        add(damage, spoolNow.unreadableQueues(), "queues with mail that cannot be read");
        add(damage, spoolNow.quarantined(), "envelopes set aside");
        add(damage, spoolNow.lostBatches(), "committed batches lost before the start");
        return damage;
    }

    private static void add(List<String> damage, long count, String what) {
        if (count > 0) {
            damage.add(count + " " + what
                    + ": stop the daemon and run mailrace spool check --repair");
        }
    }

    private List<String> reasons() {
        List<String> reasons = new ArrayList<>();
        Optional<String> refusal = spool.refusal();
        refusal.ifPresent(why -> reasons.add("new mail is refused: " + why));
        reasons.addAll(intake.refusing());
        if (!intake.accepting().getAsBoolean()) {
            reasons.add("the listeners are closed: the daemon is starting or stopping");
        }
        return reasons;
    }
}
