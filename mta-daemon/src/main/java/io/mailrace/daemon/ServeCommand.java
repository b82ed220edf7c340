// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigSource;
import io.mailrace.core.TimeSource;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code mailrace serve}: the daemon in the foreground, until SIGTERM or SIGINT. SIGHUP reloads.
 */
@Command(name = "serve", description = "Run the mail server in the foreground.")
final class ServeCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(ServeCommand.class);

    @Mixin
    private ConfigOption config = new ConfigOption();

    private volatile boolean failing;

    @Override
    public Integer call() throws InterruptedException {
        Systemd systemd = Systemd.of(System.getenv(), TimeSource.system());
        AtomicReference<Daemon> running = new AtomicReference<>();
        CountDownLatch started = new CountDownLatch(1);
        try {
            ConfigSource source = ConfigSource.ofFile(config.existing());
            DaemonConfig read = DaemonConfig.from(source);
            Logging.serve(read.log().level());
            HangUp.runs(() -> hangUp(running, started));
            Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().name("stop").unstarted(
                    () -> stop(running.get(), systemd)));
            running.set(Daemon.start(read, systemd,
                    Optional.of(new Daemon.Origin(config.file, source))));
            started.countDown();
        } catch (RuntimeException failed) {
            failing = true;
            systemd.failed(failed instanceof ConfigException wrong
                    ? wrong.problems().getFirst().toString()
                    : String.valueOf(failed.getMessage()));
            throw failed;
        }
        new CountDownLatch(1).await();
        throw new IllegalStateException("nothing ends the wait but the end of the process");
    }

    /** During a start it waits for the end of that. */
    private static void hangUp(AtomicReference<Daemon> running, CountDownLatch started) {
        try {
            started.await();
            Daemon daemon = running.get();
            Optional<Reload> reload = daemon == null ? Optional.empty() : daemon.reload();
            LOG.info("signal=HUP reload={}",
                    reload.isPresent() ? "begins" : "no, the daemon stops");
            reload.ifPresent(Reload::run);
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException bug) {
            LOG.error("reload failed", bug);
        }
    }

    /**
     * An orderly stop is no failure: without halt the exit code would be that of the signal. A
     * signal during the start ends it where it is; the spool is made for that.
     */
    private void stop(@Nullable Daemon daemon, Systemd systemd) {
        if (daemon != null) {
            LOG.info("stopping");
            daemon.close();
            LOG.info("stopped");
        }
        if (!failing) {
            systemd.close();
        }
        Logging.stop();
        if (!failing) {
            Runtime.getRuntime().halt(0);
        }
    }
}
