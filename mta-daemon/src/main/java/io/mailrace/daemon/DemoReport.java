// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.PrintStream;
import java.util.Locale;

/** The report of a demo run for people. */
final class DemoReport {
    private static final String ROW = "  %-18s %10s %10s %8s %8s %5s  %s%n";
    private static final int MAX_DSN_LINES = 24;
    private static final int COLUMNS = 110;

    private final PrintStream out;
    private final DemoResult result;

    private DemoReport(PrintStream out, DemoResult result) {
        this.out = out;
        this.result = result;
    }

    static void print(PrintStream out, DemoResult result) {
        var report = new DemoReport(out, result);
        report.places();
        report.shaping();
        report.dsn();
        report.traces();
        report.account();
        report.verdict();
    }

    private void places() {
        heading("Where the mail went");
        out.printf(Locale.ROOT, ROW, "domain", "recipients", "delivered", "retried", "bounced",
                "lost", "how it behaves");
        for (DemoPlaceCount row : result.places()) {
            out.printf(Locale.ROOT, ROW, row.place().domain(), number(row.recipients()),
                    number(row.delivered()), number(row.retried()), number(row.bounced()),
                    number(row.lost()), row.place().description());
        }
    }

    private void shaping() {
        heading("What shaping did at the large receivers");
        for (DemoShaping at : result.shaping()) {
            out.printf(Locale.ROOT, "  %-8s sent        %s, of them %s pushed back (%.1f %%)%n",
                    at.name(), number(at.tries()), number(at.pushedBack()),
                    100 * at.pushedBackShare());
            at.said().ifPresent(text -> wrapped("         it said     "
                    + EventText.printable(text)));
            at.fired().forEach((what, times) -> wrapped("         rule fired  " + what + ", "
                    + (times == 1 ? "once" : times + " times")));
            if (at.fired().isEmpty()) {
                wrapped("         rule fired  none");
            }
            wrapped("         rate found  " + (at.foundPerSecond().isPresent()
                    ? String.format(Locale.ROOT, "%.1f/s", at.foundPerSecond().getAsDouble())
                    : "none: it takes what comes") + String.format(Locale.ROOT,
                            "; the receiver takes %.1f/s in the long run; reputation %.2f",
                            at.takesPerSecond(), at.reputation()));
        }
        out.println("  Receivers' hours last " + DemoReceiver.HOUR_SECONDS
                + " s here; what a rule puts in force for an hour lasts a second.");
    }

    private void dsn() {
        result.dsn().ifPresent(dsn -> {
            heading("A bounce, as its sender reads it");
            out.printf("  recipient  %s%n  action     %s%n  status     %s%n  diagnostic %s%n%n",
                    dsn.recipient(), dsn.action(), dsn.status(), dsn.diagnostic());
            dsn.text().lines().map(String::stripTrailing).limit(MAX_DSN_LINES)
                    .forEach(line -> out.println("  | " + EventText.printable(line)));
        });
    }

    private void traces() {
        for (DemoResult.Trace trace : result.traces()) {
            heading(trace.title());
            trace.lines().lines().forEach(this::wrapped);
        }
    }

    /** Cuts a long line at blanks; what follows is indented further. */
    private void wrapped(String line) {
        String rest = "  " + line;
        String indent = "  " + " ".repeat(line.length() - line.stripLeading().length()) + "    ";
        while (rest.length() > COLUMNS) {
            int blank = rest.lastIndexOf(' ', COLUMNS);
            if (blank <= indent.length()) {
                break;
            }
            out.println(rest.substring(0, blank).stripTrailing());
            rest = indent + rest.substring(blank + 1).stripLeading();
        }
        out.println(rest);
    }

    private void account() {
        heading("The account");
        line("messages", number(result.submitted()) + " submitted, "
                + number(result.acknowledged()) + " acknowledged with 250");
        line("recipients", number(result.recipients()) + " owed: " + number(result.delivered())
                + " delivered, " + number(result.bounced()) + " bounced");
        line("retried", number(result.deferredRecipients()) + " recipients were deferred, "
                + number(result.deferrals()) + " times in all");
        line("lost", number(result.lost()));
        line("astray", number(result.astray())
                + " (delivered instead of bounced, or the other way round)");
        line("duplicates", number(result.copies()) + ", of them "
                + number(result.copiesExplained())
                + " where the line was cut after the final dot: nobody can know");
        line("unaltered", number(result.exact()) + " of " + number(result.contents())
                + " contents are byte for byte what was submitted");
        line("DKIM", number(result.signed()) + " of " + number(result.contents())
                + " signatures verified by Apache jDKIM with the key from the DNS");
        line("left in queues", number(result.left()));
        line("accepted", number(result.acceptedPerSecond()) + " messages/s ("
                + seconds(result.times().accepted())
                + "; over STARTTLS and AUTH, on disk before each 250)");
        line("delivered", number(result.deliveredPerSecond())
                + " recipients/s (first nine tenths, " + seconds(result.times().nineTenths())
                + "; the rest waits for retries)");
        line("all settled", "after " + seconds(result.times().settled()));
        out.println();
        out.println(
                "  Clients, receivers and verifier share the processors with the daemon, and a");
        out.println("  fresh JVM is slow at first: benchmarks/ measures, this shows.");
    }

    private void verdict() {
        if (!result.problems().isEmpty()) {
            heading("Problems");
            result.problems().forEach(p -> out.println("  - " + EventText.printable(p)));
            int more = result.problemCount() - result.problems().size();
            if (more > 0) {
                out.println("  - and " + number(more) + " more");
            }
        }
        out.println();
        out.println(result.success()
                ? "OK: every message is accounted for."
                : "FAILED: see lost, astray, duplicates, unaltered, DKIM and problems above.");
    }

    private void heading(String text) {
        out.println();
        out.println(text);
    }

    private void line(String name, String text) {
        out.printf(Locale.ROOT, "  %-15s %s%n", name, text);
    }

    private static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.1f s", seconds);
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }
}
