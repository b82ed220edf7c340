// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code mailrace start-archive}: what the package and the source launcher call once. */
@Command(name = "start-archive", hidden = true, mixinStandardHelpOptions = true, description = {
        "Makes the archive that lets a daemon start and warm up quickly, by a short run under load"
                + " on loopback."})
final class StartArchiveCommand implements Callable<Integer> {
    private static final int MAX_SECONDS = 60;

    @Parameters(paramLabel = "FILE", description = "Where it goes.")
    private Path file = Path.of("");

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "8", description = {
            "How long the load lasts (default: ${DEFAULT-VALUE})."})
    private int seconds;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (seconds < 1 || seconds > MAX_SECONDS) {
            throw new IllegalArgumentException("seconds must be 1 to " + MAX_SECONDS);
        }
        Logging.serve(LogConfig.Level.ERROR);
        StartArchive.make(file, seconds);
        return 0;
    }
}
