// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.MailAddress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.Locale;
import java.util.zip.GZIPOutputStream;

/**
 * One report to one domain about one day (RFC 8460 4, 5). Immutable.
 *
 * @param day in UTC
 */
record TlsReport(TlsReportConfig config, String hostname, String domain, LocalDate day,
        TlsTally tally) {
    private static final DateTimeFormatter DATE = DateTimeFormatter
            .ofPattern("EEE, d MMM yyyy HH:mm:ss Z", Locale.ENGLISH).withZone(ZoneOffset.UTC);
    private static final String BOUNDARY = "=_tls-report";

    private Instant from() {
        return day.atStartOfDay(ZoneOffset.UTC).toInstant();
    }

    private Instant until() {
        return day.plusDays(1).atStartOfDay(ZoneOffset.UTC).toInstant().minusSeconds(1);
    }

    /** The same whenever it is made again. */
    String id() {
        return day + "." + domain + "@" + hostname;
    }

    String json() {
        return "{\"organization-name\":" + TlsTally.quoted(config.organization())
                + ",\"date-range\":{\"start-datetime\":\"" + from() + "\",\"end-datetime\":\""
                + until() + "\"},\"contact-info\":" + TlsTally.quoted(config.contact())
                + ",\"report-id\":" + TlsTally.quoted(id()) + ",\"policies\":"
                + tally.json(domain) + "}";
    }

    byte[] gzip() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            out.write(json().getBytes(StandardCharsets.US_ASCII));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }

    private String file() {
        return hostname + "!" + domain + "!" + from().getEpochSecond() + "!" + until()
                .getEpochSecond() + ".json.gz";
    }

    /** The mail that carries it (5.3); lines end with CRLF. */
    byte[] mail(MailAddress to, Instant now) {
        String text = "From: <" + config.from() + ">\nTo: <" + to + ">\nSubject: Report Domain: "
                + domain + " Submitter: " + hostname + "\n Report-ID: <" + id() + ">\nDate: "
                + DATE.format(now) + "\nMessage-ID: <" + id() + ">\nTLS-Report-Domain: " + domain
                + "\nTLS-Report-Submitter: " + hostname + "\nTLS-Required: No\n"
                + "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
                + "Content-Type: multipart/report; report-type=\"tlsrpt\";\n\tboundary=\""
                + BOUNDARY + "\"\n\n--" + BOUNDARY + "\nContent-Type: text/plain; "
                + "charset=us-ascii\n\nThis is a report on TLS of mail to " + domain + "\non "
                + day + " (UTC), made by " + hostname + ".\n\n--" + BOUNDARY
                + "\nContent-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n"
                + "Content-Disposition: attachment;\n\tfilename=\"" + file() + "\"\n\n"
                + Base64.getMimeEncoder(76, "\n".getBytes(StandardCharsets.US_ASCII))
                        .encodeToString(gzip())
                + "\n\n--" + BOUNDARY + "--\n";
        return text.replace("\n", "\r\n").getBytes(StandardCharsets.US_ASCII);
    }
}
