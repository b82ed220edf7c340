// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigSyntax;
import com.typesafe.config.ConfigValue;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The configuration file with every module's {@code reference.conf} under it, and between them
 * what the launcher sized by this machine. The modules read
 * their sections through {@link #root()}; then {@link #finish()} reports all problems at once,
 * in the order of the file.
 */
public final class ConfigSource {
    private static final Pattern URL_PASSWORD = Pattern.compile(
            "(://[^:@/\\s\"]+:)[^\\s\"]*@");

    /** How the library describes a place: that of a merged section has all its parts. */
    private static final Pattern PLACE = Pattern.compile(
            "(?:merge of )?(.*?): (\\d{1,9})(?:-\\d+)?(?:,.*)?", Pattern.DOTALL);
    private static final String MACHINE = "mailrace.default.";

    private final Config config;
    private final List<ConfigProblem> problems = new ArrayList<>();
    private final ConfigReader root;

    private ConfigSource(Config config) {
        this.config = config;
        root = new ConfigReader(config.root(), "", problems);
    }

    /**
     * Reads a file and the files it includes.
     *
     * @throws ConfigException when one of them cannot be read or is not HOCON
     */
    public static ConfigSource ofFile(Path file) {
        return parse(file.toString(), () -> {
            ConfigIncludes includes = new ConfigIncludes(file);
            return ConfigFactory.parseFile(file.toFile(), ConfigParseOptions.defaults()
                    .setAllowMissing(false).setSyntax(ConfigSyntax.CONF).setIncluder(includes));
        });
    }

    /** Reads a text, as tests and the demo do. It includes nothing. */
    public static ConfigSource ofText(String text) {
        return parse("text", () -> {
            ConfigNesting.check("text", text);
            return ConfigFactory.parseString(text, ConfigParseOptions.defaults()
                    .setOriginDescription("text").setIncluder(new ConfigIncludes()));
        });
    }

    private static ConfigSource parse(String name, Supplier<Config> parse) {
        try {
            Config reference = ConfigFactory.parseResources(ConfigSource.class.getClassLoader(),
                    "reference.conf");
            return new ConfigSource(parse.get().withFallback(ofThisMachine())
                    .withFallback(reference).resolve());
        } catch (com.typesafe.config.ConfigException broken) {
            throw problemOf(name, broken);
        } catch (StackOverflowError tooDeep) {
            // the library recurses on dotted keys too, which no count of braces foresees
            throw problem(name, 0, "is nested too deeply");
        }
    }

    /** Defaults the launcher derived from the machine: {@code -Dmailrace.default.KEY=VALUE}. */
    private static Config ofThisMachine() {
        Map<String, String> sized = new TreeMap<>();
        for (String name : System.getProperties().stringPropertyNames()) {
            if (name.startsWith(MACHINE)) {
                sized.put(name.substring(MACHINE.length()), System.getProperty(name, ""));
            }
        }
        return ConfigFactory.parseMap(sized, "default for the memory of this machine");
    }

    private static ConfigException problemOf(String name,
            com.typesafe.config.ConfigException broken) {
        String text = String.valueOf(broken.getMessage());
        ConfigOrigin origin = broken.origin();
        if (origin == null) {
            return problem(name, 0, text);
        }
        String place = origin.description() + ": ";
        return problem(nameOf(origin), Math.max(0, origin.lineNumber()),
                text.startsWith(place) ? text.substring(place.length()) : text);
    }

    /** The top of the configuration. */
    public ConfigReader root() {
        return root;
    }

    /** Call after every module has read its section; throws when anything was wrong. */
    public void finish() {
        root.reportUnknownKeys();
        if (!problems.isEmpty()) {
            throw new ConfigException(problems.stream().distinct().sorted(Comparator
                    .comparing(ConfigProblem::file).thenComparingInt(ConfigProblem::line))
                    .toList());
        }
    }

    /**
     * The effective values as HOCON, each with a comment naming where it came from; passwords in
     * addresses such as {@code socks5://user:password@host} are left out.
     */
    public String show() {
        return URL_PASSWORD.matcher(config.root().render(ConfigRenderOptions.defaults()
                .setJson(false))).replaceAll("$1***@");
    }

    /** Keys, with dots, whose values differ between this and another one, sorted. */
    public List<String> changedKeys(ConfigSource other) {
        Set<String> changed = new TreeSet<>();
        for (Map.Entry<String, ConfigValue> entry : config.entrySet()) {
            String key = entry.getKey();
            if (!other.config.hasPath(key)
                    || !other.config.getValue(key).equals(entry.getValue())) {
                changed.add(key);
            }
        }
        other.config.entrySet().stream().map(Map.Entry::getKey)
                .filter(key -> !config.hasPath(key)).forEach(changed::add);
        return List.copyOf(changed);
    }

    /** The file, or the word for where a text came from; the library adds the line to that word. */
    static String nameOf(ConfigOrigin origin) {
        if (origin.filename() != null) {
            return origin.filename();
        }
        String described = origin.description();
        String line = ": " + origin.lineNumber();
        return described.endsWith(line)
                ? described.substring(0, described.length() - line.length())
                : described;
    }

    /**
     * A problem at the place of a value. A section that stands in several files, such as the
     * operator's and our defaults, has its place in the first.
     */
    static ConfigProblem at(ConfigOrigin origin, String text) {
        Matcher place = PLACE.matcher(origin.description());
        return origin.filename() == null && place.matches()
                ? new ConfigProblem(place.group(1), Integer.parseInt(place.group(2)), text)
                : new ConfigProblem(nameOf(origin), Math.max(0, origin.lineNumber()), text);
    }

    static ConfigException problem(String file, int line, String text) {
        return new ConfigException(List.of(new ConfigProblem(file, line, text)));
    }
}
