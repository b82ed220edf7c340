// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.xbill.DNS.Record;
import org.xbill.DNS.TXTRecord;

/** TXT records of the form {@code v=X; name=value; …} (RFC 8461 3.1, RFC 8460 3). */
final class StsRecord {
    private StsRecord() {}

    /** The texts that begin with that version; their strings are joined. */
    static List<String> ofVersion(List<Record> records, String version) {
        List<String> found = new ArrayList<>();
        for (Record one : records) {
            if (one instanceof TXTRecord txt) {
                StringBuilder text = new StringBuilder();
                txt.getStringsAsByteArrays().forEach(part -> text.append(new String(part,
                        StandardCharsets.ISO_8859_1)));
                String whole = text.toString();
                if (whole.equals("v=" + version) || whole.startsWith("v=" + version + ";")
                        || whole.startsWith("v=" + version + " ")) {
                    found.add(whole);
                }
            }
        }
        return found;
    }

    /** The value of a field; empty when it is not there. */
    static Optional<String> field(String text, String name) {
        for (String part : text.split(";")) {
            String field = part.strip();
            if (field.startsWith(name + "=")) {
                return Optional.of(field.substring(name.length() + 1).strip());
            }
        }
        return Optional.empty();
    }

    /** The id of the one MTA-STS record; empty when there is none, several, or a broken one. */
    static Optional<String> id(List<Record> records) {
        List<String> texts = ofVersion(records, "STSv1");
        return texts.size() != 1 ? Optional.empty()
                : field(texts.getFirst(), "id").filter(id -> !id.isEmpty() && id.length() <= 32
                        && id.chars().allMatch(c -> (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                                || (c >= '0' && c <= '9')));
    }
}
