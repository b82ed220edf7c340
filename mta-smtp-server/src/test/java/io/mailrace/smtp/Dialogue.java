// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;

/**
 * One conversation as a file: {@code C:} what the client sends (a CRLF follows), {@code C!:} the
 * same without CRLF, {@code S:} a reply line ({@code *} at its end: anything may follow);
 * {@code C*3:} and {@code S*3:} repeat. {@code E: name} sends {@code EHLO name} and expects all
 * the listener offers at this point, {@code S: {ehlo}} expects the latter only: the keywords are
 * written out in the {@code ehlo-offer-*} files and nowhere else. Directives: {@code @ listener
 * NAME}, {@code @ tls} (handshake), {@code @ closed} (the server has hung up), {@code @ messages
 * N}, {@code @ stored TEXT} and {@code @ not-stored TEXT} (part of the first message or not),
 * {@code @ ends TEXT} (the last of the first message), {@code @ content binary|text},
 * {@code @ found +RULE RULE} (what lint found on it, {@code +}: and mended), {@code @
 * one-segment} (splitting the client's bytes would change the case). In client lines
 * {@code \r \n \0 \xHH} are escapes; {@code {100}} is 100 times the letter x.
 * {@code @ no-socket}: the case needs the clock of the sessions without one, which stands at
 * 2023-11-14T22:13:20Z.
 */
