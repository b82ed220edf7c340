// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the operator decided about taking in mail. Immutable.
 *
 * @param hostname our name, in greetings and Received lines
 * @param listeners by name, sorted
 */
public record SmtpServerConfig(String hostname, Map<String, ListenerConfig> listeners,
        TlsConfig tls, UsersConfig users, SubmissionConfig submission,
        PressureConfig pressure) {

    public SmtpServerConfig {
        listeners = Collections.unmodifiableMap(new TreeMap<>(listeners));
    }

    /**
     * Reads {@code listeners}, {@code listener-defaults}, {@code tls}, {@code users},
     * {@code submission} and {@code pressure}; problems are noted in the reader.
     */
    public static SmtpServerConfig from(ConfigReader root, String hostname) {
        Map<String, ListenerConfig> listeners = new TreeMap<>();
        root.sections("listeners", "listener-defaults").forEach((name, section) -> ListenerConfig
                .from(section).ifPresent(listener -> listeners.put(name, listener)));
        return new SmtpServerConfig(hostname, listeners,
                TlsConfig.from(root.section("tls")).orElse(TlsConfig.SELF_SIGNED),
                UsersConfig.from(root.section("users")).orElse(UsersConfig.STAND_IN),
                SubmissionConfig.from(root.section("submission"))
                        .orElse(SubmissionConfig.STAND_IN),
                PressureConfig.from(root.section("pressure")).orElse(PressureConfig.STAND_IN));
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
