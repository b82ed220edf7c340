// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.SmtpReply;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** All providers by name. Immutable. */
final class Providers {
    private final List<Provider> named;
    private final Provider others;
    private final Set<String> suppressing;

    /**
     * @param all in order of name; holds {@link Provider#DEFAULT}
     */
    Providers(List<Provider> all) {
        List<Provider> own = new ArrayList<>();
        Provider rest = null;
        for (Provider provider : all) {
            if (provider.name().equals(Provider.DEFAULT)) {
                rest = provider;
            } else {
                own.add(provider);
            }
        }
        if (rest == null) {
            throw new IllegalArgumentException("no default provider");
        }
        named = List.copyOf(own);
        others = rest;
        suppressing = all.stream().flatMap(provider -> provider.rules().stream()
                .filter(rule -> rule.actions().contains(RuleAction.SUPPRESS))
                .map(rule -> provider.name() + "/" + rule.name()))
                .collect(Collectors.toUnmodifiableSet());
    }

    /** Reads section {@code providers}; problems are noted in the reader. */
    static Providers from(ConfigReader root) {
        List<Provider> all = new ArrayList<>();
        Map<String, ConfigReader> sections = root.sections("providers", "provider-defaults");
        sections.forEach((name, reader) -> Provider.from(name, reader).ifPresent(all::add));
        if (all.stream().noneMatch(one -> one.name().equals(Provider.DEFAULT))) {
            // only after a problem: reference.conf has it
            all.add(new Provider(Provider.DEFAULT, List.of(), new Provider.Limits(1, 1, 1,
                    List.of(), List.of(), Optional.empty(), false, Duration.ofSeconds(30)),
                    List.of()));
        }
        return new Providers(all);
    }

    /** Whether the rule, as {@code provider/rule}, suppresses recipients. */
    boolean suppresses(String rule) {
        return suppressing.contains(rule);
    }

    /** The provider all of those hosts belong to; else the default one. */
    Provider of(List<String> hosts) {
        for (Provider provider : named) {
            if (!hosts.isEmpty() && hosts.stream().map(Ascii::lower).allMatch(provider::has)) {
                return provider;
            }
        }
        return others;
    }

    Optional<Provider> named(String name) {
        return all().stream().filter(one -> one.name().equals(name)).findFirst();
    }

    Set<String> names() {
        return all().stream().map(Provider::name)
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** The default one last. */
    List<Provider> all() {
        List<Provider> all = new ArrayList<>(named);
        all.add(others);
        return all;
    }

    /** What a reply of that provider's means: its own rules first, then those of all, then RFCs. */
    Ruling judge(Provider provider, Stage stage, SmtpReply reply) {
        String text = ReplyRule.textOf(reply);
        Optional<ReplyRule> own = provider.rule(stage, reply, text);
        if (own.isPresent()) {
            return Ruling.of(provider.name(), own.get(), reply);
        }
        return provider.name().equals(others.name())
                ? Ruling.standard(stage, reply)
                : others.rule(stage, reply, text)
                        .map(rule -> Ruling.of(others.name(), rule, reply))
                        .orElseGet(() -> Ruling.standard(stage, reply));
    }
}