record Dialogue(String name, String listener, boolean oneSegment, boolean noSocket,
        List<Step> steps) {
    static final Path FOLDER = Path.of("src/test/resources/dialogues");

    /** One thing to do or to check. */
    sealed interface Step {
        /** @param octets as Latin-1 */
        record Send(String octets) implements Step {}

        record Expect(String line) implements Step {
            boolean matches(String actual) {
                return line.endsWith("*")
                        ? actual.startsWith(line.substring(0, line.length() - 1))
                        : actual.equals(line);
            }
        }

        record Tls() implements Step {}

        record Closed() implements Step {}

        record Messages(int count) implements Step {}

        record Holds(String text) implements Step {}

        record Lacks(String text) implements Step {}

        record Ends(String text) implements Step {}

        record Content(boolean binary) implements Step {}

        /** @param rules of the lint report, fixed ones with a plus before them */
        record Found(String rules) implements Step {}
    }

    static Stream<Dialogue> all() {
        try (Stream<Path> files = Files.list(FOLDER)) {
            return files.filter(f -> f.toString().endsWith(".smtp")).sorted().toList().stream()
                    .map(Dialogue::read);
        } catch (IOException missing) {
            throw new UncheckedIOException(missing);
        }
    }

    static Dialogue read(Path file) {
        List<Step> steps = new ArrayList<>();
        String listener = "relay";
        boolean oneSegment = false;
        boolean noSocket = false;
        try {
            for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
                if (line.isBlank() || line.startsWith("#")) {
                    continue;
                }
                if (line.startsWith("@ listener ")) {
                    listener = line.substring(11).strip();
                } else if (line.equals("@ no-socket")) {
                    noSocket = true;
                } else if (line.equals("@ one-segment")) {
                    oneSegment = true;
                } else {
                    addSteps(file, line, listener, steps);
                }
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
        return new Dialogue(file.getFileName().toString(), listener, oneSegment, noSocket, steps);
    }

    private static void addSteps(Path file, String line, String listener, List<Step> steps) {
        if (line.startsWith("@ ")) {
            String[] words = line.substring(2).split(" ", 2);
            steps.add(switch (words[0]) {
                case "tls" -> new Step.Tls();
                case "closed" -> new Step.Closed();
                case "messages" -> new Step.Messages(Integer.parseInt(words[1]));
                case "stored" -> new Step.Holds(unescape(words[1]));
                case "not-stored" -> new Step.Lacks(unescape(words[1]));
                case "ends" -> new Step.Ends(unescape(words[1]));
                case "content" -> new Step.Content(words[1].equals("binary"));
                case "found" -> new Step.Found(words.length > 1 ? words[1].strip() : "");
                default -> throw new IllegalArgumentException(file + ": " + line);
            });
            return;
        }
        int colon = line.indexOf(':');
        String head = line.substring(0, colon);
        String text = line.length() > colon + 1 ? line.substring(colon + 2) : "";
        int star = head.indexOf('*');
        int times = star < 0 ? 1 : Integer.parseInt(head.substring(star + 1));
        for (int i = 0; i < times; i++) {
            switch (star < 0 ? head : head.substring(0, star)) {
                case "C" -> steps.add(new Step.Send(unescape(text) + "\r\n"));
                case "C!" -> steps.add(new Step.Send(unescape(text)));
                case "E" -> {
                    steps.add(new Step.Send("EHLO " + unescape(text) + "\r\n"));
                    addOffer(listener, steps);
                }
                case "S" -> {
                    if (text.equals("{ehlo}")) {
                        addOffer(listener, steps);
                    } else {
                        steps.add(new Step.Expect(text));
                    }
                }
                default -> throw new IllegalArgumentException(file + ": " + line);
            }
        }
    }

    /** The reply to EHLO after the steps so far: they tell whether TLS and a login are there. */
    private static void addOffer(String listener, List<Step> steps) {
        SessionTerms terms = Fixture.terms(Fixture.config(), listener);
        boolean tls = terms.listener().tls() == ListenerConfig.Tls.IMPLICIT
                || steps.contains(new Step.Tls());
        boolean authenticated = steps.stream().anyMatch(
                s -> (s instanceof Step.Expect(String line) && line.startsWith("235 "))
                        || (s instanceof Step.Send(String said) && said.contains("LOGIN=alice")));
        boolean mayLogIn = terms.listener().auth() != ListenerConfig.Auth.NONE && tls
                && !authenticated;
        List<String> offer = terms.extensions(tls, mayLogIn
                ? List.of("PLAIN", "LOGIN", "SCRAM-SHA-256")
                : List.of(), authenticated ? rights(steps) : UserRights.WITHOUT_LOGIN,
                listener.startsWith("balanced") && !isNamed(steps), 0);
        for (int i = 0; i < offer.size(); i++) {
            String line = offer.get(i);
            // Its date depends on the hour.
            String fixed = line.startsWith("FUTURERELEASE ")
                    ? line.substring(0, line.lastIndexOf(' ') + 1) + "*"
                    : line;
            steps.add(new Step.Expect((i < offer.size() - 1 ? "250-" : "250 ") + fixed));
        }
    }

    /** Whether a balancer has said for whom it speaks. */
    private static boolean isNamed(List<Step> steps) {
        boolean asked = false;
        for (Step step : steps) {
            if (step instanceof Step.Send(String said)) {
                asked |= said.matches("(?is)XCLIENT .*(ADDR=|LOGIN=alice).*");
            } else if (asked && step instanceof Step.Expect(String line)) {
                if (line.startsWith("220")) {
                    return true;
                }
                asked = false;
            }
        }
        return false;
    }

    /** The rights of who logged in last by AUTH PLAIN; of anybody, when somebody else did. */
    private static UserRights rights(List<Step> steps) {
        UserRights rights = UserRights.WITHOUT_LOGIN;
        for (Step step : steps) {
            if (step instanceof Step.Send(String said) && said.startsWith("AUTH PLAIN ")) {
                String login = new String(Base64.getMimeDecoder().decode(said.substring(11)),
                        StandardCharsets.UTF_8);
                UserTable.Entry entry = Fixture.userTable().users().get(login.split("\0")[1]);
                rights = entry == null ? UserRights.WITHOUT_LOGIN : entry.rights();
            }
        }
        return rights;
    }

    /** Bytes as Latin-1; the file itself is UTF-8, whose octets are kept. */
    private static String unescape(String text) {
        String octets = new String(text.getBytes(StandardCharsets.UTF_8),
                StandardCharsets.ISO_8859_1);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < octets.length(); i++) {
            char c = octets.charAt(i);
            if (c == '{' && octets.indexOf('}', i) > i
                    && octets.substring(i + 1, octets.indexOf('}', i)).matches("[0-9]+")) {
                int close = octets.indexOf('}', i);
                out.append("x".repeat(Integer.parseInt(octets.substring(i + 1, close))));
                i = close;
            } else if (c == '\\') {
                char kind = octets.charAt(++i);
                switch (kind) {
                    case 'r' -> out.append('\r');
                    case 'n' -> out.append('\n');
                    case '0' -> out.append('\0');
                    case 'x' -> {
                        out.append((char) Integer.parseInt(octets.substring(i + 1, i + 3), 16));
                        i += 2;
                    }
                    default -> out.append(kind);
                }
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    @Override
    public String toString() {
        return name;
    }
}
