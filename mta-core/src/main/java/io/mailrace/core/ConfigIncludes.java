// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigIncludeContext;
import com.typesafe.config.ConfigIncluder;
import com.typesafe.config.ConfigIncluderClasspath;
import com.typesafe.config.ConfigIncluderFile;
import com.typesafe.config.ConfigIncluderURL;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigSyntax;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Follows {@code include "name"}: files only, relative to the including file. Differs from the
 * library's own way, which passes over a missing file in silence, also tries other endings and the
 * class path, and fetches URLs. Each file at most 16 MB, at most {@value #MAX_INCLUDED} of them
 * open at once. Confined to the thread that reads the configuration.
 */
final class ConfigIncludes
        implements
            ConfigIncluder,
            ConfigIncluderFile,
            ConfigIncluderURL,
            ConfigIncluderClasspath {
    private static final long MAX_FILE_BYTES = 16L << 20;
    private static final int MAX_INCLUDED = 16;

    /** The files being read: the innermost is last. Empty while a text is read. */
    private final Deque<Path> open = new ArrayDeque<>();

    /** For a text, which has no place that a name could be relative to. */
    ConfigIncludes() {}

    /** For a file, which is checked before it is parsed, as each that it includes. */
    ConfigIncludes(Path file) {
        check(file, file.toString(), 0);
        open.addLast(file);
    }

    @Override
    public ConfigIncluder withFallback(ConfigIncluder fallback) {
        return this;
    }

    @Override
    public ConfigObject include(ConfigIncludeContext context, String what) {
        if (open.isEmpty()) {
            throw ConfigSource.problem("text", 0, "cannot include \"" + what + "\": no file");
        }
        Path from = open.getLast();
        int line = lineOf(what, from);
        try {
            return read(from.resolveSibling(what), from, line, context.parseOptions());
        } catch (InvalidPathException notAPath) {
            throw ConfigSource.problem(from.toString(), line, "not a file name: \"" + what + "\"");
        }
    }

    @Override
    public ConfigObject includeFile(ConfigIncludeContext context, File what) {
        return include(context, what.getPath());
    }

    @Override
    public ConfigObject includeURL(ConfigIncludeContext context, URL what) {
        throw refused("url", what.toString());
    }

    @Override
    public ConfigObject includeResources(ConfigIncludeContext context, String what) {
        throw refused("classpath", what);
    }

    private ConfigObject read(Path file, Path from, int line, ConfigParseOptions options) {
        if (open.size() > MAX_INCLUDED) {
            throw ConfigSource.problem(from.toString(), line,
                    "includes are nested deeper than " + MAX_INCLUDED + "; do they form a circle?");
        }
        check(file, from.toString(), line);
        open.addLast(file);
        try {
            return ConfigFactory.parseFile(file.toFile(), options.setAllowMissing(false)
                    .setSyntax(ConfigSyntax.CONF).setOriginDescription(null)).root();
        } finally {
            open.removeLast();
        }
    }

    private ConfigException refused(String kind, String what) {
        Path from = open.isEmpty() ? Path.of("text") : open.getLast();
        return ConfigSource.problem(from.toString(), lineOf(what, from),
                "include " + kind + "(...) is not supported: only files");
    }

    /** What is wrong with the file is said at the place that names it; {@code line} may be 0. */
    private static void check(Path file, String at, int line) {
        String name = line > 0 ? "the included file " + file + " " : "";
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw ConfigSource.problem(at, line, name + "is larger than 16 MB");
            }
            ConfigNesting.check(file.toString(), Files.readString(file));
        } catch (CharacterCodingException notUtf8) {
            throw ConfigSource.problem(at, line, name + "is not UTF-8 text");
        } catch (java.nio.file.NoSuchFileException missing) {
            throw ConfigSource.problem(at, line, name + "does not exist");
        } catch (IOException unreadable) {
            throw ConfigSource.problem(at, line, name + "cannot be read: " + unreadable);
        }
    }

    /** The library does not tell; the line that includes that name is it. */
    private static int lineOf(String what, Path file) {
        Pattern include = Pattern.compile(
                "^\\s*include\\b.*\"" + Pattern.quote(what) + "\"", Pattern.DOTALL);
        try {
            List<String> lines = Files.readAllLines(file);
            for (int i = 0; i < lines.size(); i++) {
                if (include.matcher(lines.get(i)).find()) {
                    return i + 1;
                }
            }
        } catch (IOException gone) {
            return 0;
        }
        return 0;
    }
}
