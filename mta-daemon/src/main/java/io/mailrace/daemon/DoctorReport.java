// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.delivery.Finding;
import io.mailrace.delivery.Finding.Publish;
import io.mailrace.delivery.Finding.Severity;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import tools.jackson.core.JsonGenerator;

/**
 * What {@code mailrace doctor} says, for people on {@value #COLUMNS} columns and for programs. Only
 * names and records that must be copied whole may be wider. Immutable.
 */
record DoctorReport(String config, List<Section> sections) {
    private static final int COLUMNS = 80;
    private static final int INDENT = 8;
    private static final int RECORD_INDENT = 10;
    /** Of a TXT record on several lines. */
    private static final int STRING = 64;

    /** Findings about one thing. */
    record Section(String title, List<Finding> findings) {
        Section {
            findings = List.copyOf(findings);
        }
    }

    DoctorReport {
        sections = List.copyOf(sections);
    }

    private long count(Severity severity) {
        Predicate<Finding> counted = one -> one.severity() == severity;
        return sections.stream().mapToLong(section -> section.findings().stream().filter(counted)
                .count()).sum();
    }

    boolean fails() {
        return count(Severity.FAIL) > 0;
    }

    String text() {
        StringBuilder text = new StringBuilder();
        for (Section section : sections) {
            wrap(text, section.title(), 0, "");
            section.findings().forEach(one -> write(text, one));
            text.append('\n');
        }
        text.append(fails()
                ? count(Severity.FAIL) + " failed, "
                : "Nothing failed, ")
                .append(count(Severity.WARN)).append(" to improve, ")
                .append(count(Severity.UNKNOWN)).append(" not known (?), ")
                .append(count(Severity.OK)).append(" good.\n");
        return EventText.printable(text);
    }

    private static void write(StringBuilder text, Finding finding) {
        wrap(text, finding.text(), INDENT, switch (finding.severity()) {
            case OK -> "  ok";
            case UNKNOWN -> "  ?";
            case WARN -> "  warn";
            case FAIL -> "  FAIL";
        });
        if (!finding.fix().isEmpty()) {
            wrap(text, "fix: " + finding.fix(), INDENT, "");
        }
        finding.publish().forEach(one -> zoneLines(one).forEach(line -> text.append(" ".repeat(
                RECORD_INDENT)).append(line).append('\n')));
    }

    /** Words on lines that fit, each indented; the first has the label in its indent. */
    private static void wrap(StringBuilder text, String words, int indent, String label) {
        StringBuilder line = new StringBuilder(label);
        line.append(" ".repeat(Math.max(0, indent - label.length())));
        boolean empty = true;
        for (String word : words.split(" ")) {
            if (!empty && line.length() + 1 + word.length() > COLUMNS) {
                text.append(line).append('\n');
                line.setLength(0);
                line.append(" ".repeat(indent));
                empty = true;
            }
            line.append(empty ? "" : " ").append(word);
            empty = false;
        }
        text.append(line).append('\n');
    }

    /** As in a zone file; a long text in parentheses, which may be on several lines. */
    static List<String> zoneLines(Publish record) {
        String head = record.name() + ". IN " + record.type() + " ";
        if (!record.type().equals("TXT")) {
            return List.of(head + record.value());
        }
        String value = record.value();
        if (value.length() <= 255
                && RECORD_INDENT + head.length() + value.length() + 2 <= COLUMNS) {
            return List.of(head + quoted(value));
        }
        List<String> lines = new ArrayList<>();
        lines.add(head + "(");
        for (int at = 0; at < value.length(); at += STRING) {
            int to = Math.min(value.length(), at + STRING);
            lines.add("  " + quoted(value.substring(at, to)) + (to == value.length() ? " )" : ""));
        }
        return lines;
    }

    private static String quoted(String value) {
        return "\"" + value.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    String json() {
        return Json.page(json -> {
            json.writeStartObject();
            json.writeStringProperty("config", config);
            json.writeNumberProperty("failed", count(Severity.FAIL));
            json.writeNumberProperty("warnings", count(Severity.WARN));
            json.writeNumberProperty("unknown", count(Severity.UNKNOWN));
            json.writeNumberProperty("good", count(Severity.OK));
            json.writeArrayPropertyStart("sections");
            for (Section section : sections) {
                json.writeStartObject();
                json.writeStringProperty("title", section.title());
                json.writeArrayPropertyStart("findings");
                section.findings().forEach(one -> write(json, one));
                json.writeEndArray();
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        });
    }

    private static void write(JsonGenerator json, Finding finding) {
        json.writeStartObject();
        json.writeStringProperty("severity", finding.severity().name().toLowerCase(Locale.ROOT));
        json.writeStringProperty("check", finding.check());
        json.writeStringProperty("text", finding.text());
        Json.text(json, "fix", finding.fix());
        if (!finding.publish().isEmpty()) {
            json.writeArrayPropertyStart("publish");
            for (Publish one : finding.publish()) {
                json.writeStartObject();
                json.writeStringProperty("name", one.name());
                json.writeStringProperty("type", one.type());
                json.writeStringProperty("value", one.value());
                json.writeEndObject();
            }
            json.writeEndArray();
        }
        json.writeEndObject();
    }
}
