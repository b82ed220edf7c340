// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;

/** Names of the DNS as texts: lower-case, without the last dot. */
final class DnsNames {
    private DnsNames() {}

    /** Null when the text cannot be a name. */
    static @Nullable Name of(String text) {
        try {
            return Name.fromString(text, Name.root);
        } catch (TextParseException | RuntimeException impossible) {
            return null;
        }
    }

    /** The root is the empty text. */
    static String text(Name name) {
        return name.equals(Name.root) ? "" : Ascii.lower(name.toString(true));
    }
}
