// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/**
 * What the build of the package does with jars, as a program of one file: {@code java Stage.java
 * jars FROM LIB NATIVE PLATFORM} copies jars without native libraries, uncompressed (the package
 * compresses better, and classes load faster), and puts the libraries of the platform beside them.
 * {@code java Stage.java notices BOM LIB OUT} writes the list of third parties and the licence
 * files found in their jars. Same input, same bytes: entries keep their order and times.
 */
final class Stage {
    /** Libraries by platform: the name inside the jar. Anything else native stays out. */
    private static final Map<String, List<String>> NATIVES = Map.of("linux-x86_64", List.of(
            "librocksdbjni-linux64.so", "META-INF/native/libnetty_tcnative_linux_x86_64.so",
            "META-INF/native/libnetty_transport_native_epoll_x86_64.so",
            "com/amazon/corretto/crypto/provider/libamazonCorrettoCryptoProvider.so"),
            "linux-aarch_64", List.of("librocksdbjni-linux-aarch64.so",
                    "META-INF/native/libnetty_tcnative_linux_aarch_64.so",
                    "META-INF/native/libnetty_transport_native_epoll_aarch_64.so",
                    "com/amazon/corretto/crypto/provider/libamazonCorrettoCryptoProvider.so"));

    private Stage() {}

    public static void main(String[] words) throws Exception {
        switch (words[0]) {
            case "jars" -> jars(Path.of(words[1]), Path.of(words[2]), Path.of(words[3]), words[4]);
            case "notices" -> notices(Path.of(words[1]), Path.of(words[2]), Path.of(words[3]));
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    // ------------------------------------------------------------------ jars

    private static void jars(Path from, Path lib, Path natives, String platform)
            throws IOException {
        List<String> wanted = NATIVES.get(platform);
        List<String> missing = new ArrayList<>(wanted);
        for (Path jar : list(from)) {
            repack(jar, lib, natives, missing);
        }
        if (!missing.isEmpty()) {
            throw new IllegalStateException("no jar has " + missing);
        }
    }

    private static void repack(Path jar, Path lib, Path natives, List<String> missing)
            throws IOException {
        boolean classes = false;
        Path to = lib.resolve(jar.getFileName());
        try (ZipInputStream in = new ZipInputStream(
                new BufferedInputStream(Files.newInputStream(jar)));
                ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(to))) {
            for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                String name = entry.getName();
                byte[] bytes = in.readAllBytes();
                if (name.matches(".*\\.(so|dll|jnilib|dylib)")) {
                    if (missing.remove(name)) {
                        Files.write(natives.resolve(name.substring(name.lastIndexOf('/') + 1)),
                                bytes);
                    }
                } else if (!entry.isDirectory() && !isSignature(name)) {
                    classes |= name.endsWith(".class");
                    byte[] kept = name.equals(JarFile.MANIFEST_NAME) ? plain(bytes) : bytes;
                    out.putNextEntry(stored(name, entry, kept));
                    out.write(kept);
                }
            }
        }
        if (!classes) {
            Files.delete(to);
        }
    }

    /**
     * A jar without its libraries is not what its maker signed; nothing here asks for signatures.
     */
    private static boolean isSignature(String name) {
        return name.matches("META-INF/[^/]+\\.(SF|RSA|DSA|EC)");
    }

    /** Without the digests of what was signed: each start of the daemon would read them all. */
    private static byte[] plain(byte[] bytes) throws IOException {
        Manifest manifest = new Manifest(new ByteArrayInputStream(bytes));
        manifest.getEntries().values().removeIf(attributes -> attributes.keySet().stream()
                .allMatch(key -> key.toString().endsWith("-Digest")));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        manifest.write(out);
        return out.toByteArray();
    }

    private static ZipEntry stored(String name, ZipEntry like, byte[] bytes) {
        CRC32 sum = new CRC32();
        sum.update(bytes);
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(bytes.length);
        entry.setCrc(sum.getValue());
        entry.setTimeLocal(like.getTimeLocal());
        return entry;
    }

