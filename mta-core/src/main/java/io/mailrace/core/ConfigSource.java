// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigSyntax;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The configuration file with every module's {@code reference.conf} under it. The modules read
 * their sections through {@link #root()}; then {@link #finish()} reports all problems at once.
 */
public final class ConfigSource {
    private static final long MAX_FILE_BYTES = 16L << 20;
    private static final int MAX_DEPTH = 64;

    private final Config config;
    private final List<ConfigProblem> problems = new ArrayList<>();
    private final ConfigReader root;

    private ConfigSource(Config config) {
        this.config = config;
        root = new ConfigReader(config.root(), "", problems);
    }

    /**
     * Reads a file.
     *
     * @throws ConfigException when it cannot be read or is not HOCON
     */
    public static ConfigSource ofFile(Path file) {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw problem(file.toString(), 0, "is larger than 16 MB");
            }
            refuseDeepNesting(file.toString(), Files.readString(file));
        } catch (IOException unreadable) {
            throw problem(file.toString(), 0, "cannot be read: " + unreadable);
        }
        return parse(file.toString(), () -> ConfigFactory.parseFile(file.toFile(),
                ConfigParseOptions.defaults().setAllowMissing(false)
                        .setSyntax(ConfigSyntax.CONF)));
    }

    /** Reads a text, as tests and the demo do. */
    public static ConfigSource ofText(String text) {
        refuseDeepNesting("text", text);
        return parse("text", () -> ConfigFactory.parseString(text,
                ConfigParseOptions.defaults().setOriginDescription("text")));
    }

    private interface Parse {
        Config get();
    }

    private static ConfigSource parse(String name, Parse parse) {
        try {
            Config reference = ConfigFactory.parseResources(ConfigSource.class.getClassLoader(),
                    "reference.conf");
            return new ConfigSource(parse.get().withFallback(reference).resolve());
        } catch (com.typesafe.config.ConfigException broken) {
            ConfigOrigin origin = broken.origin();
            int line = origin == null ? 0 : Math.max(0, origin.lineNumber());
            throw problem(origin == null || origin.filename() == null ? name : origin.filename(),
                    line, String.valueOf(broken.getMessage()));
        }
    }

    /** The top of the configuration. */
    public ConfigReader root() {
        return root;
    }

    /** Call after every module has read its section; throws when anything was wrong. */
    public void finish() {
        root.reportUnknownKeys();
        if (!problems.isEmpty()) {
            throw new ConfigException(problems);
        }
    }

    /** The effective values as HOCON, each with a comment naming where it came from. */
    public String show() {
        return config.root().render(ConfigRenderOptions.defaults().setJson(false));
    }

    /** The parser recurses, so depth is bounded before it runs. */
    private static void refuseDeepNesting(String name, String text) {
        int depth = 0;
        int line = 1;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\n') {
                line++;
            } else if (c == '{' || c == '[') {
                depth++;
            } else if (c == '}' || c == ']') {
                depth--;
            }
            if (depth > MAX_DEPTH) {
                throw problem(name, line, "is nested deeper than 64 levels");
            }
        }
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

    private static ConfigException problem(String file, int line, String text) {
        return new ConfigException(List.of(new ConfigProblem(file, line, text)));
    }
}
