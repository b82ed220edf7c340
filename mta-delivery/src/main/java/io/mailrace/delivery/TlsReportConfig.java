// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.MailAddress;

/**
 * Whether receivers hear how TLS with them went; section {@code tls-reports}.
 *
 * @param from sender of the reports; null sender: none are made
 * @param organization who reports
 * @param contact whom to ask about it
 */
record TlsReportConfig(MailAddress from, String organization, String contact) {
    private static final int MAX_TEXT = 200;

    TlsReportConfig {
        if (organization.length() > MAX_TEXT || contact.length() > MAX_TEXT) {
            throw new IllegalArgumentException("organization and contact have at most 200 "
                    + "characters");
        }
    }

    static TlsReportConfig from(ConfigReader reader, String hostname) {
        MailAddress from = reader.parsed("from", "a mail address, or empty", MailAddress.NULL,
                text -> text.isEmpty() ? java.util.Optional.of(MailAddress.NULL)
                        : MailAddress.parse(text));
        String organization = reader.string("organization");
        String contact = reader.string("contact");
        return reader.build(() -> new TlsReportConfig(from, organization.isEmpty() ? hostname
                : organization, contact.isEmpty() ? from.toString() : contact))
                .orElseGet(() -> new TlsReportConfig(MailAddress.NULL, "", ""));
    }

    boolean enabled() {
        return !from.isNull();
    }
}
