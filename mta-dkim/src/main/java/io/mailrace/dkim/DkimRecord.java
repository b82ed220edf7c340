// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.util.ArrayList;
import java.util.List;

/**
 * What to publish in the DNS for a key (RFC 6376 3.6).
 *
 * @param name {@code selector._domainkey.domain}, without trailing dot
 * @param value the TXT value in one piece
 */
public record DkimRecord(String name, String value) {
    private static final int MAX_STRING = 255;

    /** The value cut into character strings of at most 255 octets (RFC 1035 3.3). */
    public List<String> strings() {
        List<String> parts = new ArrayList<>();
        for (int at = 0; at < value.length(); at += MAX_STRING) {
            parts.add(value.substring(at, Math.min(value.length(), at + MAX_STRING)));
        }
        return List.copyOf(parts);
    }

    /** One line of a zone file. */
    public String zoneLine() {
        return name + ". IN TXT ( \"" + String.join("\" \"", strings()) + "\" )";
    }
}
