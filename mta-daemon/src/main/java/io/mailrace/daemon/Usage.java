// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import picocli.CommandLine.Model.CommandSpec;

/** What a group of commands says when it is called without one of them. */
final class Usage {
    private Usage() {}

    static int missingSubcommand(CommandSpec spec) {
        spec.commandLine().usage(spec.commandLine().getErr());
        return 2;
    }
}