    private static List<Path> list(Path folder) throws IOException {
        try (Stream<Path> found = Files.list(folder)) {
            return found.filter(f -> f.toString().endsWith(".jar")).sorted().toList();
        }
    }

    // ------------------------------------------------------------------ notices

    private static void notices(Path bom, Path lib, Path out)
            throws IOException, ParserConfigurationException, SAXException {
        StringBuilder list = new StringBuilder();
        list.append("Third-party software in this package, by the bill of materials\n")
                .append("(/usr/share/mailrace/mailrace.cdx.json). Licence files found in the\n")
                .append("jars are in the folder third-party; those of the Java runtime in\n")
                .append("/usr/lib/mailrace/runtime/legal.\n\n");
        NodeList components = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                .parse(bom.toFile()).getElementsByTagName("component");
        Map<String, String> lines = new TreeMap<>();
        for (int i = 0; i < components.getLength(); i++) {
            Element one = (Element) components.item(i);
            boolean shipped = one.getParentNode() instanceof Element parent
                    && parent.getTagName().equals("components")
                    && parent.getParentNode() instanceof Element top
                    && top.getTagName().equals("bom");
            String group = text(one, "group");
            if (shipped && !group.equals("io.mailrace")) {
                String name = group + ":" + text(one, "name");
                String licence = licences(one);
                if (licence.isEmpty()) {
                    throw new IllegalStateException("no licence is known of " + name);
                }
                lines.put(name, name + " " + text(one, "version") + "\n    " + licence + "\n");
            }
        }
        lines.values().forEach(list::append);
        Files.createDirectories(out);
        Files.writeString(out.resolve("THIRD-PARTY"), list);
        for (Path jar : list(lib)) {
            texts(jar, out.resolve("third-party"));
        }
    }

    private static String licences(Element component) {
        TreeSet<String> found = new TreeSet<>();
        NodeList all = component.getElementsByTagName("license");
        for (int i = 0; i < all.getLength(); i++) {
            Element one = (Element) all.item(i);
            found.add(text(one, "id").isEmpty() ? text(one, "name") : text(one, "id"));
        }
        return String.join(" or ", found);
    }

    /** Of the first child of that name. */
    private static String text(Element of, String name) {
        for (var child = of.getFirstChild(); child != null; child = child.getNextSibling()) {
            if (child instanceof Element element && element.getTagName().equals(name)) {
                return element.getTextContent().strip();
            }
        }
        return "";
    }

    private static void texts(Path jar, Path out) throws IOException {
        if (jar.getFileName().toString().startsWith("mta-")) {
            return;
        }
        String name = jar.getFileName().toString().replaceFirst("\\.jar$", "");
        try (InputStream file = Files.newInputStream(jar);
                ZipInputStream in = new ZipInputStream(new BufferedInputStream(file))) {
            for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                if (entry.getName().matches(
                        "(META-INF/)?(license/)?(LICEN[CS]E|NOTICE|COPYING)[^/]*")
                        && !entry.isDirectory()) {
                    String last = entry.getName().substring(entry.getName().lastIndexOf('/') + 1);
                    Path to = out.resolve(name).resolve(last.replaceFirst("\\.(txt|md)$", ""));
                    byte[] bytes = in.readAllBytes();
                    if (isTheApacheLicence(bytes)) {
                        continue;
                    }
                    Files.createDirectories(to.getParent());
                    try (OutputStream text = Files.newOutputStream(to)) {
                        text.write(bytes);
                    }
                }
            }
        }
    }

    /** Every Debian has it: /usr/share/common-licenses/Apache-2.0. */
    private static boolean isTheApacheLicence(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        return text.length() < 12_000 && text.contains("Apache License")
                && text.contains("Version 2.0, January 2004") && text.contains("9. Accepting");
    }
}
