// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What the operator decided about taking in mail. Immutable.
 *
 * @param hostname our name, in greetings and Received lines
 * @param listeners by name, sorted
 * @param pools by which mail can leave: what the users file may name
 */
public record SmtpServerConfig(String hostname, Map<String, ListenerConfig> listeners,
        TlsConfig tls, UsersConfig users, SubmissionConfig submission,
        PressureConfig pressure, Set<String> pools) {
    private static final String DEFAULT_POOL = "default";

    public SmtpServerConfig {
        listeners = Collections.unmodifiableMap(new TreeMap<>(listeners));
        pools = Set.copyOf(pools);
    }

    /**
     * Reads {@code listeners}, {@code listener-defaults}, {@code tls}, {@code users},
     * {@code submission} and {@code pressure}, and the names of {@code pools}; problems are noted
     * in the reader.
     */
    public static SmtpServerConfig from(ConfigReader root, String hostname) {
        Map<String, ListenerConfig> listeners = new TreeMap<>();
        Map<String, ConfigReader> sections = root.sections("listeners", "listener-defaults");
        sections.forEach((name, section) -> ListenerConfig.from(section).ifPresent(
                listener -> listeners.put(name, listener)));
        TlsConfig tls = TlsConfig.from(root.section("tls")).orElse(TlsConfig.SELF_SIGNED);
        sections.forEach((name, section) -> {
            ListenerConfig listener = listeners.get(name);
            if (listener != null && !tls.asksClients()
                    && listener.clientCertificate() != ListenerConfig.ClientCertificates.OFF) {
                section.problem("client-certificate",
                        "needs tls.client-authorities: whose certificates are taken");
            }
        });
        Set<String> pools = new TreeSet<>(Set.of(DEFAULT_POOL));
        if (root.has("pools")) {
            pools.addAll(root.sections("pools", "pool-defaults").keySet());
        }
        SubmissionConfig submission = SubmissionConfig.from(root.section("submission"))
                .orElse(SubmissionConfig.STAND_IN);
        sections.forEach((name, section) -> {
            ListenerConfig listener = listeners.get(name);
            int most = listener == null ? 0 : listener.pressure().maxConnections();
            if (most != 0 && most <= submission.maxConnectionsPerAddress()) {
                section.section("pressure").problem("max-connections", "must be larger than"
                        + " submission.max-connections-per-address: one client could take all");
            }
        });
        return new SmtpServerConfig(hostname, listeners, tls,
                UsersConfig.from(root.section("users")).orElse(UsersConfig.STAND_IN), submission,
                PressureConfig.from(root.section("pressure")).orElse(PressureConfig.STAND_IN),
                pools);
    }

    /** Whether some listener needs a certificate. */
    boolean usesTls() {
        return listeners.values().stream().anyMatch(l -> l.tls() != ListenerConfig.Tls.OFF);
    }

    /** Whether some listener takes passwords. */
    boolean usesAuth() {
        return listeners.values().stream().anyMatch(l -> l.auth() != ListenerConfig.Auth.NONE);
    }
}
