// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The house rules that no compiler checks, over every source file of the repository. */
class TidyTest {
    private static final String SPDX = "SPDX-License-Identifier: Apache-2.0";
    private static final int MAX_COLUMNS = 100;
    private static final int MAX_FILE_LINES = 900;
    private static final int LONG_FILE_LINES = 600;
    private static final int MAX_METHOD_LINES = 60;
    private static final int MAX_TEST_METHOD_LINES = 120;
    private static final int MAX_README_LINES = 60;
    private static final Set<String> SKIPPED_FOLDERS = Set.of(".git", ".idea", "target",
            "node_modules");
    private static final Set<String> TEXT_ENDINGS = Set.of("java", "conf", "sh", "py", "md", "xml",
            "service", "smtp", "toml", "yml", "yaml", "json", "html", "css", "js");
    private static final List<String> README_HEADINGS = List.of("Owns", "Does not own",
            "Start reading at", "Invariants", "Files", "Test it with");

    private static final Path ROOT = root();
    private static final List<SourceFile> FILES = sourceFiles();

    /** A call that is not to be made, where it may stand nevertheless, and what to do instead. */
    private record Banned(String pattern, String allowedIn, String instead) {
        Matcher in(String line) {
            return Pattern.compile(pattern).matcher(line);
        }

        boolean isAllowedIn(SourceFile file) {
            return Pattern.compile(allowedIn).matcher(file.name()).find();
        }
    }

    private static final String NOWHERE = "^$";
    private static final String NOT_IN_TESTS = "^(?!.*/src/test/).*$";

    private static final List<Banned> BANNED_CALLS = List.of(
            new Banned("System\\.(currentTimeMillis|nanoTime)\\(",
                    "core/SystemTimeSource\\.java$|^benchmarks/", "a TimeSource passed in"),
            new Banned("(Instant|LocalDate|LocalDateTime|ZonedDateTime|Clock)"
                    + "\\.(now|system\\w*)\\(", NOWHERE, "a TimeSource passed in"),
            new Banned("new Date\\(\\)", NOWHERE, "a TimeSource passed in"),
            new Banned("Thread\\.sleep\\(|TimeUnit\\.\\w+\\.sleep\\(", NOT_IN_TESTS,
                    "FakeTimeSource, or wait for a condition with a deadline"),
            new Banned("\\.to(Lower|Upper)Case\\(\\s*\\)", NOWHERE,
                    "Ascii.lower/upper, or Locale.ROOT"),
            new Banned("System\\.(out|err)\\b", "^mta-daemon/src/main/|^benchmarks/", "SLF4J"),
            new Banned("\\.printStackTrace\\(", "^mta-daemon/src/main/",
                    "SLF4J with the exception"),
            new Banned("@Disabled\\b", NOWHERE,
                    "a test that runs, or an assumption that a peer program is installed"),
            new Banned("Executors\\.newCachedThreadPool\\(", NOWHERE, "a bounded pool"),
            new Banned("System\\.exit\\(", "^mta-daemon/src/main/|^benchmarks/",
                    "an exception, or closing the daemon"));

    private static final List<String> BANNED_SUFFIXES = List.of("Manager", "Helper", "Util",
            "Utils", "Impl", "Handler", "Processor", "Data", "Info", "Context");
    private static final Pattern TYPE = Pattern.compile(
            "(?<![.\\w])(?:class|interface|enum|record)\\s+(\\w+)");
    /** In pieces, so that this file has none. */
    private static final Pattern LEFTOVER = Pattern.compile(
            "\\b(TO" + "DO|FIX" + "ME|X" + "XX)\\b");

    @Test
    void files_areThere() {
        assertThat(FILES.stream().filter(SourceFile::isJava)).hasSizeGreaterThan(40);
    }

