// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.Spool;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the admin address answers. But for {@link #atOnce} it may read the disk (traces), so it
 * runs on the admin threads, never on an event loop; at most {@value TraceReport#MAX_EVENTS}
 * events or {@value QueueReport#MAX_QUEUES} queues go into one answer.
 */
final class AdminApi {
    private static final String TRACE = "/api/v1/trace/";
    private static final String OPERATION = "/api/v1/operations/";
    private static final String CANCEL = "/cancel";
    private static final String RULE = "/api/v1/rules/";
    private static final String END = "/end";
    private static final String EXTEND = "/extend";
    private static final String WARMUP = "/api/v1/warmup/";
    private static final String CONTENT = "/api/v1/content/";
    private static final int MAX_SUBJECT = 400;

    /**
     * A question.
     *
     * @param uri path and query as received
     * @param asText lines for people are wanted instead of JSON
     * @param post something is to be changed, not only told
     * @param all everything may be asked: it came over the unix socket
     */
    record Question(String uri, boolean asText, boolean post, boolean all) {}

    /**
     * An answer with its HTTP status.
     *
     * @param content is sent in place of the body, chunk by chunk
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never changed
    record Answer(int status, String type, byte[] body, Optional<Content> content) {
        Answer(int status, String type, byte[] body) {
            this(status, type, body, Optional.empty());
        }

        static final String TEXT = "text/plain; charset=utf-8";
        static final String JSON = "application/json";

        static Answer text(int status, String text) {
            return new Answer(status, TEXT, (text + "\n").getBytes(StandardCharsets.UTF_8));
        }

        static Answer json(int status, String body) {
            return new Answer(status, JSON, body.getBytes(StandardCharsets.UTF_8));
        }

        /** A good answer. */
        static Answer of(String type, String body) {
            return new Answer(200, type, body.getBytes(StandardCharsets.UTF_8));
        }
    }

    private final IntakeReport intake;
    private final HealthReport health;
    private final MetricsPage metrics;
    private final QueueReport queues;
    private final TraceReport trace;
    private final OperationsApi operations;
    private final SpoolApi spoolApi;
    private final ShapingApi shaping;
    private final SuppressionsApi suppressions;
    private final WarmupApi warmup;
    private final Supplier<Optional<Reload>> reload;

    /** As below for a daemon that was not started from a file. */
    AdminApi(Spool spool, QueueReport.Why why, OperationsApi.Sites sites,
            ShapingApi shaping, IntakeReport intake, MetricsPage metrics,
            TimeSource time) {
        this(spool, why, sites, shaping, intake, metrics, time, Optional::empty, Optional::empty);
    }

    /**
     * @param reload empty while there is nothing to reload into, or nothing to reload from
     * @param stuck the name of a thread that does not come around
     */
    AdminApi(Spool spool, QueueReport.Why why, OperationsApi.Sites sites,
            ShapingApi shaping, IntakeReport intake, MetricsPage metrics,
            TimeSource time, Supplier<Optional<Reload>> reload,
            Supplier<Optional<String>> stuck) {
        this.reload = reload;
        this.intake = intake;
        this.shaping = shaping;
        suppressions = new SuppressionsApi(shaping::control);
        warmup = new WarmupApi(shaping::warmup);
        this.metrics = metrics;
        health = new HealthReport(spool, intake, stuck);
        queues = new QueueReport(spool.queues(), why, time);
        trace = new TraceReport(spool.journal());
        operations = new OperationsApi(spool, sites);
        spoolApi = new SpoolApi(spool);
    }

    /**
     * Whether the daemon lives and takes mail: what is asked just when other answers wait for a
     * disk or for the DNS. Reads what is in memory and never waits, so any thread; empty for any
     * other question.
     */
    Optional<Answer> atOnce(Question question) {
        if (question.post()) {
            return Optional.empty();
        }
        return switch (new QueryStringDecoder(question.uri()).rawPath()) {
            case "/healthz/live" -> Optional.of(health.live());
            case "/healthz/ready" -> Optional.of(health.ready());
            default -> Optional.empty();
        };
    }

    /** All that is not answered at once. */
    Answer answer(Question question) {
        QueryStringDecoder decoder = new QueryStringDecoder(question.uri());
        String path;
        try {
            path = decoder.path();
        } catch (IllegalArgumentException malformed) {
            return Answer.text(400, "the path is not well encoded");
        }
        if (question.post()) {
            return change(path, decoder.parameters());
        }
        Optional<Answer> open = switch (path) {
            case "/metrics" -> Optional.of(Answer.of(MetricsPage.TYPE, metrics.render()));
            case "/healthz" -> Optional.of(health.full());
            default -> Optional.empty();
        };
        if (open.isPresent()) {
            return open.get();
        }
        if (!question.all()) {
            return Answer.text(404, "only /metrics and /healthz are here;"
                    + " the rest is on the unix socket");
        }
        if (path.startsWith(TRACE)) {
            return trace(path.substring(TRACE.length()), question.asText());
        }
        if (path.startsWith(OPERATION)) {
            return operations.one(path.substring(OPERATION.length()), false, question.asText());
        }
        if (path.startsWith(CONTENT)) {
            return spoolApi.content(path.substring(CONTENT.length()));
        }
        return switch (path) {
            case "/api/v1/operations" -> operations.list(question.asText());
            case "/api/v1/suppressions" -> suppressions.list(decoder.parameters(),
                    question.asText());
            case "/api/v1/rules" -> shaping.rules(question.asText());
            case "/api/v1/paths" -> shaping.paths(question.asText());
            case "/api/v1/warmup" -> warmup.status(question.asText());
            case "/api/v1/warmup/plan" -> warmup.plan(decoder.parameters(), question.asText());
            case "/api/v1/explain" -> shaping.explain(decoder.parameters(), question.asText());
            case "/api/v1/spool" -> spoolApi.statistics(question.asText());
            case "/api/v1/spool/task" -> spoolApi.task();
            case "/api/v1/intake" -> intake.answer(question.asText());
            case "/api/v1/queues" -> queues(decoder, question.asText());
            case "/api/v1/version" -> version(question.asText());
            default -> Answer.text(404, "no such page");
        };
    }

    /** Everything that changes something; reached over the unix socket only. */
    private Answer change(String path, Map<String, List<String>> query) {
        if (path.startsWith(OPERATION) && path.endsWith(CANCEL)) {
            return operations.one(path.substring(OPERATION.length(),
                    Math.max(OPERATION.length(), path.length() - CANCEL.length())), true, false);
        }
        if (path.startsWith(RULE)) {
            String rest = path.substring(RULE.length());
            if (rest.endsWith(END)) {
                return shaping.end(rest.substring(0, rest.length() - END.length()), query);
            }
            if (rest.endsWith(EXTEND)) {
                return shaping.extend(rest.substring(0, rest.length() - EXTEND.length()), query);
            }
        }
        if (path.startsWith(WARMUP)) {
            return warmup.change(path.substring(WARMUP.length()), query);
        }
        return switch (path) {
            case "/api/v1/suppressions/add" -> suppressions.change(query, true);
            case "/api/v1/suppressions/remove" -> suppressions.change(query, false);
            case "/api/v1/suspend" -> shaping.suspend(query);
            case "/api/v1/resume" -> shaping.resume(query);
            case "/api/v1/operations" -> operations.start(query);
            case "/api/v1/spool/backup" ->
                spoolApi.backup(query.getOrDefault("directory", List.of("")).getFirst());
            case "/api/v1/spool/compact" -> spoolApi.compact();
            case "/api/v1/reload" -> reload();
            default -> Answer.text(404, "nothing to be changed there");
        };
    }

    private Answer reload() {
        Optional<Reload> possible = reload.get();
        if (possible.isEmpty()) {
            return Answer.text(503, "the daemon is starting or stopping, or was not started from"
                    + " a file");
        }
        Reload.Outcome outcome = possible.get().run();
        return Answer.text(outcome.taken() ? 200 : 409, String.join("\n", outcome.lines()));
    }

    private Answer queues(QueryStringDecoder decoder, boolean asText) {
        String filter = Ascii.lower(
                decoder.parameters().getOrDefault("match", List.of("")).getFirst());
        return asText
                ? Answer.of(Answer.TEXT, queues.text(filter))
                : Answer.json(200, queues.json(filter));
    }

    /** A spool id is looked up; anything else is searched for among the newest events. */
    private Answer trace(String subject, boolean asText) {
        if (subject.isEmpty() || subject.length() > MAX_SUBJECT) {
            return Answer.text(400, "ask for a spool id, an address or a Message-ID");
        }
        Optional<SpoolId> id = SpoolId.parse(subject);
        TraceReport.Found found = id.isPresent()
                ? trace.ofMessage(id.get())
                : trace.search(subject);
        if (found.events().isEmpty()) {
            return Answer.text(404, "nothing is recorded of " + Ascii.clean(subject, MAX_SUBJECT)
                    + (id.isPresent() ? ""
                            : " in the newest " + TraceReport.MAX_SCAN
                                    + " events"));
        }
        return asText
                ? Answer.of(Answer.TEXT, trace.text(found))
                : Answer.json(200, trace.json(found));
    }

    private Answer version(boolean asText) {
        return asText
                ? Answer.text(200, Version.line())
                : Answer.json(200, Json.page(json -> {
                    json.writeStartObject();
                    json.writeStringProperty("version", Version.number());
                    json.writeStringProperty("java", Version.java());
                    json.writeEndObject();
                }));
    }
}
