// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.delivery.ReplyMeaning;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace classify}: what a reply means by the rules of the configuration. */
@Command(name = "classify", description = "What a reply means: class, what becomes of the mail,"
        + " and what is done beside. Asks the configuration, no daemon is needed.")
final class ClassifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "REPLY", description = "Such as \"550 5.7.1 blocked\"; several lines"
            + " are divided by \\n.")
    private String reply = "";
    @Option(names = "--provider", paramLabel = "NAME", defaultValue = "", description = {
            "Whose reply it is, such as gmail."})
    private String provider = "";
    @Option(names = "--host", paramLabel = "HOST", defaultValue = "", description = {
            "Whose reply it is, by the name of the MX host."})
    private String host = "";
    @Option(names = "--stage", paramLabel = "STAGE", defaultValue = "", description = {
            "Where it was said: greeting, ehlo, mail, rcpt, data or end-of-data (default)."})
    private String stage = "";
    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        ReplyMeaning meaning = ReplyMeaning.of(DaemonConfig.load(config.file).delivery(),
                provider, host, stage, reply);
        if (json) {
            spec.commandLine().getOut().println(Json.page(out -> {
                out.writeStartObject();
                out.writeStringProperty("provider", meaning.provider());
                out.writeStringProperty("class", meaning.category());
                out.writeStringProperty("about", meaning.about());
                out.writeStringProperty("rule", meaning.rule());
                out.writeStringProperty("mail", meaning.mail());
                out.writeArrayPropertyStart("does");
                meaning.does().forEach(out::writeString);
                out.writeEndArray();
                out.writeEndObject();
            }));
            return 0;
        }
        line("provider", meaning.provider());
        line("class", meaning.category() + ": " + meaning.about());
        line("rule", meaning.rule().isEmpty() ? "none: by code and status alone"
                : meaning.rule());
        line("mail", meaning.mail());
        meaning.does().forEach(one -> line("action", one));
        return 0;
    }

    private void line(String name, String value) {
        spec.commandLine().getOut().println(String.format(Locale.ROOT, "%-9s %s", name, value));
    }
}
