// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Rate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * The last field of a user's line, {@code key=value} with blanks between: what the user may do and
 * how he may prove who he is beside his password. Holds what is written, in its order, and what it
 * means; both were checked. Immutable.
 */
final class UserFields {
    static final String SCRAM = "scram";
    static final String CERT = "cert";
    /** The keys, each with what its value must be. */
    private static final Map<String, String> KEYS = new TreeMap<>(Map.of(
            "from", "domains such as example.com,*.shop.test",
            "lane", "transactional, default or bulk",
            "lanes", "lanes such as default,bulk",
            "pool", "the name of a pool",
            "rate", "a rate such as 100/min",
            "rcpt-rate", "a rate such as 5000/h",
            "size", "a size such as 10m",
            "hold", "a length of time such as 7d",
            "control", "of lane,tag,tenant,pool,not-before, or none",
            CERT, "SHA-256 fingerprints or names of client certificates"));
    private static final Map<String, Long> SIZE_UNITS = Map.of("", 1L, "k", 1L << 10, "m",
            1L << 20, "g", 1L << 30);
    private static final Map<String, Long> TIME_UNITS = Map.of("s", 1L, "m", 60L, "h", 3600L,
            "d", 86_400L);
    private static final long MAX_SIZE = 2L << 30;
    private static final Duration MAX_HOLD = Duration.ofDays(365);
    private static final int MAX_WORDS = 1000;

    private final Map<String, String> written;
    private final UserRights rights;
    private final Optional<ScramSecret> scram;
    private final List<String> certificates;

    private UserFields(Map<String, String> written, String tenant) {
        this.written = written;
        UserRights all = UserRights.of(tenant);
        long maxSize = value("size", text -> number(text, SIZE_UNITS)
                .filter(n -> n >= 1024 && n <= MAX_SIZE)).orElse(all.maxSize());
        Duration hold = value("hold", text -> number(text, TIME_UNITS).map(Duration::ofSeconds)
                .filter(d -> d.compareTo(MAX_HOLD) <= 0)).orElse(all.maxHold());
        Set<ControlField> control = written.getOrDefault("control", "").equals("none")
                ? Set.of()
                : words("control", UserFields::control).map(Set::copyOf).orElse(EnumSet.of(
                        ControlField.LANE, ControlField.TAG));
        rights = new UserRights(tenant, words("from", UserFields::domain).orElse(List.of()),
                value("lane", Lane::ofWord),
                words("lanes", Lane::ofWord).map(Set::copyOf).orElse(all.lanes()),
                value("pool", Optional::of), value("rate", Rate::parse),
                value("rcpt-rate", Rate::parse), maxSize, hold, control);
        scram = Optional.ofNullable(written.get(SCRAM)).map(ScramSecret::parse);
        certificates = words(CERT, ClientCertificate::name).orElse(List.of());
        if (rights.lane().isPresent() && written.containsKey("lanes")) {
            throw new IllegalArgumentException("lane and lanes cannot both be set");
        }
    }

    /** @throws IllegalArgumentException with a sentence that says what is wrong */
    static UserFields parse(String text, String tenant) {
        Map<String, String> written = new LinkedHashMap<>();
        for (String word : text.strip().split("[ \t]+")) {
            if (word.isEmpty()) {
                continue;
            }
            int sign = word.indexOf('=');
            String key = sign < 0 ? word : word.substring(0, sign);
            checkKey(key);
            if (sign < 0 || sign == word.length() - 1) {
                throw new IllegalArgumentException(key + " has no value");
            }
            if (written.put(key, word.substring(sign + 1)) != null) {
                throw new IllegalArgumentException(key + " is there twice");
            }
        }
        return new UserFields(written, tenant);
    }

    static void checkKey(String key) {
        if (!KEYS.containsKey(key) && !key.equals(SCRAM)) {
            throw new IllegalArgumentException("unknown key " + clean(key) + "; known are "
                    + String.join(", ", KEYS.keySet()) + ", " + SCRAM);
        }
    }

    /** The same with some keys changed; an empty value takes its key out. */
    UserFields with(Map<String, String> changes) {
        Map<String, String> changed = new LinkedHashMap<>(written);
        changes.forEach((key, value) -> {
            checkKey(key);
            if (value.chars().anyMatch(c -> c <= 32 || c >= 127)) {
                throw new IllegalArgumentException("the value of " + key
                        + " must be printable ASCII without blanks");
            }
            if (value.isEmpty()) {
                changed.remove(key);
            } else {
                changed.put(key, value);
            }
        });
        return new UserFields(changed, rights.tenant());
    }

    private <T> Optional<T> value(String key, Function<String, Optional<T>> parse) {
        String text = written.get(key);
        return text == null ? Optional.empty() : Optional.of(parsed(key, text, parse));
    }

    private <T> Optional<List<T>> words(String key, Function<String, Optional<T>> parse) {
        String text = written.get(key);
        if (text == null) {
            return Optional.empty();
        }
        List<T> all = new ArrayList<>();
        for (String word : text.split(",", MAX_WORDS)) {
            all.add(parsed(key, word, parse));
        }
        return Optional.of(all);
    }

    private static <T> T parsed(String key, String text, Function<String, Optional<T>> parse) {
        return parse.apply(text).orElseThrow(() -> new IllegalArgumentException(key + " must be "
                + KEYS.get(key) + ", not \"" + clean(text) + "\""));
    }

    private static String clean(String text) {
        return Ascii.clean(text, 80);
    }

    private static Optional<Long> number(String text, Map<String, Long> units) {
        int end = 0;
        while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
            end++;
        }
        Long unit = units.get(text.substring(end));
        return unit == null || end == 0 || end > 10
                ? Optional.empty()
                : Optional.of(Long.parseLong(text.substring(0, end)) * unit);
    }

    private static Optional<ControlField> control(String word) {
        for (ControlField control : ControlField.values()) {
            if (control.word().equals(word)) {
                return Optional.of(control);
            }
        }
        return Optional.empty();
    }

    /** In the form {@link MailAddress} gives a domain, so that both compare. */
    private static Optional<String> domain(String text) {
        String prefix = text.startsWith("*.") ? "*." : "";
        return MailAddress.parse("x@" + text.substring(prefix.length()))
                .map(address -> prefix + address.domain());
    }

    UserRights rights() {
        return rights;
    }

    Optional<ScramSecret> scram() {
        return scram;
    }

    /** In the form of {@link ClientCertificate#names}. */
    List<String> certificates() {
        return certificates;
    }

    /** As it stands in the file. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        written.forEach((key, value) -> text.append(text.isEmpty() ? "" : " ").append(key)
                .append('=').append(value));
        return text.toString();
    }

    /** For people: without what proves who the user is. */
    String shown() {
        Map<String, String> open = new LinkedHashMap<>(written);
        open.replace(SCRAM, "yes");
        StringBuilder text = new StringBuilder();
        open.forEach((key, value) -> text.append(text.isEmpty() ? "" : " ").append(key)
                .append('=').append(value));
        return text.toString();
    }
}
