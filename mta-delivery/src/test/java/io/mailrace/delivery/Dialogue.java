// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Disposition;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.ReplyClassifier.Failure;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Plays a file of {@code src/test/resources/dialogues} to a session, with no sockets. Its lines:
 * {@code set WORD [VALUE]} terms · {@code mail FROM TO[,TO] [WORD=VALUE]} mail at hand ·
 * {@code S: } the peer says (next to each other: one segment) · {@code C: } the session must have
 * said, {@code C: <content>}, {@code C: <tls>}, {@code C: <close>} · {@code ! } an event ·
 * {@code = } what must have come out · {@code #} a comment.
 */
final class Dialogue implements SmtpClientSession.Wire {
    private static final Pattern SETTING = Pattern.compile("(\\w[\\w-]*)(?:[ =](.*))?");

    private final ArrayDeque<Attempt> atHand = new ArrayDeque<>();
    private final List<Attempt> all = new ArrayList<>();
    private final ArrayDeque<String> said = new ArrayDeque<>();
    private final ArrayDeque<String> outcomes = new ArrayDeque<>();
    private final SmtpReplyParser parser = new SmtpReplyParser();
    private TlsProof tls = TlsProof.NOTHING;
    private boolean authenticated;
    private boolean implicitTls;
    private boolean lmtp;
    private Optional<SmartHostConfig.Login> login = Optional.empty();
    private boolean clear;
    private boolean pipelining = true;
    private boolean chunking = true;
    private boolean lookAhead = true;
    private boolean holdContent;
    private int recipients = 100;
    private int messages = 100;
    private long small = 1000;
    private @Nullable SmtpClientSession session;

    void play(List<String> lines) {
        StringBuilder segment = new StringBuilder();
        for (String line : lines) {
            if (!line.startsWith("S: ") && !segment.isEmpty()) {
                hear(segment.toString());
                segment.setLength(0);
            }
            if (line.startsWith("S: ")) {
                segment.append(line.substring(3)).append("\r\n");
            } else if (!line.isBlank() && !line.startsWith("#")) {
                step(line);
            }
        }
        if (!segment.isEmpty()) {
            hear(segment.toString());
        }
        if (!said.isEmpty() || !outcomes.isEmpty()) {
            throw new AssertionError("also said " + said + " and gave " + outcomes);
        }
    }

    private void step(String line) {
        if (line.startsWith("set ")) {
            set(line.substring(4));
        } else if (line.startsWith("mail ")) {
            mail(line.substring(5).split(" "));
        } else if (line.startsWith("C: ")) {
            expect("said", line.substring(3), said.poll());
        } else if (line.startsWith("= ")) {
            expect("gave", line.substring(2), outcomes.poll());
        } else if (line.startsWith("! ")) {
            event(line.substring(2));
        } else {
            throw new AssertionError("what is this: " + line);
        }
    }

    private void expect(String what, String expected, @Nullable String actual) {
        if (!expected.equals(actual)) {
            throw new AssertionError(what + " \"" + actual + "\", not \"" + expected
                    + "\"; further: " + said + " " + outcomes);
        }
    }

    private void set(String text) {
        Matcher setting = SETTING.matcher(text);
        if (!setting.matches()) {
            throw new AssertionError("not a setting: " + text);
        }
        String value = setting.group(2);
        switch (setting.group(1)) {
            case "tls" -> tls = TlsProof.valueOf(value.toUpperCase(Locale.ROOT).replace('-', '_'));
            case "implicit-tls" -> implicitTls = true;
            case "lmtp" -> lmtp = true;
            case "login" -> login = Optional.of(new SmartHostConfig.Login("user", "secret"));
            case "authenticated" -> authenticated = true;
            case "clear" -> clear = true;
            case "no-pipelining" -> pipelining = false;
            case "no-chunking" -> chunking = false;
            case "no-look-ahead" -> lookAhead = false;
            case "hold-content" -> holdContent = true;
            case "recipients" -> recipients = Integer.parseInt(value);
            case "messages" -> messages = Integer.parseInt(value);
            case "small" -> small = Long.parseLong(value);
            default -> throw new AssertionError("unknown setting " + text);
        }
    }

    private void mail(String[] words) {
        int size = 10;
        boolean eightBit = false;
        boolean utf8 = false;
        boolean binary = false;
        int notifyFlags = 0;
        String orcpt = "";
        MailOptions options = MailOptions.NONE;
        for (String word : Arrays.asList(words).subList(2, words.length)) {
            String value = word.substring(word.indexOf('=') + 1);
            switch (word.contains("=") ? word.substring(0, word.indexOf('=')) : word) {
                case "size" -> size = Integer.parseInt(value);
                case "8bit" -> eightBit = true;
                case "utf8" -> utf8 = true;
                case "binary" -> binary = true;
                case "announced-binary" -> options = options.with(MailOptions.Body.BINARY_MIME);
                case "ret" -> options = options.with(MailOptions.Ret.valueOf(value));
                case "envid" -> options = options.withEnvid(value);
                case "priority" -> options = options.withPriority(Integer.parseInt(value));
                case "by" -> options = options.with(new MailOptions.DeliverBy(
                        value.contains("R") ? MailOptions.DeliverBy.Mode.RETURN
                                : MailOptions.DeliverBy.Mode.NOTIFY,
                        1000 * Long.parseLong(value.substring(0, value.indexOf(';'))),
                        value.endsWith("T")));
                case "require-tls" -> options = options.withRequireTls(true);
                case "notify" -> notifyFlags = Integer.parseInt(value);
                case "orcpt" -> orcpt = value;
                default -> throw new AssertionError("unknown word " + word);
            }
        }
        List<Recipient> to = new ArrayList<>();
        for (String one : words[1].split(",")) {
            to.add(new Recipient(TestMail.address(one), notifyFlags, orcpt));
        }
        byte[] bytes = "x".repeat(size).getBytes(StandardCharsets.US_ASCII);
        Attempt attempt = TestMail.attempt(words[0].equals("<>") ? "" : words[0], to, options,
                TestMail.facts(bytes, eightBit, utf8, binary), bytes);
        atHand.add(attempt);
        all.add(attempt);
    }

    private SmtpClientSession session() {
        if (session == null) {
            session = new SmtpClientSession(new SessionTerms("mta.test", "peer", tls, clear,
                    pipelining, chunking, lookAhead, recipients, messages, small,
                    new SessionTerms.Hop(implicitTls, lmtp, login)), this);
            session.connected();
        }
        return session;
    }

    private void hear(String segment) {
        List<SmtpReply> replies = new ArrayList<>();
        byte[] bytes = segment.getBytes(StandardCharsets.ISO_8859_1);
        Stage stage = session().stage();
        parser.expectEhlo(stage == Stage.EHLO);
        boolean sound = parser.feed(bytes, 0, bytes.length, replies);
        for (int i = 0; i < replies.size(); i++) {
            session().reply(replies.get(i), i + 1 < replies.size()
                    && replies.get(i + 1).code() != 421);
        }
        if (!sound) {
            session().lost(Failure.GARBAGE, parser.broken());
        }
    }

    private void event(String event) {
        switch (event) {
            case "lost" -> session().lost(Failure.LOST, "reset");
            case "timeout" -> session().lost(Failure.TIMEOUT, "");
            case "local" -> session().lost(Failure.LOCAL, "disk");
            case "connected" -> session();
            case "tls" -> session().tlsEstablished();
            case "sent" -> session().contentSent();
            case "mail" -> session().mailAtHand();
            case "drain" -> session().drain();
            default -> throw new AssertionError("unknown event " + event);
        }
    }

    // ------------------------------------------------------------------ Wire

    @Override
    public void send(String command) {
        said.add(command);
    }

    @Override
    public void sendContent(Attempt attempt, boolean dots) {
        said.add(dots ? "<content>" : "<chunk>");
        if (!holdContent) {
            session().contentSent();
        }
    }

    @Override
    public void startTls() {
        said.add("<tls>");
    }

    @Override
    public boolean authenticated(Attempt attempt) {
        return authenticated;
    }

    @Override
    public @Nullable Attempt next() {
        return atHand.poll();
    }

    @Override
    public void established() {
        outcomes.add("established");
    }

    @Override
    public void idle() {
        outcomes.add("idle");
    }

    @Override
    public void finished(Attempt attempt, boolean peerTakesDsn) {
        for (var outcome : attempt.outcomes()) {
            Disposition disposition = outcome.disposition();
            String word = switch (disposition) {
                case Disposition.Delivered one -> "delivered";
                case Disposition.Bounced one -> "bounced";
                case Disposition.Deferred one -> one.possibleDuplicate() ? "duplicate"
                        : "deferred";
            };
            outcomes.add(outcome.address() + " " + word + " " + disposition.reply().code()
                    + disposition.reply().status().map(s -> " " + s).orElse(""));
        }
    }

    @Override
    public void handBack(Attempt attempt) {
        outcomes.add("back " + attempt.envelope().recipients().getFirst().address());
    }

    @Override
    public Ruling judge(Stage stage, SmtpReply reply, @Nullable Attempt attempt) {
        return Ruling.standard(stage, reply);
    }

    @Override
    public void close(Ending ending) {
        said.add("<close>");
        outcomes.add("ended " + ending.stage() + " " + ending.effect()
                + (ending.lookedAhead() ? " ahead" : ""));
    }
}
