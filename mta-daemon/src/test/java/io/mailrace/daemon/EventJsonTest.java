// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class EventJsonTest {

    private static Map<String, Object> parsed(Event event) {
        return JsonTree.object(line(event));
    }

    private static String line(Event event) {
        return Json.page(json -> EventJson.write(json, 3, event));
    }

    @Test
    void write_received_hasWhatWasAccepted() {
        assertThat(parsed(Events.received())).containsEntry("kind", "received")
                .containsEntry("time", "2023-11-14T22:13:20Z").containsEntry("sequence", 3L)
                .containsEntry("id", Events.ID.toString()).containsEntry("tenant", "app")
                .containsEntry("lane", "default").containsEntry("client", "127.0.0.1")
                .containsEntry("user", "app").containsEntry("sender", "alice@sender.test")
                .containsEntry("recipients", List.of("bob@one.test", "carol@one.test"))
                .containsEntry("size", 1234L).containsEntry("message-id", "<m1@sender.test>");
    }

    @Test
    void write_attempted_hasRouteAndEachRecipient() {
        Map<String, Object> event = parsed(Events.attempted());
        assertThat(event).containsEntry("kind", "attempted").containsEntry("site", "one")
                .containsEntry("source", "default").containsEntry("host", "mx.one.test")
                .containsEntry("address", "127.0.0.9:25").containsEntry("tls", "TLSv1.3")
                .containsEntry("signed-by", "s1@sender.test").containsEntry("attempt", 1L)
                .containsEntry("duration-ms", 42L);
        assertThat(event.get("recipients")).isEqualTo(List.of(
                Map.of("address", "bob@one.test", "outcome", "delivered", "reply",
                        "250 2.0.0 taken"),
                Map.of("address", "carol@one.test", "outcome", "deferred", "reply",
                        "451 4.4.2 line lost", "possible-duplicate", true)));
    }

    @Test
    void write_eachKind_isOneLineOfItsOwnKind() {
        Set<String> kinds = new HashSet<>();
        for (Event event : Events.all()) {
            assertThat(line(event).indexOf('\n')).isEqualTo(line(event).length() - 1);
            kinds.add((String) parsed(event).get("kind"));
        }
        assertThat(kinds).hasSameSizeAs(Events.all());
    }

    /** A local part may be any UTF-8 text: neither a log reader nor a terminal may be fooled. */
    @Test
    void write_hostileTexts_staysOneLineOfPlainAscii() {
        String hostile = "a\r\n{\"kind\":\"forged\"}\u001b[31m\u0085\u2028\u0000\"\\\ud800";
        Event event = new Event.Received(Events.TIME, Events.ID,
                new Event.Intake("l", "c", hostile, hostile, ""), "app", Lane.BULK,
                new MailAddress(hostile, "one.test"), List.of(Events.BOB), 1, hostile);
        String line = line(event);
        assertThat(line.strip().chars()).allMatch(c -> c >= 32 && c < 127);
        assertThat(JsonTree.object(line)).containsEntry("kind", "received")
                .containsEntry("helo", hostile);
    }

    @Test
    void text_eachKind_saysItsTimeAndHasNoControls() {
        for (Event event : Events.all()) {
            assertThat(EventText.lines(event)).startsWith("2023-11-14T22:13:20").endsWith("\n");
        }
        assertThat(EventText.lines(Events.attempted())).contains("delivered <bob@one.test>: 250",
                "deferred <carol@one.test>: 451", "possible duplicate");
        assertThat(EventText.printable("a\u001b[31m\u202eb\u0085\nc")).isEqualTo("a?[31m?b?\nc");
    }
}
