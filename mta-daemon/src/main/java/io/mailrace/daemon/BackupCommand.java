// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace backup}: a copy of the spool while mail goes on. */
@Command(name = "backup", description = "Copy the spool of the running daemon to a new folder."
        + " On the same file system the copy is made of hard links and takes moments.")
final class BackupCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "New or empty; the daemon must be able to write"
            + " there.")
    private Path directory = Path.of("");
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        return SpoolTask.run(daemon.client(), "/api/v1/spool/backup?directory="
                + AdminClient.segment(directory.toAbsolutePath().toString()), spec);
    }
}
