// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigProblem;
import io.mailrace.core.ConfigSource;
import io.mailrace.smtp.SmtpServer;
import io.mailrace.smtp.SmtpServerFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over what can change while mail flows: users, certificate, DKIM keys and headers, log
 * level. All or nothing: whatever is wrong with the configuration or a file it names, everything
 * stays as it was. What else has changed waits for a restart, and is named. One at a time; reads
 * files, so never on an event loop.
 */
final class Reload {
    private static final Logger LOG = LoggerFactory.getLogger(Reload.class);
    private static final int MAX_KEYS_SHOWN = 20;
    private static final Set<String> TLS_FILES = Set.of("tls.certificate", "tls.key",
            "tls.client-authorities");

    /** What takes the new values; tells which files it has to go on without. */
    interface Target {
        SmtpServer.Kept take(DaemonConfig fresh);
    }

    /**
     * How it went.
     *
     * @param taken false: nothing has changed
     * @param lines for the operator
     */
    record Outcome(boolean taken, List<String> lines) {
        Outcome {
            lines = List.copyOf(lines);
        }
    }

    private final Path file;
    private final ConfigSource running;
    private final Target target;
    private final Systemd systemd;

    /** @param running what the daemon was started with */
    Reload(Path file, ConfigSource running, Target target, Systemd systemd) {
        this.file = file;
        this.running = running;
        this.target = target;
        this.systemd = systemd;
    }

    synchronized Outcome run() {
        Systemd.Reloading reloading = systemd.reloading();
        try {
            return take();
        } catch (ConfigException wrong) {
            wrong.problems().forEach(problem -> LOG.error("reload=refused why=\"{}\"", problem));
            List<String> lines = new ArrayList<>(wrong.problems().stream()
                    .map(ConfigProblem::toString).toList());
            lines.add("nothing is changed: the daemon goes on as before");
            return new Outcome(false, lines);
        } finally {
            reloading.close();
        }
    }

    private Outcome take() {
        ConfigSource source = ConfigSource.ofFile(file);
        DaemonConfig fresh = DaemonConfig.from(source);
        List<ConfigProblem> fatal = SmtpServerFiles.check(fresh.smtp()).stream()
                .filter(SmtpServerFiles.Finding::fatal)
                .map(finding -> new ConfigProblem(file.toString(), 0, finding.key() + ": "
                        + finding.text()))
                .toList();
        if (!fatal.isEmpty()) {
            throw new ConfigException(fatal);
        }
        SmtpServer.Kept kept = target.take(fresh);
        List<String> later = running.changedKeys(source).stream()
                .filter(key -> !isTaken(key)).toList();
        List<String> lines = new ArrayList<>();
        // From which files they come is decided at the start: others count after a restart.
        boolean certificate = !kept.certificate() && later.stream().noneMatch(TLS_FILES::contains);
        boolean users = !kept.users() && !later.contains("users.file");
        lines.add("reloaded: " + (users ? "users, " : "") + (certificate ? "certificate, " : "")
                + "DKIM keys, log level");
        if (kept.users() || kept.certificate()) {
            lines.add("kept as before, for the files the daemon was started with cannot be used: "
                    + (kept.users() ? "users" : "") + (kept.users() && kept.certificate()
                            ? ", "
                            : "")
                    + (kept.certificate() ? "certificate" : ""));
        }
        if (!later.isEmpty()) {
            lines.add("changed, but in force after a restart only: " + String.join(", ",
                    later.subList(0, Math.min(MAX_KEYS_SHOWN, later.size())))
                    + (later.size() > MAX_KEYS_SHOWN
                            ? " and " + (later.size() - MAX_KEYS_SHOWN) + " more"
                            : ""));
        }
        LOG.info("reload=taken users={} certificate={} restart-needed={}", users, certificate,
                later);
        return new Outcome(true, lines);
    }

    private static boolean isTaken(String key) {
        return key.equals("log.level") || key.startsWith("dkim.");
    }
}
