// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.Lane;
import io.mailrace.core.SpoolId;
import io.mailrace.daemon.AdminApi.Answer;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import io.mailrace.queue.Selection;
import io.mailrace.queue.SetAction;
import io.mailrace.queue.SetOperations;
import io.mailrace.queue.Spool;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import tools.jackson.core.JsonGenerator;

/**
 * Operations on sets of mail: understands what is asked for, starts it, tells how it stands. Runs
 * on the admin threads; choosing by site waits for DNS, at most {@value #SITE_SECONDS} s.
 */
final class OperationsApi {
    private static final int SITE_SECONDS = 30;

    /** What delivery knows and does for operators. */
    interface Sites {
        /** The hosts of the site that mail of a queue goes to. */
        CompletionStage<Optional<String>> of(QueueKey queue);

        /** Sites and sources that wait because they failed try again at once. */
        void wake(Predicate<QueueKey> which);
    }

    private final Spool spool;
    private final Sites sites;

    OperationsApi(Spool spool, Sites sites) {
        this.spool = spool;
        this.sites = sites;
    }

    /** Starts one. */
    Answer start(Map<String, List<String>> query) {
        try {
            Asked asked = new Asked(query);
            SetAction action = action(asked);
            Selection selection = selection(asked);
            asked.finish();
            if (selection.isAll() && !asked.all()) {
                return Answer.text(400, "say what is meant, or all=true for every message");
            }
            if (action instanceof SetAction.RetryNow) {
                sites.wake(selection::meansAllOf);
            }
            long number = spool.operations().start(selection, action, "operator",
                    found -> sites.wake(found::contains));
            return Answer.json(200, Json.page(json -> {
                json.writeStartObject();
                json.writeNumberProperty("operation", number);
                json.writeEndObject();
            }));
        } catch (IllegalArgumentException wrong) {
            return Answer.text(400, String.valueOf(wrong.getMessage()));
        } catch (IllegalStateException full) {
            return Answer.text(409, String.valueOf(full.getMessage()));
        }
    }

    private static SetAction action(Asked asked) {
        String word = asked.text("action");
        String why = asked.sentence("why");
        return switch (word) {
            case "hold" -> new SetAction.Hold(why);
            case "release" -> new SetAction.Release();
            case "retry" -> new SetAction.RetryNow();
            case "bounce" -> new SetAction.Bounce(asked.flag("dsn", true),
                    why.isEmpty() ? "not delivered by decision of the postmaster" : why);
            case "discard" -> new SetAction.Discard(why);
            case "rebind" -> new SetAction.Rebind(asked.lane("to-lane"),
                    asked.optional("to-pool"), asked.nextHop("to-via"));
            default -> throw new IllegalArgumentException(
                    "action must be hold, release, retry, bounce, discard or rebind");
        };
    }

    private Selection selection(Asked asked) {
        Optional<String> site = asked.optional("site").map(Ascii::lower);
        Set<QueueKey> there = site.isPresent() ? queuesTo(site.get()) : Set.of();
        Optional<String> id = asked.optional("id");
        Optional<SpoolId> message = id.flatMap(SpoolId::parse);
        if (id.isPresent() && message.isEmpty()) {
            throw new IllegalArgumentException("id must be one of \"queued as ID\"");
        }
        return new Selection(asked.lane("lane"), Ascii.lower(asked.text("tenant")),
                Ascii.lower(asked.text("domain")), asked.text("pool"),
                Ascii.lower(asked.text("tag")), Ascii.lower(asked.text("author")), message,
                asked.duration("older-than"),
                asked.duration("younger-than"),
                site.isPresent() ? there::contains : key -> true,
                site.map(name -> "site=" + name).orElse(""));
    }

    /** The queues whose mail goes to a site, by any of its host names or a domain above it. */
    private Set<QueueKey> queuesTo(String name) {
        Set<QueueKey> found = ConcurrentHashMap.newKeySet();
        List<CompletableFuture<Void>> asking = spool.queues().statuses().stream()
                .map(QueueStatus::key)
                .map(key -> sites.of(key).thenAccept(site -> site
                        .filter(hosts -> matches(hosts, name)).ifPresent(hosts -> found.add(key)))
                        .toCompletableFuture())
                .toList();
        try {
            CompletableFuture.allOf(asking.toArray(CompletableFuture[]::new)).get(SITE_SECONDS,
                    TimeUnit.SECONDS);
        } catch (TimeoutException slow) {
            throw new IllegalStateException("DNS did not answer for all queues within "
                    + SITE_SECONDS + " s: choose by domain, or try again");
        } catch (ExecutionException broken) {
            throw new IllegalStateException("sites are not known: " + broken.getMessage());
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the daemon is stopping");
        }
        return new HashSet<>(found);
    }

    static boolean matches(String hosts, String name) {
        for (String host : hosts.split("[,:]")) {
            if (host.equals(name) || host.endsWith("." + name)) {
                return true;
            }
        }
        return false;
    }

