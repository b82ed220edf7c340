// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Rate;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One thing a receiver says, and what it means: an entry of {@code rules} of a provider. Immutable;
 * matching a reply costs a few searches in its text, without regular expressions, so no rule can
 * make it slow.
 *
 * @param name unique within its provider
 * @param scopes whom the actions are done to; may be several
 * @param duration how long what it does lasts; nought when nothing lasts
 * @param rate what {@link RuleAction#SLOW} narrows to
 * @param retryAfter the mail's next attempt is not before that
 * @param matches replies it must match
 * @param others replies it must not match
 */
record ReplyRule(String name, When when, ReplyClass category, List<RuleScope> scopes,
        List<RuleAction> actions, MailFate mail, Duration retryAfter, Duration duration,
        Optional<Rate> rate, Trigger trigger, List<SmtpReply> matches, List<SmtpReply> others) {
    static final Duration LATE = Duration.ofHours(1);
    private static final int MAX_WORDS = 20;
    private static final Duration MAX_DURATION = Duration.ofDays(30);

    /**
     * The replies it is about.
     *
     * @param codes {@code 421}, {@code 45x}, {@code 4xx}; none: any refusal
     * @param words all must stand in the text, each as one of its alternatives, in lower case
     * @param stages where it must be said; none: anywhere
     */
    record When(List<String> codes, List<StatusPattern> statuses, List<List<String>> words,
            List<Stage> stages) {
        When {
            codes = List.copyOf(codes);
            statuses = List.copyOf(statuses);
            words = words.stream().map(List::copyOf).toList();
            stages = List.copyOf(stages);
            if (codes.isEmpty() && statuses.isEmpty() && words.isEmpty()) {
                throw new IllegalArgumentException("a rule needs code, status or words");
            }
        }

        /**
         * @param text of the reply as {@link #textOf} gives it
         */
        boolean covers(Stage stage, SmtpReply reply, String text) {
            if (!stages.isEmpty() && !stages.contains(stage)) {
                return false;
            }
            if (!codes.isEmpty() && codes.stream().noneMatch(code -> covers(code, reply.code()))) {
                return false;
            }
            if (!statuses.isEmpty() && StatusPattern.of(reply).filter(status -> statuses.stream()
                    .anyMatch(pattern -> pattern.covers(status))).isEmpty()) {
                return false;
            }
            for (List<String> alternatives : words) {
                if (alternatives.stream().noneMatch(text::contains)) {
                    return false;
                }
            }
            return true;
        }

        private static boolean covers(String pattern, int code) {
            String digits = Integer.toString(code);
            for (int i = 0; i < 3; i++) {
                if (pattern.charAt(i) != 'x' && pattern.charAt(i) != digits.charAt(i)) {
                    return false;
                }
            }
            return true;
        }
    }

    /**
     * How often it must be said before something is done; the mail at hand follows it at once.
     *
     * @param times 1: at once
     */
    record Trigger(int times, Duration within) {
        static final Trigger AT_ONCE = new Trigger(1, Duration.ZERO);
    }

    ReplyRule {
        scopes = List.copyOf(scopes);
        actions = List.copyOf(actions);
        matches = List.copyOf(matches);
        others = List.copyOf(others);
        if (name.isEmpty() || name.length() > 60 || !Ascii.isPrintable(name)
                || name.indexOf(' ') >= 0) {
            throw new IllegalArgumentException("a rule needs a name without blanks, not \""
                    + name + "\"");
        }
        if (actions.contains(RuleAction.SLOW) && rate.isEmpty()) {
            throw new IllegalArgumentException("slow needs a rate such as rate = 1/min");
        }
        boolean lasting = actions.stream().anyMatch(action -> switch (action) {
            case SLOW, HALVE, ONE_CONNECTION, SUSPEND, RECOVER, HOLD_DOMAIN, DROP_IPV6,
                    FEWER_MESSAGES ->
                true;
            case SPLIT, OTHER_SOURCE, SUPPRESS, ALERT -> false;
        });
        if (lasting == duration.isZero()) {
            throw new IllegalArgumentException(lasting
                    ? "what the rule does needs an end, such as for = 30m"
                    : "the rule does nothing that lasts: for has no meaning");
        }
        if (lasting && scopes.stream().allMatch(scope -> scope == RuleScope.RECIPIENT
                || scope == RuleScope.MESSAGE || scope == RuleScope.CONNECTION)) {
            throw new IllegalArgumentException("what lasts needs a scope that lasts: "
                    + "signing-domain, source, subnet, site or provider");
        }
    }

    /** What it says about mail after it: none when it is not about this reply. */
    boolean covers(Stage stage, SmtpReply reply, String text) {
        return when.covers(stage, reply, text);
    }

    /**
     * The text rules look into: code, status and words in lower case, blanks single. Of an address
     * only its {@code @} is left: receivers repeat those they refuse, and what people are called
     * says nothing about why.
     */
    static String textOf(SmtpReply reply) {
        String text = withoutAddresses(Ascii.lower(reply.toString()));
        return text.contains("  ") ? text.replaceAll(" +", " ") : text;
    }

    private static String withoutAddresses(String text) {
        int at = text.indexOf('@');
        if (at < 0) {
            return text;
        }
        StringBuilder rest = new StringBuilder(text.length());
        int from = 0;
        while (at >= 0) {
            int begin = at;
            while (begin > from && mayNameSomebody(text.charAt(begin - 1))) {
                begin--;
            }
            rest.append(text, from, begin).append('@');
            from = at + 1;
            while (from < text.length() && mayNameDomain(text.charAt(from))) {
                from++;
            }
            at = text.indexOf('@', from);
        }
        return rest.append(text, from, text.length()).toString();
    }

    /** What RFC 5321 4.1.2 lets stand unquoted in front of the @, but for what divides URLs. */
    private static boolean mayNameSomebody(char one) {
        return mayNameDomain(one) || "!#$%'*+=^_`{|}~".indexOf(one) >= 0;
    }

    private static boolean mayNameDomain(char one) {
        return (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '.'
                || one == '-';
    }

    /** Whether the mail is to bounce. */
    boolean fails(SmtpReply reply) {
        return switch (mail) {
            case AS_CODE -> reply.isPermanent();
            case RETRY, RETRY_LATE -> false;
            case FAIL -> true;
        };
    }

    // ------------------------------------------------------------------ configuration

    /** Reads one rule and tries its own samples; what is wrong is noted in the reader. */
    static Optional<ReplyRule> from(ConfigReader reader) {
        String name = reader.string("name");
        List<String> codes = new ArrayList<>();
        for (String code : reader.texts("code")) {
            if (!code.matches("[45][0-9x][0-9x]")) {
                reader.problem("code", "must be such as 421, 45x or 5xx, not \"" + code + "\"");
            } else {
                codes.add(code);
            }
        }
        List<StatusPattern> statuses = new ArrayList<>();
        for (String status : reader.texts("status")) {
            Optional<StatusPattern> pattern = StatusPattern.parse(status);
            if (pattern.isEmpty()) {
                reader.problem("status", "must be subject and detail such as 7.28, 7.606-649 or "
                        + "7.*, not \"" + status + "\"");
            }
            pattern.ifPresent(statuses::add);
        }
        List<List<String>> words = words(reader);
        List<Stage> stages = reader.choices("stage", Stage.class);
        ReplyClass category = reader.parsed("class", "a class of replies such as throttled",
                ReplyClass.UNKNOWN, ReplyClass::ofWord);
        List<RuleScope> scopes = reader.choices("scope", RuleScope.class);
        List<RuleAction> actions = reader.choices("action", RuleAction.class);
        MailFate mail = reader.has("mail") ? reader.choice("mail", MailFate.class)
                : MailFate.AS_CODE;
        Duration retryAfter = reader.has("retry-after")
                ? reader.duration("retry-after", Duration.ZERO, Duration.ofDays(4))
                : mail == MailFate.RETRY_LATE ? LATE : Duration.ZERO;
        Duration lasts = reader.has("for")
                ? reader.duration("for", Duration.ofSeconds(1), MAX_DURATION)
                : Duration.ZERO;
        Optional<Rate> rate = reader.has("rate")
                ? Optional.of(reader.parsed("rate", "a rate such as 1/min",
                        new Rate(1, Rate.Unit.MINUTE), Rate::parse))
                : Optional.empty();
        Trigger trigger = trigger(reader);
        List<SmtpReply> matching = samples(reader, "match");
        List<SmtpReply> others = samples(reader, "no-match");
        Optional<ReplyRule> rule = reader.build(() -> {
            When when = new When(codes, statuses, words, stages);
            return new ReplyRule(name, when, category, scopes, actions, mail, retryAfter,
                    lasts, rate, trigger, matching, others);
        });
        rule.ifPresent(made -> made.tryOut(reader));
        return rule;
    }

    private static List<List<String>> words(ConfigReader reader) {
        List<String> texts = reader.texts("words");
        if (texts.size() > MAX_WORDS) {
            reader.problem("words", "are " + texts.size() + ", more than " + MAX_WORDS);
        }
        List<List<String>> words = new ArrayList<>();
        for (String text : texts) {
            List<String> alternatives = new ArrayList<>();
            for (String one : text.split("\\|")) {
                if (one.isBlank() || !Ascii.isPrintable(one)) {
                    reader.problem("words", "must be printable and not blank: \"" + text + "\"");
                } else if (one.indexOf('@') >= 0) {
                    reader.problem("words", "must not have an address, for those in replies are"
                            + " not looked into: \"" + text + "\"");
                } else {
                    alternatives.add(Ascii.lower(one.strip()));
                }
            }
            words.add(alternatives);
        }
        return words;
    }

    private static Trigger trigger(ConfigReader reader) {
        if (!reader.has("trigger")) {
            return Trigger.AT_ONCE;
        }
        Optional<Rate> often = Rate.parse(reader.string("trigger"));
        if (often.isEmpty() || often.get().count() > 1000) {
            reader.problem("trigger", "must say how often in which time before something is done, "
                    + "such as 3/h, at most 1000; not \"" + reader.string("trigger") + "\"");
        }
        return often.map(rate -> new Trigger((int) rate.count(), rate.unit().length()))
                .orElse(Trigger.AT_ONCE);
    }

    private static List<SmtpReply> samples(ConfigReader reader, String key) {
        List<SmtpReply> samples = new ArrayList<>();
        for (String text : reader.texts(key)) {
            Optional<SmtpReply> reply = parse(text);
            if (reply.isEmpty()) {
                reader.problem(key, "is no SMTP reply: \"" + text + "\"");
            }
            reply.ifPresent(samples::add);
        }
        return samples;
    }

    /** A reply as people write it down: lines divided by line feeds. */
    static Optional<SmtpReply> parse(String text) {
        byte[] bytes = (text.strip() + "\r\n").getBytes(StandardCharsets.UTF_8);
        List<SmtpReply> replies = new ArrayList<>();
        SmtpReplyParser parser = new SmtpReplyParser();
        boolean sound = parser.feed(bytes, 0, bytes.length, replies);
        return sound && replies.size() == 1 ? Optional.of(replies.getFirst()) : Optional.empty();
    }

    /** A rule that does not find its own samples would never be missed: so it is refused. */
    private void tryOut(ConfigReader reader) {
        Stage stage = when.stages().isEmpty() ? Stage.END_OF_DATA : when.stages().getFirst();
        for (SmtpReply reply : matches) {
            if (!covers(stage, reply, textOf(reply))) {
                reader.problem("match", "rule " + name + " does not match: " + reply);
            }
        }
        for (SmtpReply reply : others) {
            if (covers(stage, reply, textOf(reply))) {
                reader.problem("no-match", "rule " + name + " matches though it must not: "
                        + reply);
            }
        }
    }
}
