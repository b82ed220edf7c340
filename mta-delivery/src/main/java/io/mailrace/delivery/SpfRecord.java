// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import io.mailrace.delivery.SpfCheck.Word;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An SPF record, read by the grammar of RFC 7208 12. Domains with macros are kept as they are.
 *
 * @param redirect the domain of {@code redirect=}; empty: there is none
 */
record SpfRecord(List<Mechanism> mechanisms, String redirect) {
    private static final String VERSION = "v=spf1";
    private static final int MAX_SHOWN = 60;
    private static final Pattern MODIFIER = Pattern.compile("([A-Za-z][A-Za-z0-9._-]*)=(.*)");
    private static final Pattern MECHANISM = Pattern.compile(
            "([-+~?]?)([A-Za-z][A-Za-z0-9._-]*)([:/].*)?");
    private static final Pattern PREFIXES = Pattern.compile(
            "(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?");
    private static final Pattern NETWORK = Pattern.compile("([^/]*)(?:/(0|[1-9][0-9]{0,2}))?");
    private static final Pattern MACRO = Pattern.compile(
            "%(\\{[slodiphcrtvSLODIPHCRTV][0-9]*[rR]?[-.+,/_=]*\\}|[%_-])");
    private static final Pattern TOP_LABEL = Pattern.compile(
            "[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9]");

    enum Kind {
        ALL, INCLUDE, A, MX, PTR, IP4, IP6, EXISTS
    }

    /**
     * One of its terms.
     *
     * @param result of the record when it matches
     * @param text as it is written
     * @param domain empty: the domain of the record
     * @param network of ip4 and ip6 only
     */
    record Mechanism(Kind kind, Word result, String text, String domain,
            @Nullable Cidr network, int prefix4, int prefix6) {
        boolean hasMacro() {
            return domain.indexOf('%') >= 0;
        }
    }

    /** What reading gave. */
    sealed interface Outcome {}

    record Parsed(SpfRecord record) implements Outcome {}

    /** @param why what is wrong with which term, without a full stop */
    record Broken(String why) implements Outcome {}

    SpfRecord {
        mechanisms = List.copyOf(mechanisms);
    }

    /** Those texts that are SPF records, good or bad (RFC 7208 4.5). */
    static List<String> among(List<String> texts) {
        return texts.stream().filter(text -> Ascii.startsWithIgnoreCase(text, VERSION)
                && (text.length() == VERSION.length() || text.charAt(VERSION.length()) == ' '))
                .toList();
    }

    /** Reads a text that {@link #among} let through. */
    static Outcome parse(String text) {
        Terms terms = new Terms();
        for (String term : text.substring(VERSION.length()).split(" ")) {
            if (!term.isEmpty() && terms.broken.isEmpty()) {
                terms.read(term);
            }
        }
        return terms.broken.isEmpty()
                ? new Parsed(new SpfRecord(terms.mechanisms, terms.redirect))
                : new Broken(terms.broken);
    }

    /** The terms read so far, and the first that cannot be. */
    private static final class Terms {
        private final List<Mechanism> mechanisms = new ArrayList<>();
        private final List<String> once = new ArrayList<>();
        private String redirect = "";
        private String broken = "";

        private void read(String term) {
            Matcher modifier = MODIFIER.matcher(term);
            Matcher mechanism = MECHANISM.matcher(term);
            if (!Ascii.isPrintable(term)) {
                broken(term, "has characters that are not allowed");
            } else if (modifier.matches()) {
                modifier(term, Ascii.lower(modifier.group(1)), modifier.group(2));
            } else if (mechanism.matches()) {
                String rest = mechanism.group(3) == null ? "" : mechanism.group(3);
                mechanism(term, result(mechanism.group(1)), Ascii.lower(mechanism.group(2)),
                        rest);
            } else {
                broken(term, "is not a term of SPF");
            }
        }

        private void broken(String term, String why) {
            broken = "\"" + Ascii.clean(term, MAX_SHOWN) + "\" " + why;
        }

        private static Word result(String qualifier) {
            return switch (qualifier) {
                case "-" -> Word.FAIL;
                case "~" -> Word.SOFTFAIL;
                case "?" -> Word.NEUTRAL;
                default -> Word.PASS;
            };
        }