    /** How all of them stand, newest first. */
    Answer list(boolean asText) {
        List<SetOperations.Status> all = spool.operations().statuses();
        if (!asText) {
            return Answer.json(200, Json.page(json -> {
                json.writeStartArray();
                all.forEach(status -> write(json, status));
                json.writeEndArray();
            }));
        }
        StringBuilder text = new StringBuilder();
        for (SetOperations.Status status : all) {
            text.append(line(status));
        }
        return Answer.of(Answer.TEXT,
                text.isEmpty() ? "No operation since the start.\n" : text.toString());
    }

    /** How one stands, or its end. */
    Answer one(String number, boolean cancel, boolean asText) {
        Optional<SetOperations.Status> found = spool.operations().statuses().stream()
                .filter(status -> Long.toString(status.number()).equals(number)).findFirst();
        if (found.isEmpty()) {
            return Answer.text(404, "there is no such operation since the start");
        }
        if (cancel && !spool.operations().cancel(found.get().number())) {
            return Answer.text(409, "it has ended already");
        }
        return asText
                ? Answer.of(Answer.TEXT, line(found.get()))
                : Answer.json(200, Json.page(json -> write(json, found.get())));
    }

    private static void write(JsonGenerator json, SetOperations.Status status) {
        json.writeStartObject();
        json.writeNumberProperty("operation", status.number());
        json.writeStringProperty("action", status.action());
        json.writeStringProperty("selection", status.selection());
        json.writeStringProperty("state", status.state().name().toLowerCase(Locale.ROOT));
        json.writeNumberProperty("looked", status.looked());
        json.writeNumberProperty("changed", status.changed());
        json.writeNumberProperty("under-way", status.underWay());
        Json.time(json, "started", status.startedEpochMillis());
        Json.time(json, "ended", status.endedEpochMillis());
        Json.text(json, "why", status.why());
        json.writeEndObject();
    }

    private static String line(SetOperations.Status status) {
        return EventText.printable(String.format(Locale.ROOT,
                "%d  %s  %s %s: looked at %,d, changed %,d, left alone because they were on"
                        + " their way %,d%s%n",
                status.number(), status.state().name().toLowerCase(Locale.ROOT), status.action(),
                status.selection(), status.looked(), status.changed(), status.underWay(),
                status.why().isEmpty() ? "" : ": " + status.why()));
    }

    /** Reads each parameter once and knows which were not asked for. */
    private static final class Asked {
        private static final int MAX_VALUE = 300;
        private static final int MAX_SENTENCE = 200;

        private final Map<String, List<String>> query;
        private final Set<String> known = new HashSet<>(Set.of("all", "why"));

        Asked(Map<String, List<String>> query) {
            this.query = query;
        }

        /** All parameters were read; others are mistakes. */
        void finish() {
            for (Map.Entry<String, List<String>> one : query.entrySet()) {
                if (!known.contains(one.getKey())) {
                    throw new IllegalArgumentException("unknown parameter "
                            + Ascii.clean(one.getKey(), 40) + "; known here: "
                            + known.stream().sorted().toList());
                }
                if (one.getValue().size() != 1) {
                    throw new IllegalArgumentException(one.getKey() + " is given twice");
                }
            }
        }

        Optional<String> optional(String name) {
            known.add(name);
            List<String> values = query.get(name);
            if (values == null) {
                return Optional.empty();
            }
            String value = values.getFirst();
            if (value.isEmpty() || value.length() > MAX_VALUE
                    || !value.equals(Ascii.clean(value, MAX_VALUE))) {
                throw new IllegalArgumentException(name + " must be a short printable text");
            }
            return Optional.of(value);
        }

        String text(String name) {
            return optional(name).orElse("");
        }

        String sentence(String name) {
            String text = text(name);
            if (text.length() > MAX_SENTENCE) {
                throw new IllegalArgumentException(
                        name + " must have at most " + MAX_SENTENCE + " characters");
            }
            return text;
        }

        boolean all() {
            return flag("all", false);
        }

        boolean flag(String name, boolean otherwise) {
            return switch (text(name)) {
                case "" -> otherwise;
                case "true" -> true;
                case "false" -> false;
                default -> throw new IllegalArgumentException(name + " must be true or false");
            };
        }

        Optional<Lane> lane(String name) {
            Optional<String> word = optional(name);
            Optional<Lane> lane = word.flatMap(Lane::ofWord);
            if (word.isPresent() && lane.isEmpty()) {
                throw new IllegalArgumentException(
                        name + " must be transactional, default or bulk");
            }
            return lane;
        }

        /** A smart host in the form of a route's {@code via}, or {@code mx}. */
        Optional<String> nextHop(String name) {
            Optional<String> text = optional(name).map(Ascii::lower);
            if (text.isEmpty() || text.get().equals(SetAction.Rebind.MX)) {
                return text;
            }
            Optional<String> via = SetAction.Rebind.nextHop(text.get());
            if (via.isEmpty()) {
                throw new IllegalArgumentException(name + " must be smtp://host:port or mx");
            }
            return via;
        }

        /** As 90s, 15m, 2h or 3d. */
        Duration duration(String name) {
            Optional<String> text = optional(name);
            if (text.isEmpty()) {
                return Duration.ZERO;
            }
            return Times.parse(text.get()).orElseThrow(() -> new IllegalArgumentException(
                    name + " must be a time such as 90s, 15m, 2h or 3d"));
        }
    }
}
