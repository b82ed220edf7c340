// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.ConfigSource;
import io.mailrace.core.MailAddress;
import io.mailrace.delivery.DeliveryConfig;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.queue.QueueConfig;
import io.mailrace.smtp.SmtpServerConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The whole configuration: what the daemon itself reads, and one part for each module. Immutable.
 *
 * @param hostname our DNS name, lower-case ASCII
 * @param stopTimeout how long a stop waits for transactions in flight
 */
public record DaemonConfig(String hostname, Duration stopTimeout, AdminConfig admin, LogConfig log,
        QueueConfig queue, DkimConfig dkim, SmtpServerConfig smtp, DeliveryConfig delivery,
        DoctorConfig doctor) {
    /** Stands in while further problems are collected; never used by a running daemon. */
    private static final String NO_NAME = "hostname.invalid";
    /** No host can have such a name (RFC 2606); the template we ship has one. */
    static final String NOBODYS_NAME = ".invalid";

    /**
     * Reads a config file with every module's defaults under it.
     *
     * @throws io.mailrace.core.ConfigException with every problem found
     */
    public static DaemonConfig load(Path file) {
        return from(ConfigSource.ofFile(file));
    }

    /**
     * As {@link #load} from a text: tests and the demo.
     *
     * @throws io.mailrace.core.ConfigException with every problem found
     */
    public static DaemonConfig ofText(String text) {
        return from(ConfigSource.ofText(text));
    }

    static DaemonConfig from(ConfigSource source) {
        ConfigReader root = source.root();
        String hostname = hostname(root);
        Duration stop = root.duration("stop-timeout", Duration.ZERO, Duration.ofMinutes(10));
        Optional<AdminConfig> admin = AdminConfig.from(root);
        Optional<LogConfig> log = LogConfig.from(root);
        QueueConfig queue = QueueConfig.from(root, hostname);
        DkimConfig dkim = DkimConfig.from(root);
        SmtpServerConfig smtp = SmtpServerConfig.from(root, hostname);
        DeliveryConfig delivery = DeliveryConfig.from(root, hostname);
        DoctorConfig doctor = DoctorConfig.from(root);
        source.finish();
        return new DaemonConfig(hostname, stop, admin.orElseThrow(), log.orElseThrow(), queue,
                dkim, smtp, delivery, doctor);
    }

    private static String hostname(ConfigReader root) {
        if (!root.has("hostname")) {
            root.problem("hostname", "must be set to the full DNS name of this server,"
                    + " such as mta1.example.com");
            return NO_NAME;
        }
        String name = root.parsed("hostname", "the full DNS name of this server, such as"
                + " mta1.example.com", NO_NAME, DaemonConfig::parseName);
        if (name.endsWith(NOBODYS_NAME) && !name.equals(NO_NAME)) {
            root.problem("hostname", "is still the name of the template, which no host can have:"
                    + " put the full DNS name of this server there, or let mailrace init ask for"
                    + " it");
        }
        return name;
    }

    private static Optional<String> parseName(String text) {
        if (text.indexOf('@') >= 0 || text.startsWith("[") || text.indexOf('.') < 0) {
            return Optional.empty();
        }
        return MailAddress.parse("a@" + text).map(MailAddress::domain);
    }
}
