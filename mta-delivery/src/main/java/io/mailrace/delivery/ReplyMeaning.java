// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.SmtpReply;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What delivery would make of a reply, for people. Immutable.
 *
 * @param provider whose rules were asked
 * @param category the bounce class
 * @param about the class in words
 * @param rule as {@code provider/rule}; empty when only the RFCs say what it means
 * @param mail what becomes of the mail
 * @param does what is done beside, one sentence each
 */
public record ReplyMeaning(String provider, String category, String about, String rule, String mail,
        List<String> does) {

    /**
     * @param provider by name; empty: the one of {@code host}
     * @param host an MX host; empty: no provider's
     * @param stage such as {@code rcpt}; empty: the reply to the end of the data
     * @param reply its lines divided by line feeds
     * @throws IllegalArgumentException with a sentence for people
     */
    public static ReplyMeaning of(DeliveryConfig config, String provider, String host,
            String stage, String reply) {
        Providers providers = config.providers();
        Provider whose = provider.isEmpty() ? providers.of(List.of(host))
                : providers.named(provider).orElseThrow(() -> new IllegalArgumentException(
                        "there is no provider named " + provider + "; known are: "
                                + providers.all().stream().map(Provider::name)
                                        .collect(Collectors.joining(", "))));
        Stage where = stageOf(stage);
        SmtpReply read = ReplyRule.parse(reply.replace("\\n", "\n"))
                .orElseThrow(() -> new IllegalArgumentException(
                        "that is no SMTP reply: it begins with a code such as 550"));
        Ruling ruling = providers.judge(whose, where, read);
        return new ReplyMeaning(whose.name(), ruling.category().word(), ruling.category().words(),
                ruling.source(), mail(read, ruling), does(ruling));
    }

    private static Stage stageOf(String word) {
        if (word.isEmpty()) {
            return Stage.END_OF_DATA;
        }
        try {
            return Stage.valueOf(word.toUpperCase(Locale.ROOT).replace('-', '_'));
        } catch (IllegalArgumentException unknown) {
            throw new IllegalArgumentException("stage must be greeting, ehlo, starttls, mail, rcpt,"
                    + " data or end-of-data", unknown);
        }
    }

    private static String mail(SmtpReply reply, Ruling ruling) {
        if (reply.isPositive()) {
            return "taken";
        }
        if (ruling.fails()) {
            return "bounces";
        }
        return ruling.retryAfter().isZero() ? "tried again by the schedule"
                : "tried again by the schedule, not before " + Texts.duration(ruling.retryAfter());
    }

    private static List<String> does(Ruling ruling) {
        List<String> does = new ArrayList<>();
        ruling.rule().ifPresent(rule -> {
            String whom = rule.scopes().stream().map(RuleScope::word)
                    .collect(Collectors.joining(" and "));
            for (RuleAction action : rule.actions()) {
                StringBuilder text = new StringBuilder(action.word());
                if (action != RuleAction.ALERT) {
                    text.append(' ').append(whom);
                }
                if (action == RuleAction.SLOW) {
                    rule.rate().ifPresent(rate -> text.append(" to ").append(rate));
                }
                boolean lasts = switch (action) {
                    case SLOW, HALVE, ONE_CONNECTION, SUSPEND, RECOVER, HOLD_DOMAIN, DROP_IPV6,
                            FEWER_MESSAGES ->
                        true;
                    case SPLIT, OTHER_SOURCE, SUPPRESS, ALERT -> false;
                };
                if (lasts) {
                    text.append(" for ").append(Texts.duration(rule.duration()));
                }
                if (rule.trigger().times() > 1) {
                    text.append(", when it was said ").append(rule.trigger().times())
                            .append(" times within ")
                            .append(Texts.duration(rule.trigger().within()));
                }
                does.add(text.toString());
            }
        });
        return does;
    }
}
