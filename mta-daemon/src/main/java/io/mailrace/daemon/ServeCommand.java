// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code mailrace serve}: the daemon in the foreground, until SIGTERM or SIGINT. */
@Command(name = "serve", mixinStandardHelpOptions = true, description = "Run the mail server in the foreground.")
final class ServeCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(ServeCommand.class);

    @Mixin
    private ConfigOption config = new ConfigOption();

    @Override
    public Integer call() throws InterruptedException {
        DaemonConfig read = DaemonConfig.load(config.file);
        Logging.serve(read.log().level());
        Daemon daemon;
        try {
            daemon = Daemon.start(read);
        } catch (RuntimeException failed) {
            Logging.stop();
            throw failed;
        }
        Runtime.getRuntime().addShutdownHook(
                Thread.ofPlatform().name("stop").unstarted(() -> stop(daemon)));
        new CountDownLatch(1).await();
        throw new IllegalStateException("nothing ends the wait but the end of the process");
    }

    /** An orderly stop is no failure: without halt the exit code would be that of the signal. */
    private static void stop(Daemon daemon) {
        LOG.info("stopping");
        daemon.close();
        LOG.info("stopped");
        Logging.stop();
        Runtime.getRuntime().halt(0);
    }
}
