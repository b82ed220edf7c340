// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.MailAddress;
import io.mailrace.core.TimeSource;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace doctor}: what receivers and this machine will make of the configuration. */
@Command(name = "doctor", description = "What keeps mail from being accepted, and how to mend it:"
        + " port 25, PTR, SPF, DKIM, DMARC, block lists, disk, certificate. Needs no daemon,"
        + " sends no mail, takes up to a minute. Exit code 1: something fails.")
final class DoctorCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DOMAIN", arity = "0..*", description = "Domains of From addresses"
            + " (default: all that have a DKIM key).")
    private List<String> domains = List.of();
    @Option(names = "--probe", paramLabel = "HOST[:PORT]", defaultValue = "", description = {
            "Where to try a connection to (default: the MX hosts of gmail.com)."})
    private String probe = "";
    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        List<String> asked = domains.stream().map(text -> MailAddress.parse("a@" + text)
                .map(MailAddress::domain).filter(name -> !name.startsWith("["))
                .orElseThrow(() -> new IllegalArgumentException("not a domain: " + text)))
                .toList();
        DoctorReport report = new Doctor(config.file, asked, probe, TimeSource.system()).run();
        spec.commandLine().getOut().print(json ? report.json() : report.text());
        spec.commandLine().getOut().flush();
        return report.fails() ? 1 : 0;
    }
}