        private void modifier(String term, String name, String value) {
            boolean known = name.equals("redirect") || name.equals("exp");
            if (known && once.contains(name)) {
                broken(term, "is there twice");
            } else if (known ? !isDomain(value) : !isMacroString(value)) {
                broken(term, known ? "does not name a domain" : "has a stray %");
            } else if (known) {
                once.add(name);
                redirect = name.equals("redirect") ? value : redirect;
            }
        }

        private void mechanism(String term, Word result, String name, String rest) {
            switch (name) {
                case "all" -> {
                    if (rest.isEmpty()) {
                        add(Kind.ALL, result, term, "", 32, 128);
                    } else {
                        broken(term, "must have nothing after all");
                    }
                }
                case "include" -> named(Kind.INCLUDE, result, term, rest, true);
                case "exists" -> named(Kind.EXISTS, result, term, rest, true);
                case "ptr" -> named(Kind.PTR, result, term, rest, false);
                case "a" -> host(Kind.A, result, term, rest);
                case "mx" -> host(Kind.MX, result, term, rest);
                case "ip4" -> network(Kind.IP4, result, term, rest, 32);
                case "ip6" -> network(Kind.IP6, result, term, rest, 128);
                default -> broken(term, "is not a term of SPF" + meant(name));
            }
        }

        private static String meant(String name) {
            return switch (name) {
                case "ip", "ipv4", "ip4s" -> "; ip4 was meant";
                case "ipv6" -> "; ip6 was meant";
                case "includes" -> "; include was meant";
                default -> "";
            };
        }

        private void named(Kind kind, Word result, String term, String rest, boolean needed) {
            String domain = rest.isEmpty() ? "" : rest.substring(1);
            if (rest.isEmpty() ? needed : rest.charAt(0) != ':' || !isDomain(domain)) {
                broken(term, "does not name a domain");
            } else {
                add(kind, result, term, domain, 32, 128);
            }
        }

        private void host(Kind kind, Word result, String term, String rest) {
            Matcher parts = PREFIXES.matcher(rest);
            if (!parts.matches()) {
                throw new IllegalStateException("a pattern that takes every text");
            }
            String domain = parts.group(1);
            int four = number(parts.group(2), 32);
            int six = number(parts.group(3), 128);
            if (four > 32 || six > 128) {
                broken(term, "has a prefix length that is too long");
            } else if (domain.isEmpty()) {
                add(kind, result, term, "", four, six);
            } else if (domain.charAt(0) == ':' && isDomain(domain.substring(1))) {
                add(kind, result, term, domain.substring(1), four, six);
            } else {
                broken(term, "does not name a domain");
            }
        }

        private static int number(@Nullable String digits, int otherwise) {
            return digits == null ? otherwise : Integer.parseInt(digits);
        }

        private void network(Kind kind, Word result, String term, String rest, int bits) {
            Matcher parts = NETWORK.matcher(rest.startsWith(":") ? rest.substring(1) : "/");
            Optional<Cidr> network = parts.matches() ? network(parts, bits) : Optional.empty();
            if (network.isEmpty()) {
                broken(term, "does not have an IPv" + (bits == 32 ? "4" : "6")
                        + " address or network");
                return;
            }
            mechanisms.add(new Mechanism(kind, result, term, "", network.get(), 32, 128));
        }

        private static Optional<Cidr> network(Matcher parts, int bits) {
            String text = parts.group(1);
            int length = number(parts.group(2), bits);
            if (length > bits || text.contains(":") != (bits == 128)) {
                return Optional.empty();
            }
            return Cidr.parseAddress(text).map(address -> {
                // ::ffff:a.b.c.d names no host that sends: those of IPv4 are matched by ip4
                int own = address.getAddress().length * 8;
                return new Cidr(address, own == bits ? length : own);
            });
        }

        private void add(Kind kind, Word result, String term, String domain, int four, int six) {
            mechanisms.add(new Mechanism(kind, result, term, domain, null, four, six));
        }

        private static boolean isMacroString(String text) {
            return MACRO.matcher(text).replaceAll("").indexOf('%') < 0;
        }

        /** Ends in a label that can be a top-level one, or in a macro. */
        private static boolean isDomain(String text) {
            if (!isMacroString(text)) {
                return false;
            }
            String bare = text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
            boolean macro = text.indexOf('%') >= 0;
            int dot = bare.lastIndexOf('.');
            return macro && text.endsWith("}") || dot >= 0
                    && TOP_LABEL.matcher(bare.substring(dot + 1)).matches()
                    && (macro || DnsNames.of(text) != null && text.indexOf('/') < 0);
        }
    }
}
