// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** What one attempt did to one recipient. */
public record RecipientOutcome(MailAddress address, Disposition disposition) {}
