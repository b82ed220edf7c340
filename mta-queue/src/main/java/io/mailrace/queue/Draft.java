// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RoutingHints;
import java.util.List;

/**
 * What decides the routes of a message, known when its header is; the rest as in
 * {@link Submission}.
 *
 * @param tag empty when it has none
 */
public record Draft(MailAddress sender, List<Recipient> recipients, MailOptions options,
        String tenant, String tag, RoutingHints hints) {}
