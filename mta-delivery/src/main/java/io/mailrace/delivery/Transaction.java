// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Disposition;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntConsumer;

/**
 * One mail transaction (RFC 5321 3.3): the recipients of an attempt that go in it, at most a
 * configured number. Confined to its session.
 */
final class Transaction {
    private final Attempt attempt;
    private final int[] recipients;
    private final BitSet accepted = new BitSet();
    private final boolean afterOthers;
    private boolean mailRefused;
    private boolean contentBegun;
    private boolean contentSent;

    /**
     * @param afterOthers the connection was used before: it may be gone for no fault of this mail
     */
    Transaction(Attempt attempt, int maxRecipients, int maxDomains, boolean afterOthers) {
        this.attempt = attempt;
        this.afterOthers = afterOthers;
        int[] open = new int[Math.min(maxRecipients, attempt.recipients())];
        int count = 0;
        Set<String> domains = new HashSet<>();
        for (int i = 0; i < attempt.recipients() && count < open.length; i++) {
            if (!attempt.decided(i) && fits(domains, domainOf(i), maxDomains)) {
                open[count++] = i;
            }
        }
        recipients = count == open.length ? open : java.util.Arrays.copyOf(open, count);
    }

    private String domainOf(int recipient) {
        return attempt.envelope().recipients().get(recipient).address().domain();
    }

    private static boolean fits(Set<String> domains, String domain, int max) {
        if (max == Integer.MAX_VALUE) {
            return true;
        }
        if (domains.size() >= max && !domains.contains(domain)) {
            return false;
        }
        domains.add(domain);
        return true;
    }

    Attempt attempt() {
        return attempt;
    }

    int size() {
        return recipients.length;
    }

    /** The recipient's place in the envelope. */
    int recipient(int index) {
        return recipients[index];
    }

    boolean afterOthers() {
        return afterOthers;
    }

    void accept(int index) {
        accepted.set(index);
    }

    /** Visits the accepted ones in order. */
    void eachAccepted(IntConsumer visitor) {
        accepted.stream().forEach(visitor);
    }

    int accepted() {
        return accepted.cardinality();
    }

    /** Decides those the peer accepted: where that is but one, the reply is about that one. */
    void decideAccepted(Disposition disposition) {
        if (accepted() == 1) {
            attempt.decideAlone(recipients[accepted.nextSetBit(0)], disposition);
            return;
        }
        for (int i = accepted.nextSetBit(0); i >= 0; i = accepted.nextSetBit(i + 1)) {
            attempt.decide(recipients[i], disposition);
        }
    }

    void decideAll(Disposition disposition) {
        for (int recipient : recipients) {
            attempt.decide(recipient, disposition);
        }
    }

    /** Nobody in it can get the message any more. */
    boolean hopeless() {
        return accepted.isEmpty();
    }

    void refuseMail(Disposition disposition) {
        mailRefused = true;
        accepted.clear();
        decideAll(disposition);
    }

    boolean mailRefused() {
        return mailRefused;
    }

    /** Every recipient that is still open in the envelope is one the peer accepted here. */
    boolean coversRest() {
        for (int i = 0, k = 0; i < attempt.recipients(); i++) {
            while (k < recipients.length && recipients[k] < i) {
                k++;
            }
            boolean here = k < recipients.length && recipients[k] == i && accepted.get(k);
            if (!attempt.decided(i) && !here) {
                return false;
            }
        }
        return true;
    }

    void beginContent() {
        contentBegun = true;
    }

    boolean contentBegun() {
        return contentBegun;
    }

    /** The end of data was handed to the connection. */
    void endContent() {
        contentSent = true;
    }

    boolean contentSent() {
        return contentSent;
    }

    /** Decides everything that is still open in the whole envelope. */
    void decideRest(Disposition ofAccepted, Disposition ofOthers) {
        decideAccepted(ofAccepted);
        attempt.decideRest(ofOthers);
    }
}
