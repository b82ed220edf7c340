// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.PrintStream;
import java.util.Locale;

/** The report of a demo run for people. */
final class DemoReport {
    private static final String ROW = "  %-18s %10s %10s %8s %8s %5s  %s%n";
    private static final int MAX_DSN_LINES = 24;

    private final PrintStream out;
    private final DemoResult result;

    private DemoReport(PrintStream out, DemoResult result) {
        this.out = out;
        this.result = result;
    }

    static void print(PrintStream out, DemoResult result) {
        var report = new DemoReport(out, result);
        report.places();
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
            trace.lines().lines().forEach(line -> out.println("  " + line));
        }
    }

    private void account() {
        heading("The account");
        line("messages", "%s submitted, %s acknowledged with 250", number(result.submitted()),
                number(result.acknowledged()));
        line("recipients", "%s owed: %s delivered, %s bounced", number(result.recipients()),
                number(result.delivered()), number(result.bounced()));
        line("retried", "%s recipients were deferred, %s times in all",
                number(result.deferredRecipients()), number(result.deferrals()));
        line("lost", "%s", number(result.lost()));
        line("astray", "%s (delivered instead of bounced, or the other way round)",
                number(result.astray()));
        line("duplicates", "%s, of them %s asked for: the line was cut after the final dot, so"
                + " nobody can know", number(result.copies()), number(result.copiesExplained()));
        line("unaltered", "%s of %s contents are byte for byte what was submitted",
                number(result.exact()), number(result.contents()));
        line("DKIM", "%s of %s signatures verified by Apache jDKIM with the key from the DNS",
                number(result.signed()), number(result.contents()));
        line("left in queues", "%s", number(result.left()));
        line("accepted", "%s messages/s (%.1f s; STARTTLS and AUTH, on disk before each 250)",
                number(result.acceptedPerSecond()), result.times().accepted());
        line("delivered", "%s recipients/s (first nine tenths, %.1f s; the rest waits for retries)",
                number(result.deliveredPerSecond()), result.times().nineTenths());
        line("all settled", "after %.1f s", result.times().settled());
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

    private void line(String name, String format, Object... values) {
        out.println("  " + String.format(Locale.ROOT, "%-15s ", name)
                + String.format(Locale.ROOT, format, values));
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }
}
