// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a route changes in the header of its mail before it is signed. A route names at
 * most {@value #MAX_FIELDS} fields each way. Immutable.
 *
 * @param add values by field name, put after the others
 * @param remove names in lower case; what is added is not removed again
 */
public record HeaderEdits(Map<String, String> add, Set<String> remove) {
    public static final HeaderEdits NONE = new HeaderEdits(Map.of(), Set.of());
    private static final int MAX_FIELDS = 20;
    private static final int MAX_NAME = 76;
    private static final int MAX_VALUE = 900;
    /** What others rely on to tell where mail came from and who vouches for it. */
    private static final Set<String> UNTOUCHED = Set.of("received", "dkim-signature",
            "return-path");

    public HeaderEdits {
        add = Collections.unmodifiableMap(new LinkedHashMap<>(add));
        remove = Set.copyOf(remove);
    }

    static HeaderEdits from(ConfigReader section) {
        Map<String, String> add = new TreeMap<>();
        if (section.has("add")) {
            ConfigReader fields = section.section("add");
            for (String name : fields.keys()) {
                String value = fields.string(name);
                check(fields, name, name);
                if (value.isBlank() || value.length() > MAX_VALUE || !Ascii.isPrintable(value)) {
                    fields.problem(name, "must be 1 to " + MAX_VALUE
                            + " printable ASCII characters in one line");
                }
                add.put(name, value);
            }
        }
        List<String> remove = new ArrayList<>();
        if (section.has("remove")) {
            for (String name : section.strings("remove")) {
                check(section, "remove", name);
                remove.add(Ascii.lower(name));
            }
        }
        if (add.size() > MAX_FIELDS || remove.size() > MAX_FIELDS) {
            section.problem(add.size() > MAX_FIELDS ? "add" : "remove",
                    "has more than " + MAX_FIELDS + " header fields");
        }
        return new HeaderEdits(add, new LinkedHashSet<>(remove));
    }

    private static void check(ConfigReader reader, String key, String name) {
        if (name.isEmpty() || name.length() > MAX_NAME || name.charAt(0) == '.'
                || !name.chars().allMatch(c -> c > 32 && c < 127 && c != ':')) {
            reader.problem(key, "is not the name of a header field: \"" + name + "\"");
        } else if (UNTOUCHED.contains(Ascii.lower(name))) {
            reader.problem(key, name + " is never added or removed");
        } else if (Ascii.startsWithIgnoreCase(name, "X-Mailrace-")) {
            reader.problem(key, name + " is for applications; it is taken out anyway");
        }
    }

    /** What either removes, and what this adds. */
    HeaderEdits and(HeaderEdits other) {
        if (remove.containsAll(other.remove())) {
            return this;
        }
        Set<String> both = new LinkedHashSet<>(remove);
        both.addAll(other.remove());
        return new HeaderEdits(add, both);
    }
}
