// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.PrintStream;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;

/** The report of {@code mailrace bench}, for people and as JSON. */
final class BenchReport {
    private final PrintStream out;
    private final BenchResult result;

    private BenchReport(PrintStream out, BenchResult result) {
        this.out = out;
        this.result = result;
    }

    static void print(PrintStream out, BenchResult result) {
        var report = new BenchReport(out, result);
        report.machine();
        report.full();
        report.times();
        report.limit();
        report.account();
    }

    private void machine() {
        BenchOptions options = result.options();
        BenchProbe.Disk disk = result.disk();
        line("The relay, its clients and its receivers, all on this machine's loopback.");
        out.println();
        line("  machine    %d cores, %s", result.cores(), Version.line());
        line("  disk       %s (%s): 16 KB and their sync p50 %s, p99 %s; %,.0f MB/s",
                options.folder(), disk.kind(), millis(disk.sync().p50()),
                millis(disk.sync().p99()), disk.bytesPerSecond() / 1e6);
        line("  RSA-2048   %,.0f signatures/s of a core, all cores signing",
                result.signaturesPerSecond());
        line("  messages   %,d bytes, %s, %s", options.sizeBytes(),
                count(options.recipients(), "recipient"), options.dkim() ? "signed" : "unsigned");
        line("  settings   content to receivers by %s, event log %s",
                options.chunking() ? "BDAT where it helps" : "DATA", onOff(options.events()));
        line("  way        %s, TLS %s in and %s out, receivers %d ms away; 250 %s the sync",
                count(options.sessions(), "session"), onOff(options.tlsIn()),
                onOff(options.tlsOut()), options.roundTrip().toMillis(),
                options.async() ? "before" : "after");
    }

    private void full() {
        BenchPhase full = result.full();
        heading(result.perSecond() > 0
                ? text("At %,.0f messages/s, %.0f s after %d s of warm-up", result.perSecond(),
                        full.seconds(), result.warmUpSeconds())
                : text("As fast as it goes, %.0f s after %d s of warm-up", full.seconds(),
                        result.warmUpSeconds()));
        line("  accepted   %,12.0f /s", full.acceptedPerSecond());
        line("  delivered  %,12.0f /s   = %,.0f messages per hour", full.deliveredPerSecond(),
                full.messagesPerHour());
        line("  CPU        %,12.0f us of the relay for each; %.0f us of clients and receivers",
                full.relayMicrosPerMessage(), full.ownMicrosPerMessage());
        line("  cores      %12.0f %% busy", 100 * full.busyShare());
        line("  flushes    %,12.0f /s, the spool writing and syncing %.0f %% of the time",
                full.flushesPerSecond(), 100 * full.flushShare());
        line("  written    %12.1f MB/s", full.writtenBytesPerSecond() / 1e6);
    }

    private void times() {
        BenchPhase timed = result.timed();
        result.half().ifPresent(half -> heading(text("At half of that, %,.0f/s for %.0f s,"
                + " submitted at fixed moments", half.acceptedPerSecond(), half.seconds())));
        line("  %-18s %10s %10s %10s %10s", "", "p50", "p99", "p99.9", "max");
        row("MAIL to 250", timed.toReply());
        row("250 to delivered", timed.toDelivery());
    }

    private void row(String name, BenchTimes times) {
        line("  %-18s %10s %10s %10s %10s", name, millis(times.p50()), millis(times.p99()),
                millis(times.p999()), millis(times.max()));
    }

    private void limit() {
        heading("What it was held by: " + result.limit().kind());
        for (String reason : result.limit().reasons()) {
            wrapped(reason);
        }
    }

    private void account() {
        BenchRig.Account account = result.account();
        heading("Messages per hour");
        line("  %,.0f here, with clients and receivers on the same cores;",
                result.full().messagesPerHour());
        line("  about %,.0f with those elsewhere, by the figures above.",
                result.limit().alonePerSecond() * 3600);
        out.println();
        line("%s: %,d acknowledged, %,d lost, %,d twice, %,d altered; %,d refused, %,d lines lost"
                + "%s", account.good() ? "OK" : "NOT GOOD", account.acknowledged(),
                account.lost(), account.duplicates(), account.corrupt(), account.refused(),
                account.lostLines(), account.lastTrouble().isEmpty()
                        ? ""
                        : " (" + EventText.printable(account.lastTrouble()) + ")");
        out.flush();
    }

    private void heading(String text) {
        out.println();
        line(text);
    }

    private void wrapped(String text) {
        var line = new StringBuilder("  -");
        for (String word : text.split(" ", -1)) {
            if (line.length() + word.length() > 98) {
                line(line.toString());
                line = new StringBuilder("   ");
            }
            line.append(' ').append(word);
        }
        line(line.toString());
    }

