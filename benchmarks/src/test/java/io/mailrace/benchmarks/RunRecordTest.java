// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.benchmarks.RunRecord.Row;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;

/** What is kept of a run, and how it is shown. */
class RunRecordTest {
    private static final Row SIGN = new Row("DkimSign.sign", Map.of("provider", "jdk"), 1500, 10,
            "ops/s", 4711);
    private static final Row WHOLE = new Row("MessagesPerHour.messages", Map.of("size", "10240",
            "tls", "<none>"), 20_000_000, Double.NaN, "ops/hr", Double.NaN);
    private static final RunRecord RUN = new RunRecord(Map.of("date", "2026-11-28T22:00:00Z",
            "machine", "A"), List.of(SIGN, WHOLE));

    @Test
    void json_readAgain_isTheSame() {
        RunRecord read = RunRecord.read(RUN.json());
        assertThat(read.facts()).isEqualTo(RUN.facts());
        assertThat(read.rows()).isEqualTo(RUN.rows());
        for (String broken : List.of("", "[]", "{\"rows\":[1]}", "{\"rows\":[{}]}", "{")) {
            assertThatThrownBy(() -> RunRecord.read(broken.getBytes(StandardCharsets.UTF_8)))
                    .describedAs(broken).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void table_besideAnEarlierRun_tellsWhatChanged() {
        var slower = new Row("DkimSign.sign", Map.of("provider", "jdk"), 1000, 10, "ops/s", 1);
        var gone = new Row("Old.sign", Map.of(), 1, 1, "ops/s", 1);
        String table = RunTable.of(RUN, Optional.of(new RunRecord(Map.of("machine", "B"),
                List.of(slower, gone))));
        assertThat(table).contains("| DkimSign.sign | provider=jdk | 1,500 | 10.0 | ops/s | 4,711"
                + " | +50 % |", "20,000,000 |  | ops/hr |  | new |", "| Old.sign |", "| gone |",
                "another machine");
        assertThat(RunTable.of(RUN, Optional.empty())).contains("| new |");
    }

    @Test
    void change_withinNoiseOrError_isNone() {
        var before = new Row("a", Map.of(), 100, 1, "ops/s", 0);
        assertThat(RunTable.change(new Row("a", Map.of(), 104, 1, "ops/s", 0), before))
                .isEqualTo("~");
        assertThat(RunTable.change(new Row("a", Map.of(), 80, 30, "ops/s", 0), before))
                .isEqualTo("~");
        assertThat(RunTable.change(new Row("a", Map.of(), 80, 1, "ops/s", 0), before))
                .isEqualTo("-20 %");
        assertThat(RunTable.change(new Row("a", Map.of(), 80, 1, "ops/hr", 0), before))
                .isEqualTo("?");
    }

    @Test
    void chart_ofRows_isXmlForBothColourSchemes() throws Exception {
        var other = new Row(WHOLE.benchmark(), Map.of("size", "2048", "tls", "<none>"),
                30_000_000, 1, "ops/hr", 0);
        String svg = RunChart.of("Messages & more", "machine <A>", List.of(WHOLE, other, WHOLE),
                Optional.of(RUN));
        var document = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
        assertThat(document.getElementsByTagName("rect").getLength()).isEqualTo(3);
        assertThat(svg).contains("prefers-color-scheme:dark", "Messages &amp; more", "size 2048",
                "as usual", "30,000,000", "class=\"o\"");
        assertThat(RunChart.of("", "", List.of(), Optional.empty())).contains("</svg>");
    }
}
