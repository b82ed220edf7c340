// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Parameters of a request to the admin address: one short text each. */
final class QueryText {
    private static final int MAX_VALUE = 300;

    private QueryText() {}

    /**
     * The value of a parameter; empty when it is not there.
     *
     * @throws IllegalArgumentException when it is no short text, or there twice
     */
    static Optional<String> value(Map<String, List<String>> query, String name) {
        List<String> values = query.getOrDefault(name, List.of());
        if (values.isEmpty()) {
            return Optional.empty();
        }
        String value = values.getFirst();
        if (values.size() > 1 || value.isEmpty() || value.length() > MAX_VALUE
                || value.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException(name + " must be one short text");
        }
        return Optional.of(value);
    }
}
