// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class DemoDsnTest {
    private static final String REPORT = """
            From: Mail Delivery System <mailer-daemon@mta.test>
            Content-Type: multipart/report; report-type=delivery-status;
            \tboundary="=_b(1)"
            MIME-Version: 1.0

            --=_b(1)
            Content-Type: text/plain

            Your message could not be delivered.

            --=_b(1)
            Content-Type: message/delivery-status

            Reporting-MTA: dns; mta.test

            Final-Recipient: rfc822; nobody7@strict.test
            Action: failed
            Status: 5.1.1
            Diagnostic-Code: smtp; 550 5.1.1 No such
             user here

            --=_b(1)
            Content-Type: text/rfc822-headers

            Subject: Order 7
            X-Demo-Number: 7

            --=_b(1)--
            """;

    @Test
    void read_report_allFields() {
        assertThat(read(REPORT)).containsExactly(new DemoDsn("nobody7@strict.test", "failed",
                "5.1.1", "smtp; 550 5.1.1 No such user here", 7,
                "Your message could not be delivered.\r\n"));
    }

    @Test
    void read_anythingElse_nothing() {
        assertThat(read("Subject: hello\n\nX-Demo-Number: 7\n")).isEmpty();
        assertThat(read(REPORT.replace("multipart/report", "multipart/mixed"))).isEmpty();
        assertThat(read(REPORT.replace("Status: 5.1.1\n", ""))).isEmpty();
        assertThat(read(REPORT.replace("X-Demo-Number: 7\n", ""))).isEmpty();
    }

    private static List<DemoDsn> read(String text) {
        return DemoDsn.read(text.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));
    }
}