    @Test
    void everyFile_namesItsLicence() {
        check((file, violations) -> {
            String first = String.join("\n",
                    file.lines().subList(0, Math.min(4, file.lines().size())));
            if (file.isJava() && !file.lines().getFirst().equals("// " + SPDX)) {
                violations.add(file.name() + ":1: the first line must be // " + SPDX);
            } else if (file.needsLicence() && !first.contains(SPDX)) {
                violations.add(file.name() + ":1: must begin with # " + SPDX);
            }
        });
    }

    @Test
    void javaLines_fit() {
        check((file, violations) -> {
            for (int i = 0; file.isJava() && i < file.lines().size(); i++) {
                int length = file.lines().get(i).length();
                if (length > MAX_COLUMNS) {
                    violations.add(file.name() + ":" + (i + 1) + ": " + length + " columns");
                }
            }
        });
    }

    @Test
    void javaFiles_areShortOrSayWhyNot() {
        check((file, violations) -> {
            int lines = file.lines().size();
            boolean saysWhy = file.text().contains("Long because");
            if (file.isJava() && (lines > MAX_FILE_LINES || lines > LONG_FILE_LINES && !saysWhy)) {
                violations.add(file.name() + ": " + lines + " lines; above " + LONG_FILE_LINES
                        + " the class comment says \"Long because ...\", above " + MAX_FILE_LINES
                        + " the file is cut");
            }
        });
    }

    @Test
    void javaMethods_areShort() {
        check((file, violations) -> {
            int max = file.isTest() ? MAX_TEST_METHOD_LINES : MAX_METHOD_LINES;
            for (Method method : file.isJava() ? Method.in(file.code()) : List.<Method>of()) {
                if (method.lines() > max) {
                    violations.add(file.name() + ":" + method.line() + ": a method of "
                            + method.lines() + " lines, more than " + max);
                }
            }
        });
    }

    @Test
    void packages_areNullMarked() {
        Set<Path> folders = new TreeSet<>();
        FILES.stream().filter(f -> f.isJava() && !f.isTest() && !f.isBenchmark())
                .forEach(f -> folders.add(f.path().getParent()));
        List<String> violations = new ArrayList<>();
        for (Path folder : folders) {
            boolean marked = FILES.stream()
                    .filter(f -> f.path().equals(folder.resolve("package-info.java")))
                    .anyMatch(f -> f.code().contains("@NullMarked"));
            if (!marked) {
                violations.add(ROOT.relativize(folder) + ": no package-info.java with @NullMarked");
            }
        }
        assertThat(violations).isEmpty();
    }

    @Test
    void bannedCalls_areNotMade() {
        check((file, violations) -> {
            if (!file.isJava()) {
                return;
            }
            String[] lines = file.code().split("\n", -1);
            for (Banned banned : BANNED_CALLS) {
                for (int i = 0; i < lines.length && !banned.isAllowedIn(file); i++) {
                    Matcher found = banned.in(lines[i]);
                    if (found.find()) {
                        violations.add(file.name() + ":" + (i + 1) + ": " + found.group()
                                + " is banned; use " + banned.instead());
                    }
                }
            }
        });
    }

    @Test
    void typeNames_sayWhatItIs() {
        check((file, violations) -> {
            Matcher type = TYPE.matcher(file.isJava() ? file.code() : "");
            while (type.find()) {
                String name = type.group(1);
                boolean netty = name.endsWith("Handler")
                        && file.text().contains("import io.netty.channel.");
                if (!netty && BANNED_SUFFIXES.stream().anyMatch(name::endsWith)) {
                    violations.add(file.name() + ":" + file.lineAt(type.start()) + ": " + name
                            + " says nothing; name it by what it does or holds");
                }
            }
        });
    }

    @Test
    void leftovers_areGone() {
        check((file, violations) -> {
            for (int i = 0; i < file.lines().size(); i++) {
                if (LEFTOVER.matcher(file.lines().get(i)).find()) {
                    violations.add(file.name() + ":" + (i + 1) + ": leftover marker");
                }
            }
        });
    }

