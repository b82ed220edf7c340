// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigSource;
import io.mailrace.core.Lane;
import io.mailrace.core.LintMode;
import io.mailrace.core.LintRule;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QueueConfigTest {

    private static QueueConfig read(String text) {
        ConfigSource source = ConfigSource.ofText(text);
        QueueConfig config = QueueConfig.from(source.root(), "mta.example.com");
        source.finish();
        return config;
    }

    private static List<String> components(Class<?> type) {
        return Arrays.stream(type.getRecordComponents()).map(RecordComponent::getName)
                .map(name -> name.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT)).sorted()
                .toList();
    }

    private static final LintPolicy WARN = new LintPolicy(LintMode.WARN, Set.of());

    @Test
    void keysAndComponents_areTheSame() {
        ConfigSource source = ConfigSource.ofText("");
        assertThat(source.root().section("spool").keys())
                .isEqualTo(components(SpoolConfig.class));
        assertThat(source.root().section("spool").section("events").keys())
                .isEqualTo(components(SpoolConfig.Events.class));
        assertThat(source.root().section("retry").section("default").keys())
                .isEqualTo(components(RetryConfig.LaneRetry.class));
        assertThat(source.root().section("lint").keys()).containsExactlyInAnyOrderElementsOf(
                components(LintPolicy.class));
        assertThat(source.root().section("dsn").keys()).isEqualTo(components(DsnConfig.class));
        assertThat(source.root().section("retry").keys()).containsExactlyInAnyOrderElementsOf(
                Arrays.stream(Lane.values()).map(Lane::word).toList());
    }

    @Test
    void defaults_areThoseOfTheManual() {
        QueueConfig config = read("");
        assertThat(config.spool().durability()).isEqualTo(SpoolConfig.Durability.SYNC);
        assertThat(config.routes()).isEmpty();
        assertThat(config.retry().of(Lane.DEFAULT).maxAge()).isEqualTo(Duration.ofDays(4));
        assertThat(config.retry().lanes().values()).extracting(RetryConfig.LaneRetry::delayNotice)
                .containsOnly(Duration.ZERO);
        assertThat(config.dsn()).isEqualTo(DsnConfig.DEFAULT);
        assertThat(config.lint()).isEqualTo(WARN);
        assertThat(config.retry().of(Lane.TRANSACTIONAL).maxAge()).isEqualTo(Duration.ofHours(1));
        assertThat(config.retry().of(Lane.TRANSACTIONAL).intervals())
                .isEqualTo(config.retry().of(Lane.DEFAULT).intervals());
        assertThat(config.retry().of(Lane.BULK)).isEqualTo(config.retry().of(Lane.DEFAULT));
    }

    @Test
    void everyValue_changed_maps() {
        QueueConfig config = read("""
                spool { path = /x, durability = async, async-sync-interval = 5ms, max-size = 2g
                  min-free = 3m, write-buffer = 5m, block-cache = 6m, fresh-cache = 7m
                  min-free-inodes = 11, stall-limit = 12s, encryption-key-file = /k
                  events { max-age = 8d, max-count = 9000, max-size = 10m }
                  keep { content-for = 13h, max-size = 14m } }
                retry { default { intervals = [1m, 2m], max-age = 3h, delay-notice = 2h }
                  bulk.max-age = 5h
                  transactional { intervals = [4s], max-age = 6h, delay-notice = 7m } }
                dsn { language = pl, from-name = "Poczta \u0142\u00f3d\u017a" }
                """);
        assertThat(config.spool()).isEqualTo(new SpoolConfig(Path.of("/x"),
                SpoolConfig.Durability.ASYNC, Duration.ofMillis(5),
                2L << 30, 3 << 20, 11,
                Duration.ofSeconds(12), 5 << 20, 6 << 20, 7 << 20,
                new SpoolConfig.Events(Duration.ofDays(8), 9000, 10 << 20),
                new SpoolConfig.Keep(Duration.ofHours(13), 14 << 20),
                Optional.of(Path.of("/k"))));
        List<Duration> intervals = List.of(Duration.ofMinutes(1), Duration.ofMinutes(2));
        assertThat(config.retry().lanes()).containsEntry(Lane.DEFAULT,
                new RetryConfig.LaneRetry(intervals, Duration.ofHours(3),
                        Duration.ofHours(2)))
                .containsEntry(Lane.BULK,
                        new RetryConfig.LaneRetry(intervals, Duration.ofHours(5),
                                Duration.ofHours(2)))
                .containsEntry(Lane.TRANSACTIONAL, new RetryConfig.LaneRetry(
                        List.of(Duration.ofSeconds(4)), Duration.ofHours(6),
                        Duration.ofMinutes(7)));
        assertThat(config.retry().longestAge()).isEqualTo(Duration.ofHours(6));
        assertThat(config.dsn()).isEqualTo(
                new DsnConfig(DsnConfig.Language.PL, "Poczta \u0142\u00f3d\u017a"));
    }

    private static Route.When when(String tenant, String sender, String recipient) {
        return new Route.When(tenant, Optional.empty(), "", sender, recipient, Map.of());
    }

    @Test
    void routes_mapWithTheirDefaults() {
        List<Route> routes = read("""
                routes = [ { when { tenant = Billing }, lane = transactional, pool = fast }
                  { when { recipient-domain = "*.Corp.test" }, via = "smtp://10.0.0.9" }
                  { when { sender-domain = "news.example.com" }, via = "smtp://[::1]:2525" }, {} ]
                """).routes();
        assertThat(routes).containsExactly(
                new Route(when("billing", "", ""), Optional.of(Lane.TRANSACTIONAL),
                        Optional.of("fast"), "", Optional.empty(), WARN, HeaderEdits.NONE),
                new Route(when("", "", "*.corp.test"), Optional.empty(),
                        Optional.empty(), "smtp://10.0.0.9:25", Optional.empty(), WARN,
                        HeaderEdits.NONE),
                new Route(when("", "news.example.com", ""), Optional.empty(),
                        Optional.empty(), "smtp://[::1]:2525", Optional.empty(), WARN,
                        HeaderEdits.NONE),
                Route.usual(WARN));
    }

    @Test
    void lintAndHeadersOfRoutes_sayOtherwiseOrAreAsUsual() {
        QueueConfig config = read("""
                lint { mode = fix, ignore = [from-unsigned, long-line] }
                routes = [ { lint { mode = reject } }, { lint { ignore = [] } }, {}
                  { headers { add { X-B = two, X-A = "o n e" }, remove = [X-A, Reply-To] } } ]
                """);
        Set<LintRule> ignored = Set.of(LintRule.FROM_UNSIGNED, LintRule.LONG_LINE);
        assertThat(config.lint()).isEqualTo(new LintPolicy(LintMode.FIX, ignored));
        assertThat(config.routes()).extracting(Route::lint).containsExactly(
                new LintPolicy(LintMode.REJECT, ignored),
                new LintPolicy(LintMode.FIX, Set.of()), config.lint(), config.lint());
        assertThat(config.routes().getLast().headers()).isEqualTo(new HeaderEdits(
                Map.of("X-A", "o n e", "X-B", "two"), Set.of("x-a", "reply-to")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "spool.durabilty = sync                       | did you mean durability",
            "spool.durability = maybe                     | must be one of: sync, async",
            "spool.max-size = 10                          | max-size must be 0 or at least 1m",
            "spool.path = \"\"                            | path must name a directory",
            "spool.events.max-age = 3x                    | a length of time",
            "retry.default.intervals = []                 | a list of 1 to 100 times",
            "retry.bulk.intervals = [0s]                  | must be 1ms to 30d",
            "retry.fast.max-age = 1h                      | unknown key",
            "retry.bulk.delay-notice = 4                  | a length of time",
            "retry.default.delay-notice = 61d             | delay-notice: must be 0s to",
            "retry.default.delay-notise = 4h              | did you mean delay-notice",
            "dsn.language = fi                            | of: en, de, fr, es, it, pt, nl, pl, ja",
            "dsn.languages = de                           | did you mean language",
            "dsn.from-name = \" \"                        | from-name must be a name of 1 to 100",
            "dsn.from-name = \"a\\nb\"                   | from-name must be a name of 1 to 100",
            "lint.mode = loud                    | must be one of: off, warn, fix, reject",
            "lint.ignore = [spam]                         | must be of: broken-header, from",
            "routes = [ { lint.moode = warn } ]           | did you mean mode",
            "routes = [ { headers.add.Received = x } ]    | Received is never added",
            "routes = [ { headers.remove = [DKIM-signature] } ] | is never added or removed",
            "routes = [ { headers.remove = [return-path] } ] | is never added or removed",
            "routes = [ { headers.add.X-A = \"b\\r\\nC: d\" } ] | printable ASCII characters",
            "routes = [ { headers.add.X-A = \"caf\u00e9\" } ] | printable ASCII characters in",
            "routes = [ { headers.add.X-A = \" \" } ]    | printable ASCII characters in one line",
            "routes = [ { headers.add.\"X A\" = b } ]    | is not the name of a header field",
            "routes = [ { headers.remove = [\"X:\"] } ]  | is not the name of a header field",
            "routes = [ { headers.add.X-Mailrace-Lane = bulk } ] | is for applications",
            "routes = [ { headers.ad.X-A = b } ]          | did you mean add",
            "routes = [ { lane = fast } ]                 | must be one of: transactional",
            "routes = [ { via = \"10.0.0.9:25\" } ]       | smtp://host:port",
            "routes = [ { via = \"smtp://h:99999\" } ]    | smtp://host:port",
            "routes = [ { pool = \"a/b\" } ]              | pool must be a name",
            "routes = [ { when.recipient-domain = \"-\" } ] | a domain or *.domain",
            "routes = [ { when.recipent-domain = a } ]    | did you mean recipient-domain"})
    void badValue_isAClearProblem(String line, String problem) {
        assertThatThrownBy(() -> read(line)).isInstanceOf(ConfigException.class)
                .hasMessageContaining(problem.strip());
    }
}
