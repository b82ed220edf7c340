// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What MAIL and RCPT said so far. Immutable and replaced whole, so that no command can leave half
 * of an old transaction behind. Holds at most {@code max-recipients} recipients, in the order
 * given, repeats included.
 */
record MailTransaction(MailAddress sender, MailOptions options, List<Recipient> recipients) {

    MailTransaction {
        recipients = List.copyOf(recipients);
    }

    MailTransaction with(Recipient recipient) {
        List<Recipient> more = new ArrayList<>(recipients.size() + 1);
        more.addAll(recipients);
        more.add(recipient);
        return new MailTransaction(sender, options, more);
    }

    /** The recipients, each address once, with what was said of it first. */
    List<Recipient> distinctRecipients() {
        if (recipients.size() == 1) {
            return recipients;
        }
        Map<MailAddress, Recipient> byAddress = new LinkedHashMap<>();
        recipients.forEach(r -> byAddress.putIfAbsent(r.address(), r));
        return List.copyOf(byAddress.values());
    }
}
