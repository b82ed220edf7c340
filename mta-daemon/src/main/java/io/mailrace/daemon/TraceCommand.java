// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace trace}: the life of a message. */
@Command(name = "trace", description = "One message from its arrival to the last reply.")
final class TraceCommand implements Callable<Integer> {
    @Parameters(paramLabel = "ID", description = "The id of the reply \"queued as ID\"; or a"
            + " sender, recipient or Message-ID, searched among the newest events.")
    private String subject = "";
    @Option(names = "--content", description = "The bytes of the message instead; while it waits,"
            + " and after that for spool.keep.content-for.")
    private boolean content;
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (content) {
            AdminClient.Answer answer = daemon.client()
                    .get("/api/v1/content/" + AdminClient.segment(subject), true);
            if (answer.good()) {
                OutputStream out = new FileOutputStream(FileDescriptor.out);
                out.write(answer.bytes());
                out.flush();
                return 0;
            }
            spec.commandLine().getErr().print(answer.body());
            return 1;
        }
        return daemon.show(spec, "/api/v1/trace/" + AdminClient.segment(subject));
    }
}
