// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine.Model.CommandSpec;

/** A long task of the running spool: started, then asked after until it ends. */
final class SpoolTask {
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private SpoolTask() {}

    /** Returns the exit code; says how it went. */
    static int run(AdminClient client, String uri, CommandSpec spec) throws IOException {
        AdminClient.Answer answer = client.post(uri);
        while (answer.good()) {
            OperationStatus status = OperationStatus.parse(answer.body());
            String task = status.fields().getOrDefault("task", "");
            if (status.state().equals("done")) {
                spec.commandLine().getOut().println(task + ": done");
                return 0;
            }
            if (status.state().equals("failed")) {
                spec.commandLine().getErr().println(task + ": " + status.why());
                return 1;
            }
            LockSupport.parkNanos(POLL_NANOS);
            answer = client.get("/api/v1/spool/task", true);
        }
        spec.commandLine().getErr().print(answer.body());
        return 1;
    }
}
