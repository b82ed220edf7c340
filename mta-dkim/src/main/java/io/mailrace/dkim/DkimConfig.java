// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.MailAddress;
import io.mailrace.core.SigningFacts;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The section {@code dkim}: how to sign, and with which keys. The key files are read with it, so
 * that a missing or damaged one is a config problem with its line. Keys whose name has a dot are
 * signing domains.
 *
 * @param rsaWide whether several RSA signatures may be computed at once
 * @param signatureLifetime what x= adds to t=; zero: no x=
 * @param signHeaders names signed as often as they are present
 * @param oversignHeaders names signed once more than they are present, so that none can be added
 * @param keys by signing domain, in the order of their signatures
 * @param warnings what is usable but should be mended, to be logged at start
 */
public record DkimConfig(Engine engine, RsaProvider rsaProvider, Wide rsaWide,
        Duration signatureLifetime, List<String> signHeaders, List<String> oversignHeaders,
        Map<String, List<DkimKey>> keys,
        List<String> warnings) {
    private static final int MAX_HEADERS = 100;
    private static final int MAX_HEADER_NAME = 70;
    private static final int MAX_KEYS_OF_DOMAIN = 8;
    private static final Duration MIN_LIFETIME = Duration.ofHours(1);

    /** Who signs. */
    public enum Engine {
        STREAMING, SIMPLE_JAVA_MAIL
    }

    /** Who computes RSA signatures. */
    public enum RsaProvider {
        AUTO, CORRETTO, JDK
    }

    /** Whether RSA signatures are computed eight at once. */
    public enum Wide {
        AUTO, OFF
    }

    public DkimConfig {
        signHeaders = List.copyOf(signHeaders);
        oversignHeaders = List.copyOf(oversignHeaders);
        keys = Map.copyOf(keys);
        warnings = List.copyOf(warnings);
        checkHeaders("sign-headers", signHeaders);
        checkHeaders("oversign-headers", oversignHeaders);
        if (!contains(signHeaders, "From") && !contains(oversignHeaders, "From")) {
            throw new IllegalArgumentException(
                    "From must be in sign-headers or oversign-headers (RFC 6376 5.4)");
        }
        if (!signatureLifetime.isZero() && signatureLifetime.compareTo(MIN_LIFETIME) < 0) {
            throw new IllegalArgumentException(
                    "signature-lifetime must be 0 (none) or at least 1h: retries take time");
        }
        if (!signatureLifetime.isZero() && engine == Engine.SIMPLE_JAVA_MAIL) {
            throw new IllegalArgumentException(
                    "signature-lifetime needs engine = streaming: simple-java-mail knows no x=");
        }
    }

    /** The keys that sign mail of an author's domain as {@code selector@domain}; empty: none. */
    public String signedBy(String fromDomain) {
        KeyRing.Keys found = new KeyRing(this.keys).find(fromDomain);
        return found == null ? "" : found.signedBy();
    }

    /** What these keys do for mail. */
    public SigningFacts facts() {
        KeyRing ring = new KeyRing(keys);
        Set<String> covered = new HashSet<>();
        signHeaders.forEach(name -> covered.add(Ascii.lower(name)));
        oversignHeaders.forEach(name -> covered.add(Ascii.lower(name)));
        return new SigningFacts() {
            @Override
            public boolean signsAny() {
                return !keys.isEmpty();
            }

            @Override
            public boolean signs(String fromDomain) {
                return ring.find(fromDomain) != null;
            }

            @Override
            public boolean covers(String field) {
                return covered.contains(field);
            }
        };
    }

    /** The keys that sign mail of an author's domain; none: it goes out unsigned. */
    public List<DkimKey> keysFor(String fromDomain) {
        KeyRing.Keys found = new KeyRing(this.keys).find(fromDomain);
        return found == null ? List.of() : found.all();
    }

    /** Reads the section and the key files it names. */
    public static DkimConfig from(ConfigReader root) {
        ConfigReader dkim = root.section("dkim");
        List<String> warnings = new ArrayList<>();
        Map<String, List<DkimKey>> keys = new LinkedHashMap<>();
        for (String name : dkim.keys()) {
            if (name.indexOf('.') >= 0 && dkim.has(name)) {
                readDomain(dkim, name, keys, warnings);
            }
        }
        Engine engine = dkim.choice("engine", Engine.class);
        RsaProvider rsa = dkim.choice("rsa-provider", RsaProvider.class);
        Wide wide = dkim.choice("rsa-wide", Wide.class);
        Duration lifetime = dkim.duration("signature-lifetime", Duration.ZERO,
                Duration.ofDays(365));
        List<String> sign = dkim.strings("sign-headers");
        List<String> oversign = dkim.strings("oversign-headers");
        return dkim.build(
                () -> new DkimConfig(engine, rsa, wide, lifetime, sign, oversign, keys,
                        warnings))
                .orElseGet(() -> new DkimConfig(Engine.STREAMING, RsaProvider.AUTO, Wide.AUTO,
                        Duration.ZERO, List.of("From"), List.of(), Map.of(), List.of()));
    }

    private static void readDomain(ConfigReader dkim, String name,
            Map<String, List<DkimKey>> keys, List<String> warnings) {
        List<ConfigReader> entries = dkim.sectionList(name);
        Optional<String> domain = signingDomain(name);
        if (domain.isEmpty()) {
            dkim.problem(name, "is not a domain name");
        } else if (keys.containsKey(domain.get())) {
            dkim.problem(name, "is the domain " + domain.get() + " a second time");
        }
        if (entries.isEmpty()) {
            dkim.problem(name, "has no key; write null to switch a domain off");
        }
        if (entries.size() > MAX_KEYS_OF_DOMAIN) {
            dkim.problem(name, "has more than " + MAX_KEYS_OF_DOMAIN + " keys");
        }
        List<DkimKey> found = new ArrayList<>();
        for (ConfigReader entry : entries) {
            readKey(entry, domain.orElse(name), warnings).ifPresent(key -> {
                if (found.stream().anyMatch(k -> k.selector().equals(key.selector()))) {
                    entry.problem("selector", "is used twice for this domain");
                }
                found.add(key);
            });
        }
        if (!found.isEmpty()) {
            if (found.stream().noneMatch(DkimKey.Rsa.class::isInstance)) {
                warnings.add(domain.orElse(name) + " has Ed25519 keys only (RFC 8463): many"
                        + " receivers verify RSA alone and take its mail for unsigned; add an RSA"
                        + " key");
            }
            keys.put(domain.orElse(name), List.copyOf(found));
        }
    }

    private static Optional<DkimKey> readKey(ConfigReader entry, String domain,
            List<String> warnings) {
        String selector = Ascii.lower(entry.string("selector"));
        if (entry.has("selector") && !isSelector(selector)) {
            entry.problem("selector", "is not a selector: letters, digits, dashes and dots");
        }
        Optional<Path> file = entry.optionalString("key").flatMap(DkimConfig::path);
        if (file.isEmpty()) {
            entry.problem("key", "must be the path of a private key in PEM form");
            return Optional.empty();
        }
        return switch (KeyFile.read(file.get(), domain, selector)) {
            case KeyFile.Outcome.Usable usable -> {
                warnings.addAll(usable.warnings());
                yield Optional.of(usable.key());
            }
            case KeyFile.Outcome.Refused refused -> {
                entry.problem("key", file.get() + " " + refused.reason());
                yield Optional.empty();
            }
        };
    }

    private static Optional<Path> path(String text) {
        try {
            return text.isBlank() ? Optional.empty() : Optional.of(Path.of(text));
        } catch (InvalidPathException notAPath) {
            return Optional.empty();
        }
    }

    /** The normal form of a domain name; empty when it is none. A-labels, RFC 8616. */
    static Optional<String> signingDomain(String name) {
        return name.startsWith("[") || name.indexOf('@') >= 0
                ? Optional.empty()
                : MailAddress.parse("a@" + name).map(MailAddress::domain);
    }

    /** RFC 6376 3.1: sub-domain labels; all digits is as good as any. */
    static boolean isSelector(String text) {
        String below = text + ".x";
        return Ascii.isAscii(text) && text.length() <= 200
                && signingDomain(below).filter(below::equals).isPresent();
    }

    private static void checkHeaders(String key, List<String> names) {
        if (names.size() > MAX_HEADERS) {
            throw new IllegalArgumentException(key + " has more than " + MAX_HEADERS + " names");
        }
        for (String name : names) {
            boolean isName = !name.isEmpty() && name.length() <= MAX_HEADER_NAME
                    && name.chars().allMatch(c -> c > 32 && c < 127 && c != ':' && c != ';');
            if (!isName) {
                throw new IllegalArgumentException(key + ": not a header name: \"" + name + "\"");
            }
            if (Ascii.equalsIgnoreCase(name, "DKIM-Signature")
                    || Ascii.equalsIgnoreCase(name, "Received")
                    || Ascii.equalsIgnoreCase(name, "Return-Path")) {
                throw new IllegalArgumentException(
                        key + ": " + name + " changes on the way and is never signed");
            }
        }
    }

    private static boolean contains(List<String> names, String name) {
        return names.stream().anyMatch(n -> Ascii.equalsIgnoreCase(n, name));
    }
}
