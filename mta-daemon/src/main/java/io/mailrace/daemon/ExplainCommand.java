// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace explain}: how mail from one address to another would go now. */
@Command(name = "explain", description = "How mail would go: route, next hop, sources, limits, DKIM"
        + " key, TLS, and why it waits.")
final class ExplainCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "FROM", description = "Author's address.")
    private String from = "";
    @Parameters(index = "1", paramLabel = "TO", description = "Recipient's address.")
    private String to = "";
    @Option(names = "--tenant", paramLabel = "NAME", defaultValue = "default", description = {
            "Who submits it (default: ${DEFAULT-VALUE})."})
    private String tenant = "";
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        return daemon.show(spec, "/api/v1/explain?from=" + AdminClient.segment(from) + "&to="
                + AdminClient.segment(to) + "&tenant=" + AdminClient.segment(tenant));
    }
}