    @SuppressWarnings("AnnotateFormatMethod")
    private void line(String format, Object... values) {
        out.println(values.length == 0 ? format : text(format, values));
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be one more library
    private static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    private static String millis(long nanos) {
        return text(nanos < 10_000_000 ? "%.2f ms" : "%,.0f ms", nanos / 1e6);
    }

    private static String count(int number, String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }

    private static String onOff(boolean on) {
        return on ? "on" : "off";
    }

    /** The same as JSON; times are in milliseconds. */
    static byte[] json(BenchResult result) {
        return Json.document(json -> {
            json.writeStartObject();
            json.writeNumberProperty("cores", result.cores());
            json.writeStringProperty("java", Version.java());
            json.writeStringProperty("version", Version.number());
            options(json, result.options());
            json.writeObjectPropertyStart("disk");
            json.writeStringProperty("kind", result.disk().kind());
            times(json, "sync", result.disk().sync());
            number(json, "bytes_per_second", result.disk().bytesPerSecond());
            json.writeEndObject();
            number(json, "rsa_signatures_per_second", result.signaturesPerSecond());
            phase(json, "full", result.full());
            result.half().ifPresent(half -> phase(json, "half", half));
            json.writeStringProperty("limit", result.limit().kind().name());
            json.writeArrayPropertyStart("reasons");
            result.limit().reasons().forEach(json::writeString);
            json.writeEndArray();
            number(json, "messages_per_hour", result.full().messagesPerHour());
            number(json, "messages_per_hour_alone", result.limit().alonePerSecond() * 3600);
            account(json, result.account());
            json.writeEndObject();
        });
    }

    private static void options(JsonGenerator json, BenchOptions options) {
        json.writeNumberProperty("sessions", options.sessions());
        json.writeNumberProperty("size", options.sizeBytes());
        json.writeNumberProperty("recipients", options.recipients());
        json.writeBooleanProperty("dkim", options.dkim());
        json.writeBooleanProperty("tls_in", options.tlsIn());
        json.writeBooleanProperty("tls_out", options.tlsOut());
        json.writeStringProperty("durability", options.async() ? "async" : "sync");
        json.writeNumberProperty("round_trip_ms", options.roundTrip().toMillis());
        json.writeBooleanProperty("chunking", options.chunking());
        json.writeBooleanProperty("events", options.events());
        json.writeNumberProperty("messages_per_connection", options.clients().perConnection());
        json.writeBooleanProperty("pipelining", options.clients().pipelining());
    }

    private static void phase(JsonGenerator json, String name, BenchPhase phase) {
        json.writeObjectPropertyStart(name);
        number(json, "seconds", phase.seconds());
        number(json, "accepted_per_second", phase.acceptedPerSecond());
        number(json, "delivered_per_second", phase.deliveredPerSecond());
        number(json, "relay_cpu_us", phase.relayMicrosPerMessage());
        number(json, "clients_and_receivers_cpu_us", phase.ownMicrosPerMessage());
        number(json, "busy_share", phase.busyShare());
        number(json, "stolen_share", phase.stolenShare());
        number(json, "flushes_per_second", phase.flushesPerSecond());
        number(json, "flush_share", phase.flushShare());
        number(json, "written_bytes_per_second", phase.writtenBytesPerSecond());
        json.writeNumberProperty("waiting", phase.waiting());
        times(json, "mail_to_250", phase.toReply());
        times(json, "250_to_delivered", phase.toDelivery());
        json.writeEndObject();
    }

    private static void account(JsonGenerator json, BenchRig.Account account) {
        json.writeObjectPropertyStart("account");
        json.writeBooleanProperty("good", account.good());
        json.writeNumberProperty("acknowledged", account.acknowledged());
        json.writeNumberProperty("delivered", account.delivered());
        json.writeNumberProperty("lost", account.lost());
        json.writeNumberProperty("duplicates", account.duplicates());
        json.writeNumberProperty("corrupt", account.corrupt());
        json.writeNumberProperty("refused", account.refused());
        json.writeEndObject();
    }

    private static void times(JsonGenerator json, String name, BenchTimes times) {
        json.writeObjectPropertyStart(name);
        number(json, "p50_ms", times.p50() / 1e6);
        number(json, "p99_ms", times.p99() / 1e6);
        number(json, "p999_ms", times.p999() / 1e6);
        number(json, "max_ms", times.max() / 1e6);
        json.writeEndObject();
    }

    private static void number(JsonGenerator json, String name, double value) {
        json.writeNumberProperty(name, Math.round(value * 1000) / 1000.0);
    }
}
