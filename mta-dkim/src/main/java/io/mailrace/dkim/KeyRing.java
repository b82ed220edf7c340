// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Ascii;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The keys by signing domain. A domain without keys signs with those of its nearest parent that
 * has some: receivers that align relaxed accept that (RFC 7489 3.1.1). Immutable.
 */
final class KeyRing {
    private static final int MAX_DOMAIN = 255;

    /** The keys of one domain and how events name their signatures. */
    record Keys(List<DkimKey> all, String signedBy) {
        static Keys of(List<DkimKey> all) {
            return new Keys(List.copyOf(all),
                    all.stream().map(DkimKey::signedBy).collect(Collectors.joining(",")));
        }

        boolean areRsa() {
            return all.stream().allMatch(DkimKey.Rsa.class::isInstance);
        }
    }

    private final Map<String, Keys> byDomain;

    KeyRing(Map<String, List<DkimKey>> keys) {
        byDomain = keys.entrySet().stream().collect(
                Collectors.toUnmodifiableMap(Map.Entry::getKey, e -> Keys.of(e.getValue())));
    }

    List<DkimKey> allKeys() {
        return byDomain.values().stream().flatMap(keys -> keys.all().stream()).toList();
    }

    /** The keys for mail from a domain, or null. The name comes from a message: any text. */
    @Nullable
    Keys find(String fromDomain) {
        if (byDomain.isEmpty() || fromDomain.isEmpty() || fromDomain.length() > MAX_DOMAIN) {
            return null;
        }
        // a raw UTF-8 From has U-labels; d= and the DNS have A-labels (RFC 8616 4)
        String name = Ascii.isAscii(fromDomain)
                ? Ascii.lower(fromDomain)
                : DkimConfig.signingDomain(fromDomain).orElse("");
        while (!name.isEmpty()) {
            Keys keys = byDomain.get(name);
            if (keys != null) {
                return keys;
            }
            int dot = name.indexOf('.');
            name = dot < 0 ? "" : name.substring(dot + 1);
        }
        return null;
    }
}
