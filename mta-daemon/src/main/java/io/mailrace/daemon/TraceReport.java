// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.EventJournal;
import io.mailrace.queue.EventJournal.Recorded;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What is recorded of a message. Reads the disk. */
final class TraceReport {
    /** Events in one answer. */
    static final int MAX_EVENTS = 1000;
    /** Of several messages no further one is shown once their events take so much. */
    private static final long MAX_BYTES = 1 << 20;
    /** Newest events looked at when the question is an address or a Message-ID. */
    static final int MAX_SCAN = 200_000;
    private static final int MAX_MESSAGES = 20;
    private static final int PAGE = 1000;

    /**
     * What was found.
     *
     * @param more there is more than fits into one answer
     */
    record Found(List<Recorded> events, boolean more) {}

    private final EventJournal journal;

    TraceReport(EventJournal journal) {
        this.journal = journal;
    }

    Found ofMessage(SpoolId id) {
        EventJournal.History history = journal.ofMessage(id, MAX_EVENTS);
        return new Found(history.events(), history.more());
    }

    /**
     * The newest messages with this sender, recipient or Message-ID. A look through the newest
     * events, not an index: meant for the last minutes, not for last month.
     */
    Found search(String subject) {
        Deque<SpoolId> newest = new ArrayDeque<>();
        Set<SpoolId> seen = new LinkedHashSet<>();
        boolean more = false;
        long last = journal.newest();
        long position = Math.max(0, last - MAX_SCAN);
        while (position < last) {
            List<Recorded> page = journal.after(position, PAGE);
            if (page.isEmpty()) {
                break;
            }
            position = page.getLast().sequence();
            for (Recorded recorded : page) {
                if (recorded.event() instanceof Event.Received received
                        && matches(received, subject) && seen.add(received.id())) {
                    newest.addLast(received.id());
                    if (newest.size() > MAX_MESSAGES) {
                        seen.remove(newest.removeFirst());
                        more = true;
                    }
                }
            }
        }
        Found found = newestOf(newest);
        return new Found(found.events(), more || found.more());
    }

    /** The events of messages, of the last ones where there are too many. */
    private Found newestOf(Deque<SpoolId> messages) {
        Deque<Recorded> events = new ArrayDeque<>();
        long bytes = 0;
        boolean more = false;
        for (SpoolId id : messages.reversed()) {
            if (events.size() >= MAX_EVENTS || bytes >= MAX_BYTES) {
                more = true;
                break;
            }
            EventJournal.History history = journal.ofMessage(id, MAX_EVENTS);
            history.events().reversed().forEach(events::addFirst);
            bytes += history.bytes();
            more |= history.more();
        }
        while (events.size() > MAX_EVENTS) {
            events.removeFirst();
            more = true;
        }
        return new Found(List.copyOf(events), more);
    }

    String json(Found found) {
        return Json.page(json -> {
            json.writeStartObject();
            json.writeBooleanProperty("more", found.more());
            json.writeArrayPropertyStart("events");
            for (Recorded recorded : found.events()) {
                EventJson.write(json, recorded.sequence(), recorded.event());
            }
            json.writeEndArray();
            json.writeEndObject();
        });
    }

    String text(Found found) {
        StringBuilder text = new StringBuilder();
        if (found.more()) {
            text.append("There is more than is shown here.\n");
        }
        for (Recorded recorded : found.events()) {
            text.append(EventText.lines(recorded.event()));
        }
        return text.toString();
    }

    private static boolean matches(Event.Received received, String subject) {
        String bare = subject.startsWith("<") && subject.endsWith(">")
                ? subject.substring(1, subject.length() - 1)
                : subject;
        if (received.messageId().equals("<" + bare + ">") || is(received.sender(), bare)) {
            return true;
        }
        for (MailAddress recipient : received.recipients()) {
            if (is(recipient, bare)) {
                return true;
            }
        }
        return false;
    }

    private static boolean is(MailAddress address, String text) {
        return Ascii.equalsIgnoreCase(address.toString(), text);
    }
}
