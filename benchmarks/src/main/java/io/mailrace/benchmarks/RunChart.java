// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.benchmarks.RunRecord.Row;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Horizontal bars as SVG: one for each row, with a mark where it was in an earlier run. Texts take
 * the reader's own colour scheme, so the picture is readable on light and on dark ground; nothing
 * is drawn behind it.
 */
final class RunChart {
    private static final int WIDTH = 900;
    private static final int LABEL = 330;
    private static final int VALUE = 120;
    private static final int ROW = 26;
    private static final int BAR = 16;
    private static final int TOP = 72;
    private static final String STYLE = "<style>"
            + "text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-size:16px;font-weight:600}"
            + ".m{fill:#57606a}.b{fill:#0969da}.o{stroke:#cf222e;stroke-width:2}"
            + ".g{stroke:#d0d7de;stroke-width:1}"
            + "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.m{fill:#9198a1}.b{fill:#4493f8}"
            + ".o{stroke:#ff7b72}.g{stroke:#3d444d}}</style>";

    private RunChart() {}

    /**
     * @param subtitle below the title, smaller
     * @param before earlier results; rows that are not there get no mark
     */
    static String of(String title, String subtitle, List<Row> rows, Optional<RunRecord> before) {
        double most = rows.stream().mapToDouble(row -> Math.max(row.score(),
                before.flatMap(old -> old.like(row)).map(Row::score).orElse(0.0)))
                .max().orElse(0);
        int height = TOP + rows.size() * ROW + 12;
        var svg = new StringBuilder(2048);
        svg.append("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ").append(WIDTH)
                .append(' ').append(height).append("\" role=\"img\">\n<title>")
                .append(escape(title)).append("</title>\n").append(STYLE).append('\n');
        text(svg, 8, 20, "t", "", title);
        Map<String, String> common = common(rows);
        text(svg, 8, 39, "m", "", subtitle);
        text(svg, 8, 57, "m", "", "Unless it says otherwise: " + common);
        line(svg, "g", LABEL, TOP - 4, LABEL, height - 8);
        for (int i = 0; i < rows.size(); i++) {
            Row row = rows.get(i);
            int y = TOP + i * ROW;
            double width = length(row.score(), most);
            text(svg, LABEL - 8, y + 13, "", " text-anchor=\"end\"", label(row, common));
            svg.append("<rect class=\"b\" x=\"").append(LABEL).append("\" y=\"").append(y)
                    .append("\" width=\"").append(number(width)).append("\" height=\"")
                    .append(BAR).append("\" rx=\"2\"/>\n");
            before.flatMap(old -> old.like(row)).ifPresent(old -> {
                double at = LABEL + length(old.score(), most);
                line(svg, "o", at, y - 2, at, y + BAR + 2);
            });
            text(svg, LABEL + width + 8, y + 13, "", "", RunTable.number(row.score()));
        }
        return svg.append("</svg>\n").toString();
    }

    /** The value of each parameter that most rows have. */
    private static Map<String, String> common(List<Row> rows) {
        var counts = new TreeMap<String, Map<String, Integer>>();
        rows.forEach(row -> row.params().forEach((name, value) -> counts
                .computeIfAbsent(name, n -> new TreeMap<>()).merge(value, 1, Integer::sum)));
        var common = new TreeMap<String, String>();
        counts.forEach((name, values) -> values.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .ifPresent(most -> common.put(name, most.getKey())));
        return common;
    }

    /** What sets a row apart. */
    private static String label(Row row, Map<String, String> common) {
        String differs = row.params().entrySet().stream()
                .filter(param -> !param.getValue().equals(common.get(param.getKey())))
                .map(param -> param.getKey() + " " + param.getValue())
                .collect(Collectors.joining(", "));
        return differs.isEmpty() ? "as usual" : differs;
    }

    private static double length(double score, double most) {
        return most <= 0 || Double.isNaN(score)
                ? 0
                : Math.max(0, score) / most * (WIDTH - LABEL - VALUE);
    }

    private static void text(StringBuilder svg, double x, int y, String type, String more,
            String text) {
        svg.append("<text x=\"").append(number(x)).append("\" y=\"").append(y).append('"')
                .append(type.isEmpty() ? "" : " class=\"" + type + "\"").append(more).append('>')
                .append(escape(text)).append("</text>\n");
    }

    private static void line(StringBuilder svg, String type, double x1, int y1, double x2,
            int y2) {
        svg.append("<line class=\"").append(type).append("\" x1=\"").append(number(x1))
                .append("\" y1=\"").append(y1).append("\" x2=\"").append(number(x2))
                .append("\" y2=\"").append(y2).append("\"/>\n");
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }

    static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
