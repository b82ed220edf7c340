// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One section of the configuration, read key by key. Reading never throws: whatever is wrong is
 * noted with file and line, a harmless value is returned, and {@link ConfigSource#finish()} reports
 * all of it at once. A key nobody asked for is a problem too. Confined to the thread that reads.
 *
 * <p>Keys are single names (no dots); a domain may be a key. Defaults come from each module's
 * {@code reference.conf}: a key that is neither there nor in the file is a bug of ours.
 */
public final class ConfigReader {
    private final ConfigObject section;
    private final String path;
    private final List<ConfigProblem> problems;
    private final Set<String> asked = new LinkedHashSet<>();
    /** By path: who reads a section again goes on where others were. */
    private final Map<String, ConfigReader> children = new LinkedHashMap<>();

    ConfigReader(ConfigObject section, String path, List<ConfigProblem> problems) {
        this.section = section;
        this.path = path;
        this.problems = problems;
    }

    /** Whether the key has a value; a null value counts as none. */
    public boolean has(String key) {
        asked.add(key);
        ConfigValue value = section.get(key);
        return value != null && value.valueType() != ConfigValueType.NULL;
    }

    public String string(String key) {
        return read(key, "a text", "", c -> c.getString("v"));
    }

    /** The text, or empty when the key is absent. */
    public Optional<String> optionalString(String key) {
        return has(key) ? Optional.of(string(key)) : Optional.empty();
    }

    public boolean flag(String key) {
        return read(key, "true or false", false, c -> c.getBoolean("v"));
    }

    /** A whole number from {@code min} to {@code max}. */
    public int integer(String key, int min, int max) {
        return (int) within(key, min, max, read(key, "a whole number", (long) min,
                c -> wholeNumber(c.getNumber("v"))), n -> n.toString());
    }

    /** A size such as {@code 25m} (1024-based) in bytes, from {@code min} to {@code max}. */
    public long bytes(String key, long min, long max) {
        return within(key, min, max,
                read(key, "a size such as 25m", min, c -> c.getBytes("v")),
                n -> n + " bytes");
    }

    /** A length of time such as {@code 5m}, from {@code min} to {@code max}. */
    public Duration duration(String key, Duration min, Duration max) {
        Duration read = read(key, "a length of time such as 30s or 5m", min,
                c -> c.getDuration(unitRequired(c.getValue("v"))));
        long millis = within(key, min.toMillis(), max.toMillis(), read.toMillis(),
                n -> Duration.ofMillis(n).toString().substring(2).toLowerCase(Locale.ROOT));
        return Duration.ofMillis(millis);
    }

    public List<Duration> durations(String key) {
        return read(key, "a list of lengths of time such as [2m, 5m]", List.<Duration>of(),
                c -> {
                    c.getList("v").forEach(ConfigReader::unitRequired);
                    return c.getDurationList("v");
                });
    }

    public List<String> strings(String key) {
        return read(key, "a list of texts", List.<String>of(), c -> c.getStringList("v"));
    }

    /** A list of texts, or one text alone; none when the key is absent. */
    public List<String> texts(String key) {
        if (!has(key)) {
            return List.of();
        }
        return section.get(key) instanceof ConfigList ? strings(key) : List.of(string(key));
    }

    /** Constants of an enum, as {@link #texts}; what is none of them is a problem. */
    public <E extends Enum<E>> List<E> choices(String key, Class<E> type) {
        List<E> chosen = new ArrayList<>();
        for (String text : texts(key)) {
            Optional<E> found = Stream.of(type.getEnumConstants())
                    .filter(one -> word(one).equals(text)).findFirst();
            if (found.isEmpty()) {
                problem(key, "must be of: " + words(type) + "; not \"" + text + "\"");
            }
            found.ifPresent(chosen::add);
        }
        return List.copyOf(chosen);
    }

    private static <E extends Enum<E>> String words(Class<E> type) {
        return Stream.of(type.getEnumConstants()).map(ConfigReader::word)
                .collect(Collectors.joining(", "));
    }

    /** One of an enum's constants, written in lower case with dashes. */
    public <E extends Enum<E>> E choice(String key, Class<E> type) {
        E[] all = type.getEnumConstants();
        String text = string(key);
        for (E one : all) {
            if (word(one).equals(text)) {
                return one;
            }
        }
        if (has(key)) {
            problem(key, "must be one of: " + words(type) + "; not \"" + text + "\"");
        }
        return all[0];
    }

    /** A text turned into a value; {@code what} says what was expected. */
    public <T> T parsed(String key, String what, T otherwise, Function<String, Optional<T>> parse) {
        String text = string(key);
        Optional<T> value = parse.apply(text);
        if (value.isEmpty() && has(key)) {
            problem(key, "must be " + what + ", not \"" + text + "\"");
        }
        return value.orElse(otherwise);
    }

    /** A list of texts each turned into a value; those that cannot be are problems. */
    public <T> List<T> parsedList(String key, String what, Function<String, Optional<T>> parse) {
        List<T> values = new ArrayList<>();
        for (String text : strings(key)) {
            Optional<T> value = parse.apply(text);
            if (value.isEmpty()) {
                problem(key, "must be " + what + ", not \"" + text + "\"");
            }
            value.ifPresent(values::add);
        }
        return List.copyOf(values);
    }

    /** A section inside this one. */
    public ConfigReader section(String key) {
        asked.add(key);
        ConfigValue value = section.get(key);
        if (value instanceof ConfigObject object) {
            return child(object, childPath(key));
        }
        problem(key, "must be a section { ... }");
        return child(ConfigFactory.empty().root(), childPath(key));
    }

    /**
     * Named sections: each entry of {@code key} with the values of {@code defaultsKey} under it.
     * The order is by name. An entry that is null is left out.
     */
    public Map<String, ConfigReader> sections(String key, String defaultsKey) {
        asked.add(key);
        asked.add(defaultsKey);
        Map<String, ConfigReader> found = new LinkedHashMap<>();
        if (!(section.get(key) instanceof ConfigObject all)) {
            problem(key, "must be a section of named sections");
            return found;
        }
        ConfigObject defaults = section.get(defaultsKey) instanceof ConfigObject object
                ? object
                : ConfigFactory.empty().root();
        for (String name : all.keySet().stream().sorted().toList()) {
            ConfigValue value = all.get(name);
            if (value instanceof ConfigObject entry) {
                found.put(name, child(entry.withFallback(defaults), childPath(key) + "."
                        + quoted(name)));
            } else if (value == null || value.valueType() != ConfigValueType.NULL) {
                problemAt(value, childPath(key) + "." + quoted(name),
                        "must be a section { ... }");
            }
        }
        return found;
    }

    /** A list of sections, each with the values of {@code defaultsKey} under it. */
    public List<ConfigReader> sectionList(String key, String defaultsKey) {
        asked.add(defaultsKey);
        ConfigObject defaults = section.get(defaultsKey) instanceof ConfigObject object
                ? object
                : ConfigFactory.empty().root();
        return sectionList(key, defaults);
    }

    /** A list of sections. */
    public List<ConfigReader> sectionList(String key) {
        return sectionList(key, ConfigFactory.empty().root());
    }

    private List<ConfigReader> sectionList(String key, ConfigObject defaults) {
        asked.add(key);
        List<ConfigReader> found = new ArrayList<>();
        if (!(section.get(key) instanceof ConfigList list)) {
            problem(key, "must be a list [ ... ]");
            return found;
        }
        int index = 0;
        for (ConfigValue value : list) {
            String at = childPath(key) + "[" + index++ + "]";
            if (value instanceof ConfigObject entry) {
                found.add(child(entry.withFallback(defaults), at));
            } else {
                problemAt(value, at, "must be a section { ... }");
            }
        }
        return found;
    }

    /** The names in this section, sorted: for sections whose keys are names the operator chose. */
    public List<String> keys() {
        return section.keySet().stream().sorted().toList();
    }

    /** Notes a problem at the place of {@code key}, or of this section when it has no value. */
    public void problem(String key, String text) {
        problemAt(section.get(key), childPath(key), text);
    }

    /**
     * Builds a config record; what its constructor refuses becomes a problem of this section.
     * The harmless value is then never used: {@link ConfigSource#finish()} throws.
     */
    public <T> Optional<T> build(Supplier<T> constructor) {
        try {
            return Optional.of(constructor.get());
        } catch (IllegalArgumentException refused) {
            problemAt(section, path.isEmpty() ? "configuration" : path,
                    String.valueOf(refused.getMessage()));
            return Optional.empty();
        }
    }

    /** Notes each key that nobody asked for, here and below. */
    void reportUnknownKeys() {
        for (String key : keys()) {
            if (!asked.contains(key)) {
                problemAt(section.get(key), childPath(key), "unknown key" + nearest(key));
            }
        }
        children.values().forEach(ConfigReader::reportUnknownKeys);
    }

    private String nearest(String key) {
        String best = "";
        int bestDistance = Math.max(2, key.length() / 3) + 1;
        for (String known : asked) {
            int distance = EditDistance.between(key, known);
            boolean alike = distance < Math.min(key.length(), known.length());
            if (alike && distance < bestDistance) {
                bestDistance = distance;
                best = known;
            }
        }
        return best.isEmpty() ? "" : "; did you mean " + best + "?";
    }

    private <T> T read(String key, String what, T otherwise, Function<Config, T> getter) {
        asked.add(key);
        ConfigValue value = section.get(key);
        if (value == null || value.valueType() == ConfigValueType.NULL) {
            problem(key, "is missing; it must be " + what);
            return otherwise;
        }
        try {
            return getter.apply(value.atKey("v"));
        } catch (com.typesafe.config.ConfigException | IllegalArgumentException wrong) {
            problem(key, "must be " + what + ", not " + Ascii.clean(String.valueOf(
                    value.unwrapped()), 60));
            return otherwise;
        }
    }

    /** The library would cut 1.5 to 1. */
    private static long wholeNumber(Number number) {
        if (number.doubleValue() != Math.rint(number.doubleValue())) {
            throw new IllegalArgumentException("not whole");
        }
        return number.longValue();
    }

    /** The library would take a number without a unit for milliseconds. Nought needs none. */
    private static String unitRequired(ConfigValue value) {
        String text = String.valueOf(value.unwrapped()).strip();
        boolean bare = text.chars().allMatch(c -> c >= '0' && c <= '9' || c == '.' || c == '-');
        if (bare && !text.equals("0")) {
            throw new IllegalArgumentException("no unit");
        }
        return "v";
    }

    private long within(String key, long min, long max, long value, Function<Long, String> show) {
        if (value >= min && value <= max) {
            return value;
        }
        problem(key, "must be " + show.apply(min) + " to " + show.apply(max) + ", not "
                + show.apply(value));
        return min;
    }

    private ConfigReader child(ConfigObject object, String at) {
        return children.computeIfAbsent(at, missing -> new ConfigReader(object, at, problems));
    }

    private void problemAt(@Nullable ConfigValue value, String at, String text) {
        // a null is a value nobody gave: its own place would be a line of our defaults
        ConfigOrigin origin = value == null || value.valueType() == ConfigValueType.NULL
                ? section.origin()
                : value.origin();
        ConfigProblem problem = ConfigSource.at(origin, at + ": " + text);
        if (!problems.contains(problem)) {
            problems.add(problem);
        }
    }

    private String childPath(String key) {
        return path.isEmpty() ? quoted(key) : path + "." + quoted(key);
    }

    private static String quoted(String key) {
        return key.chars().allMatch(c -> Character.isLetterOrDigit(c) || c == '-' || c == '_')
                ? key
                : ConfigUtil.quoteString(key);
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
