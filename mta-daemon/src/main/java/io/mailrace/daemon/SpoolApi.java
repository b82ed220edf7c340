// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import io.mailrace.daemon.AdminApi.Answer;
import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolCare.Statistics;
import io.mailrace.queue.SpoolException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What operators ask of the running spool. Backup and compaction take their time: each runs on a
 * thread {@code spool-task} of its own, one at a time, and is asked after. Runs on admin threads.
 */
final class SpoolApi {
    private static final Logger LOG = LoggerFactory.getLogger(SpoolApi.class);
    /** What the asking command holds at once. */
    private static final long MAX_CONTENT = AdminClient.MAX_ANSWER;
    private static final byte[] NONE = {};

    /** What runs or ran last. */
    private record Task(String what, String state, String why) {
        static final Task NONE = new Task("nothing", "done", "");
    }

    private final Spool spool;
    /** Guarded by this. */
    private Task task = Task.NONE;

    SpoolApi(Spool spool) {
        this.spool = spool;
    }

    Answer statistics(boolean asText) {
        Statistics all = spool.care().statistics();
        if (asText) {
            return Answer.of(Answer.TEXT, text(all));
        }
        return Answer.json(200, Json.page(json -> {
            json.writeStartObject();
            json.writeNumberProperty("waiting", all.envelopesWaiting());
            json.writeNumberProperty("held", all.envelopesHeld());
            json.writeNumberProperty("taken", all.envelopesTaken());
            json.writeNumberProperty("queues", all.queues());
            json.writeNumberProperty("content-bytes", all.liveContentBytes());
            json.writeNumberProperty("kept-content-bytes", all.keptContentBytes());
            json.writeNumberProperty("size-bytes", all.sizeBytes());
            json.writeNumberProperty("free-bytes", all.freeBytes());
            if (all.freeInodes() != Long.MAX_VALUE) {
                json.writeNumberProperty("free-inodes", all.freeInodes());
            }
            json.writeNumberProperty("oldest-event", all.oldestEvent());
            json.writeNumberProperty("newest-event", all.newestEvent());
            json.writeNumberProperty("set-aside", all.quarantined());
            json.writeNumberProperty("lost-batches", all.lostBatches());
            json.writeNumberProperty("unreadable-queues", all.unreadableQueues());
            json.writeObjectPropertyStart("files");
            all.families().forEach(json::writeNumberProperty);
            json.writeEndObject();
            json.writeEndObject();
        }));
    }

    private static String text(Statistics all) {
        StringBuilder text = new StringBuilder();
        row(text, "envelopes waiting", all.envelopesWaiting());
        row(text, "held by an operator", all.envelopesHeld());
        row(text, "on their way", all.envelopesTaken());
        row(text, "queues", all.queues());
        row(text, "bytes of contents", all.liveContentBytes());
        row(text, "bytes of contents kept", all.keptContentBytes());
        row(text, "bytes on disk", all.sizeBytes());
        row(text, "bytes free on disk", all.freeBytes());
        if (all.freeInodes() != Long.MAX_VALUE) {
            row(text, "files that can be made", all.freeInodes());
        }
        row(text, "events in the journal",
                all.oldestEvent() == 0 ? 0 : all.newestEvent() - all.oldestEvent() + 1);
        all.families().forEach((name, bytes) -> row(text, "files of " + name, bytes));
        if (all.quarantined() > 0 || all.lostBatches() > 0 || all.unreadableQueues() > 0) {
            row(text, "DAMAGED: set aside", all.quarantined());
            row(text, "DAMAGED: lost batches", all.lostBatches());
            row(text, "DAMAGED: queues", all.unreadableQueues());
            text.append("Stop the daemon and run: mailrace spool check --repair\n");
        }
        return text.toString();
    }

    private static void row(StringBuilder text, String name, long value) {
        text.append(String.format(Locale.ROOT, "%-24s %,20d%n", name, value));
    }

    Answer backup(String directory) {
        Optional<Path> target = Paths.parse(directory).filter(Path::isAbsolute);
        if (target.isEmpty()) {
            return Answer.text(400, "directory must be an absolute path");
        }
        Optional<String> hidden = Sandbox.hides(target.get());
        return hidden.isPresent()
                ? Answer.text(400, "no backup in " + target.get() + ": " + hidden.get())
                : run("backup to " + target.get(), () -> backup(target.get()));
    }

    private void backup(Path target) {
        try {
            spool.care().backup(target);
        } catch (SpoolException failed) {
            Path folder = target.getParent() == null ? target : target.getParent();
            throw Sandbox.remedy(failed, folder)
                    .map(remedy -> new SpoolException(failed.getMessage() + ". " + remedy, failed))
                    .orElse(failed);
        }
    }

    Answer compact() {
        return run("compact", () -> spool.care().compact());
    }

    private Answer run(String what, Runnable work) {
        synchronized (this) {
            if (task.state().equals("running")) {
                return Answer.text(409, "\"" + task.what() + "\" is running");
            }
            task = new Task(what, "running", "");
        }
        Thread.ofPlatform().daemon(true).name("spool-task").start(() -> {
            try {
                work.run();
                ended(new Task(what, "done", ""));
            } catch (SpoolException failed) {
                ended(new Task(what, "failed", String.valueOf(failed.getMessage())));
            } catch (RuntimeException bug) {
                LOG.error("task of the spool failed what=\"{}\"", what, bug);
                ended(new Task(what, "failed", "the log says why"));
            }
        });
        return task();
    }

    private synchronized void ended(Task with) {
        task = with;
    }

    /** How the newest task stands. */
    synchronized Answer task() {
        Task now = task;
        return Answer.json(200, Json.page(json -> {
            json.writeStartObject();
            json.writeStringProperty("task", now.what());
            json.writeStringProperty("state", now.state());
            Json.text(json, "why", now.why());
            json.writeEndObject();
        }));
    }

    /** The bytes of a message. */
    Answer content(String text) {
        Optional<SpoolId> id = SpoolId.parse(text);
        if (id.isEmpty()) {
            return Answer.text(400, "ask for a spool id");
        }
        Optional<Content> found = spool.care().content(id.get());
        if (found.isEmpty()) {
            return Answer.text(404, "the content is gone: it is kept while mail waits, and after"
                    + " that for spool.keep.content-for");
        }
        Content content = found.get();
        if (content.sizeBytes() > MAX_CONTENT) {
            return Answer.text(413, "the message has " + content.sizeBytes() + " bytes, "
                    + MAX_CONTENT + " can be shown: export it");
        }
        return new Answer(200, "message/rfc822", NONE, Optional.of(content));
    }
}