    @Test
    void moduleReadmes_haveTheSixHeadings() {
        List<String> violations = new ArrayList<>();
        for (String module : List.of("mta-core", "mta-smtp-server", "mta-queue", "mta-dkim",
                "mta-delivery", "mta-daemon", "packaging")) {
            SourceFile readme = FILES.stream()
                    .filter(f -> f.name().equals(module + "/README.md")).findFirst().orElse(null);
            if (readme == null) {
                violations.add(module + ": no README.md");
                continue;
            }
            List<String> headings = readme.lines().stream().filter(l -> l.startsWith("## "))
                    .map(l -> l.substring(3).strip()).toList();
            if (!headings.equals(README_HEADINGS)) {
                violations.add(readme.name() + ": headings are " + headings + ", not "
                        + README_HEADINGS);
            }
            if (readme.lines().size() > MAX_README_LINES) {
                violations.add(readme.name() + ": more than " + MAX_README_LINES + " lines");
            }
        }
        assertThat(violations).isEmpty();
    }

    /** The measuring itself, on a text with everything that could mislead it. */
    @Test
    void method_in_findsMethodsOnly() {
        String source = """
                class A {
                    int[] x = {1, 2};
                    Runnable r = () -> {
                        run();
                    };
                    /* void no() { */ String s = "{ \\" {";
                    char c = '{';
                    record B(int b) {
                        B {
                            check();
                        }
                    }
                    @Deprecated
                    void a(int b) {
                        if (b > 0) {
                            new Object() {
                                @Override
                                public String toString() {
                                    return "";
                                }
                            };
                        }
                    }
                    enum C { ONE, TWO(1) { void f() {} } }
                }
                """;
        assertThat(Method.in(code(source)).stream().map(m -> m.line() + "+" + m.lines()))
                .containsExactlyInAnyOrder("9+3", "17+4", "13+11", "24+1");
    }

    @FunctionalInterface
    private interface Check {
        void of(SourceFile file, List<String> violations);
    }

    private static void check(Check check) {
        List<String> violations = new ArrayList<>();
        FILES.forEach(file -> check.of(file, violations));
        assertThat(violations).isEmpty();
    }

    /** One text file; {@code code} is its text with comments and quoted text blanked out. */
    private record SourceFile(Path path, String text, List<String> lines, String code) {
        String name() {
            return ROOT.relativize(path).toString().replace('\\', '/');
        }

        boolean isJava() {
            return name().endsWith(".java");
        }

        boolean isTest() {
            return name().contains("/src/test/");
        }

        /** What is not in the product: no package of the product either. */
        boolean isBenchmark() {
            return name().startsWith("benchmarks/") || name().startsWith("packaging/");
        }

        boolean needsLicence() {
            return name().endsWith(".sh") || name().endsWith(".py") || name().endsWith(".conf")
                    || text.startsWith("#!");
        }

        long lineAt(int index) {
            return code.substring(0, index).chars().filter(c -> c == '\n').count() + 1;
        }
    }

    /** A method, constructor or initializer by its place: found by counting braces. */
    private record Method(long line, long lines) {
        private enum Block {
            TYPE, METHOD, OTHER
        }

        private record Open(Block block, int start) {}

        private static final Pattern ANONYMOUS_TYPE = Pattern.compile(
                "\\bnew\\s[\\w.<>?, @]+\\(.*\\)$", Pattern.DOTALL);
        private static final Pattern ENUM_CONSTANT = Pattern.compile(
                "(^|,\\s*)[A-Z][A-Z0-9_]+(\\(.*\\))?$", Pattern.DOTALL);

        static List<Method> in(String code) {
            List<Method> found = new ArrayList<>();
            Deque<Open> open = new ArrayDeque<>();
            int headStart = 0;
            for (int i = 0; i < code.length(); i++) {
                char c = code.charAt(i);
                if (c == '{') {
                    String head = code.substring(headStart, i);
                    int start = headStart + head.length() - head.stripLeading().length();
                    open.push(new Open(kind(head.strip(), open.peek()), start));
                } else if (c == '}' && !open.isEmpty()) {
                    Open closed = open.pop();
                    if (closed.block == Block.METHOD) {
                        found.add(new Method(newlines(code, 0, closed.start) + 1,
                                newlines(code, closed.start, i) + 1));
                    }
                }
                if (c == '{' || c == '}' || c == ';') {
                    headStart = i + 1;
                }
            }
            return found;
        }

