// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.Lane;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.Selection;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which mail a command is about; all that is given must hold. */
final class SelectionOptions {
    @Option(names = "--lane", paramLabel = "LANE", description = "transactional, default or bulk.")
    private @Nullable String lane;
    @Option(names = "--tenant", paramLabel = "NAME", description = "Who submitted it.")
    private @Nullable String tenant;
    @Option(names = "--domain", paramLabel = "DOMAIN", description = {
            "Of the recipients; \"*.example.com\" for all below it."})
    private @Nullable String domain;
    @Option(names = "--site", paramLabel = "HOST", description = {
            "Mail that goes to a site with this MX host, or with one below this domain."})
    private @Nullable String site;
    @Option(names = "--pool", paramLabel = "NAME", description = "Of sources.")
    private @Nullable String pool;
    @Option(names = "--tag", paramLabel = "TAG", description = "Value of X-Mailrace-Tag.")
    private @Nullable String tag;
    @Option(names = "--author", paramLabel = "DOMAIN", description = "Of the From address.")
    private @Nullable String author;
    @Option(names = "--id", paramLabel = "ID", description = "One message, as in \"queued as ID\".")
    private @Nullable String id;
    @Option(names = "--older-than", paramLabel = "TIME", description = "Such as 15m, 2h or 3d.")
    private @Nullable String olderThan;
    @Option(names = "--younger-than", paramLabel = "TIME", description = "Such as 15m or 2h.")
    private @Nullable String youngerThan;
    @Option(names = "--all", description = "Every message, when nothing else is given.")
    private boolean all;

    /** Nothing narrows it down. */
    boolean everything() {
        return given().isEmpty();
    }

    boolean all() {
        return all;
    }

    /** What was given, by the names the admin address knows. */
    Map<String, String> given() {
        Map<String, String> given = new LinkedHashMap<>();
        put(given, "lane", lane);
        put(given, "tenant", tenant);
        put(given, "domain", domain);
        put(given, "site", site);
        put(given, "pool", pool);
        put(given, "tag", tag);
        put(given, "author", author);
        put(given, "id", id);
        put(given, "older-than", olderThan);
        put(given, "younger-than", youngerThan);
        return given;
    }

    private static void put(Map<String, String> given, String name, @Nullable String value) {
        if (value != null) {
            given.put(name, value);
        }
    }

    /** For a spool nobody has open, where sites are not known. */
    Selection selection() {
        if (site != null) {
            throw new IllegalArgumentException("--site needs a running daemon: use --domain");
        }
        Optional<Lane> wanted = Optional.ofNullable(lane).map(word -> Lane.ofWord(word)
                .orElseThrow(() -> new IllegalArgumentException(
                        "--lane must be transactional, default or bulk")));
        Optional<SpoolId> message = Optional.ofNullable(id).map(text -> SpoolId.parse(text)
                .orElseThrow(() -> new IllegalArgumentException(
                        "--id must be one of \"queued as ID\"")));
        return new Selection(wanted, lower(tenant), lower(domain), pool == null ? "" : pool,
                lower(tag), lower(author), message, time(olderThan, "--older-than"),
                time(youngerThan, "--younger-than"), key -> true, "");
    }

    private static String lower(@Nullable String text) {
        return text == null ? "" : Ascii.lower(text);
    }

    private static Duration time(@Nullable String text, String name) {
        return text == null
                ? Duration.ZERO
                : Times.parse(text).orElseThrow(() -> new IllegalArgumentException(
                        name + " must be a time such as 90s, 15m, 2h or 3d"));
    }
}
