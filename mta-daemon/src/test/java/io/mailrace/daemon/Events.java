// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.LintMode;
import io.mailrace.core.MailAddress;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import java.util.List;

/** Events for tests. */
final class Events {
    static final long TIME = 1_700_000_000_000L;
    static final SpoolId ID = new SpoolId(SpoolId.firstOf(TIME).value() + 7);
    static final MailAddress ALICE = address("alice@sender.test");
    static final MailAddress BOB = address("bob@one.test");
    static final MailAddress CAROL = address("carol@one.test");
    static final Event.Intake INTAKE = new Event.Intake("submission", "127.0.0.1", "app", "host",
            "TLSv1.3");
    static final Event.Route ROUTE = new Event.Route("one", "default", "mx.one.test",
            "127.0.0.9:25", "TLSv1.3", "s1@sender.test");

    private Events() {}

    static MailAddress address(String text) {
        return MailAddress.parse(text).orElseThrow();
    }

    static Event.Received received() {
        return received(ID, "<m1@sender.test>");
    }

    static Event.Received received(SpoolId id, String messageId) {
        return new Event.Received(TIME, id, INTAKE, "app", Lane.DEFAULT, ALICE,
                List.of(BOB, CAROL), 1234, messageId);
    }

    static Event.Attempted attempted() {
        return new Event.Attempted(TIME + 5, ID, 0, "app", "one.test", ROUTE, 1, 42, List.of(
                new RecipientOutcome(BOB,
                        new Disposition.Delivered(SmtpReply.of(250, "2.0.0", "taken"))),
                new RecipientOutcome(CAROL, new Disposition.Deferred(
                        SmtpReply.of(451, "4.4.2", "line lost"), true))));
    }

    /** One of each kind. */
    static List<Event> all() {
        SmtpReply reply = SmtpReply.of(550, "5.1.1", "no such user");
        return List.of(received(), attempted(),
                new Event.LintFound(TIME, ID, "app", LintMode.FIX,
                        List.of("date-missing", "from-unsigned"), List.of("date-missing")),
                new Event.Rejected(TIME, INTAKE, "RCPT", reply),
                new Event.Expired(TIME, ID, 0, "app", "one.test", List.of(BOB), reply),
                new Event.DsnSent(TIME, ID, new SpoolId(99), ALICE, "failed"),
                new Event.DsnOmitted(TIME, ID, "null sender"),
                new Event.QueueParked(TIME, "default/app/one.test/default", TIME + 1000,
                        "no connection"),
                new Event.Operated(TIME, ID, 0, "app", "one.test",
                        Event.Operated.Change.HELD, List.of(BOB), "suspected breach"),
                new Event.AdminAction(TIME, "root", "hold tenant=app: 12 changed"),
                new Event.WarmupStep(TIME, "a", "gmail", "standard", "hold", 3, 1000,
                        "812 of 1000 accepted, 900 needed"));
    }
}
