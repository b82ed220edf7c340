// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code mailrace serve}: the daemon in the foreground, until SIGTERM or SIGINT. */
@Command(name = "serve", description = "Run the mail server in the foreground.")
final class ServeCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(ServeCommand.class);

    @Mixin
    private ConfigOption config = new ConfigOption();

    private volatile boolean failing;

    @Override
    public Integer call() throws InterruptedException {
        DaemonConfig read = DaemonConfig.load(config.file);
        Logging.serve(read.log().level());
        AtomicReference<Daemon> running = new AtomicReference<>();
        Runtime.getRuntime().addShutdownHook(
                Thread.ofPlatform().name("stop").unstarted(() -> stop(running.get())));
        try {
            running.set(Daemon.start(read));
        } catch (RuntimeException failed) {
            failing = true;
            throw failed;
        }
        new CountDownLatch(1).await();
        throw new IllegalStateException("nothing ends the wait but the end of the process");
    }

    /**
     * An orderly stop is no failure: without halt the exit code would be that of the signal. A
     * signal during the start ends it where it is; the spool is made for that.
     */
    private void stop(@Nullable Daemon daemon) {
        if (daemon != null) {
            LOG.info("stopping");
            daemon.close();
            LOG.info("stopped");
        }
        Logging.stop();
        if (!failing) {
            Runtime.getRuntime().halt(0);
        }
    }
}
