// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

/**
 * How much of a client's bad behaviour is borne before its session ends: commands it gets wrong
 * ({@code max-errors}), commands that lead nowhere ({@code max-junk}), and recipients refused
 * behind accepted ones of a message. What is not its fault is not counted; but asking again and
 * again for what it was told to ask for later leads nowhere. An accepted message makes up for all
 * that came before it. Confined to its session.
 */
final class ClientPatience {
    private final SubmissionConfig limits;
    private int errors;
    private int junk;
    private int recipientsTooMany;

    ClientPatience(SubmissionConfig limits) {
        this.limits = limits;
    }

    /** Notes a mistake; false when that was one too many. */
    boolean bearsError() {
        return ++errors <= limits.maxErrors();
    }

    /** Notes a command that led nowhere; false when that was one too many. */
    boolean bearsJunk() {
        return ++junk <= limits.maxJunk();
    }

    /** Notes a recipient refused behind accepted ones; false when that was one too many. */
    boolean bearsRecipient() {
        return ++recipientsTooMany <= limits.maxRecipients();
    }

    void messageBegins() {
        recipientsTooMany = 0;
    }

    void messageAccepted() {
        errors = 0;
        junk = 0;
    }
}
