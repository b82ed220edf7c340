// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Event;
import io.mailrace.core.LintReport;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RoutingHints;
import java.util.List;

/**
 * The envelope side of one message as submitted; the spool routes it and splits it by destination.
 *
 * @param sender reverse-path, possibly null
 * @param recipients 1 or more, without repeats
 * @param tenant who submitted it; lower-case letters, digits, {@code . - _ @}; {@code default} when
 *        nothing is known
 * @param from where it came from, for the event
 * @param hints what the application says about its way
 * @param lint what was found on the message
 */
public record Submission(MailAddress sender, List<Recipient> recipients, MailOptions options,
        ContentFacts facts, String tenant, Event.Intake from, RoutingHints hints,
        LintReport lint) {
    /** Without hints. */
    public Submission(MailAddress sender, List<Recipient> recipients, MailOptions options,
            ContentFacts facts, String tenant, Event.Intake from) {
        this(sender, recipients, options, facts, tenant, from, RoutingHints.NONE,
                LintReport.NONE);
    }

    public Submission {
        recipients = List.copyOf(recipients);
        if (recipients.isEmpty()) {
            throw new IllegalArgumentException("a submission needs a recipient");
        }
    }
}
