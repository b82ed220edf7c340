// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code mailrace reload}: has the running daemon read its files again. */
@Command(name = "reload", description = "Have the running daemon take over users, certificate,"
        + " DKIM keys and log level. A file that is wrong changes nothing. Names what else has"
        + " changed and needs a restart.")
final class ReloadCommand implements Callable<Integer> {
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Option(names = "--socket", paramLabel = "FILE", description = {
            "Admin socket of the daemon (default: admin.socket of the config)."})
    private @Nullable Path socket;
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Path asked = socket != null ? socket : AdminConfig.socketOf(config.sourceOrDefaults());
        AdminClient.Answer answer = new AdminClient(asked).post("/api/v1/reload");
        var stream = answer.good() ? spec.commandLine().getOut() : spec.commandLine().getErr();
        stream.print(answer.body());
        stream.flush();
        return answer.good() ? 0 : 1;
    }
}