        private static Block kind(String head, @Nullable Open around) {
            if (TYPE.matcher(head).find() || ANONYMOUS_TYPE.matcher(head).find()) {
                return Block.TYPE;
            }
            if (around == null || around.block != Block.TYPE) {
                return Block.OTHER;
            }
            if (ENUM_CONSTANT.matcher(head).find()) {
                return Block.TYPE;
            }
            boolean initializer = head.contains("=") && !head.startsWith("@");
            return initializer ? Block.OTHER : Block.METHOD;
        }

        private static long newlines(String code, int from, int to) {
            return code.substring(from, to).chars().filter(c -> c == '\n').count();
        }
    }

    /** The text with every comment and every quoted text turned into blanks. */
    private static String code(String text) {
        StringBuilder code = new StringBuilder(text);
        int i = 0;
        while (i < text.length()) {
            int end;
            if (text.startsWith("//", i)) {
                end = endOf(text, "\n", i);
            } else if (text.startsWith("/*", i)) {
                end = endOf(text, "*/", i + 2) + 2;
            } else if (text.startsWith("\"\"\"", i)) {
                end = endOfQuoted(text, "\"\"\"", i + 3);
            } else if (text.charAt(i) == '"' || text.charAt(i) == '\'') {
                end = endOfQuoted(text, text.substring(i, i + 1), i + 1);
            } else {
                i++;
                continue;
            }
            for (; i < Math.min(end, text.length()); i++) {
                if (text.charAt(i) != '\n') {
                    code.setCharAt(i, ' ');
                }
            }
        }
        return code.toString();
    }

    private static int endOf(String text, String mark, int from) {
        int end = text.indexOf(mark, from);
        return end < 0 ? text.length() : end;
    }

    private static int endOfQuoted(String text, String mark, int from) {
        int i = from;
        while (i < text.length() && !text.startsWith(mark, i)) {
            i += text.charAt(i) == '\\' ? 2 : 1;
        }
        return i + mark.length();
    }

    private static Path root() {
        String given = System.getProperty("mailrace.root", "");
        Path folder = Path.of(given).toAbsolutePath();
        while (!Files.exists(folder.resolve("build/eclipse-formatter.xml"))) {
            folder = folder.getParent();
            if (folder == null) {
                throw new IllegalStateException("not inside the repository: " + given);
            }
        }
        return folder;
    }

    private static List<SourceFile> sourceFiles() {
        List<SourceFile> files = new ArrayList<>();
        try {
            Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes is) {
                    return SKIPPED_FOLDERS.contains(String.valueOf(folder.getFileName()))
                            ? FileVisitResult.SKIP_SUBTREE
                            : FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes is)
                        throws IOException {
                    read(file, is).forEach(files::add);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException unreadable) {
            throw new java.io.UncheckedIOException(unreadable);
        }
        return List.copyOf(files);
    }

    private static Stream<SourceFile> read(Path file, BasicFileAttributes is) throws IOException {
        String name = String.valueOf(file.getFileName());
        String ending = name.substring(name.lastIndexOf('.') + 1);
        boolean script = !name.contains(".");
        if (!is.isRegularFile() || is.size() == 0 || is.size() > 1 << 20
                || !(TEXT_ENDINGS.contains(ending) || script)) {
            return Stream.of();
        }
        try {
            String text = Files.readString(file);
            return Stream.of(new SourceFile(file, text, text.lines().toList(),
                    name.endsWith(".java") ? code(text) : ""));
        } catch (CharacterCodingException notText) {
            return Stream.of();
        }
    }
}
