// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.List;
import java.util.Optional;

/**
 * The account of a demo run, and the verdict. Immutable.
 *
 * @param recipients owed: of all acknowledged messages
 * @param astray arrived though it should have come back, or the other way round
 * @param lost neither arrived nor came back, though a 250 was given
 * @param copies arrivals beyond the first of a recipient
 * @param copiesExplained those asked for by cutting the line after the final dot
 * @param contents transactions taken by providers, reports not counted
 * @param exact of them, identical to what was submitted
 * @param signed of them, with a DKIM signature that verifies
 * @param left envelopes still in the daemon's queues
 * @param shaping at each large receiver
 * @param deferrals failed tries, and how many recipients had one
 */
record DemoResult(int submitted, int acknowledged, int recipients, int delivered, int bounced,
        int astray, int lost, int copies, int copiesExplained, int contents, int exact, int signed,
        int reports, long left, int attempts, int deferrals, int deferredRecipients,
        int possibleDuplicates, Times times, List<DemoPlaceCount> places,
        List<DemoShaping> shaping, Optional<DemoDsn> dsn,
        List<Trace> traces, List<String> problems, int problemCount) {

    /** Seconds since the first MAIL command. */
    record Times(double accepted, double nineTenths, double settled) {}

    /** A message whose story is worth a look. */
    record Trace(String title, String lines) {}

    /** Whether every message is accounted for and arrived as it was sent. */
    boolean success() {
        return submitted == acknowledged && lost == 0 && astray == 0 && left == 0
                && copies == copiesExplained && exact == contents && signed == contents
                && reports == bounced && problemCount == 0
                && delivered + bounced == recipients;
    }

    long acceptedPerSecond() {
        return Math.round(acknowledged / Math.max(0.001, times.accepted()));
    }

    /** Of the first nine tenths: the rest waits for its retries on purpose. */
    long deliveredPerSecond() {
        return Math.round(0.9 * delivered / Math.max(0.001, times.nineTenths()));
    }
}
