// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What MAIL and RCPT said so far. Only recipients are added to it; a new MAIL begins a new one, so
 * that no command can leave half of an old transaction behind. Holds at most {@code
 * max-recipients} recipients, in the order given, repeats included. Confined to its session.
 */
final class MailTransaction {
    private final MailAddress sender;
    private final MailOptions options;
    private final List<Recipient> recipients = new ArrayList<>(1);

    MailTransaction(MailAddress sender, MailOptions options) {
        this.sender = sender;
        this.options = options;
    }

    void add(Recipient recipient) {
        recipients.add(recipient);
    }

    MailAddress sender() {
        return sender;
    }

    MailOptions options() {
        return options;
    }

    /** A view. */
    List<Recipient> recipients() {
        return Collections.unmodifiableList(recipients);
    }

    /** The recipients, each address once, with what was said of it first. */
    List<Recipient> distinctRecipients() {
        if (recipients.size() == 1) {
            return List.copyOf(recipients);
        }
        Map<MailAddress, Recipient> byAddress = new LinkedHashMap<>();
        recipients.forEach(r -> byAddress.putIfAbsent(r.address(), r));
        return List.copyOf(byAddress.values());
    }
}
