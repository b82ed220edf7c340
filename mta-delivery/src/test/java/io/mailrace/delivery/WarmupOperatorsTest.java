// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Event;
import io.mailrace.core.Metrics;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.Finding.Severity;
import io.mailrace.delivery.WarmupDay.Outcome;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whole sources: who joins, begins, moves, is paused, completed and stopped; what blocks do. */
class WarmupOperatorsTest {
    private static final String PLANS = """
            warmup.plans.p { caps { default = [100, 200, 400], x = [100, 150, 300, 900] }
              min-sample = 10 }
            warmup.plans.q { caps { default = [70, 90] } }
            providers { x { match-mx = ["x.test"] } }
            """;
    private static final String JOINED = "sources.cold { address = 192.0.2.1, ehlo = a.test,"
            + " warmup { plan = p } }\n";
    private static final String PLAIN = "sources.cold { address = 192.0.2.1, ehlo = a.test }\n";
    private final FakeTimeSource time = new FakeTimeSource();
    private final LateMemos memos = new LateMemos();
    private final List<CompletableFuture<WarmupGate.Answer>> asked = new ArrayList<>();
    private final WarmupGate later = source -> {
        CompletableFuture<WarmupGate.Answer> answer = new CompletableFuture<>();
        asked.add(answer);
        return answer;
    };
    private DeliveryConfig config = read("");
    private int opened;
    private int closed;

    @BeforeEach
    void toMidnight() {
        long day = Duration.ofDays(1).toMillis();
        time.advance(Duration.ofMillis(day - time.epochMillis() % day));
    }

    private static DeliveryConfig read(String text) {
        return DeliveryConfig.from(ConfigSource.ofText(text).root(), "mta.test");
    }

    private Warmup start(String text, WarmupGate gate) {
        config = read(text);
        Warmup warmup = new Warmup(config, time, memos, new Metrics(), gate);
        warmup.onChange(() -> opened++, () -> closed++);
        warmup.sweep();
        memos.writeAll();
        return warmup;
    }

    private Warmup start(String text) {
        return start(text, WarmupGate.OPEN);
    }

    private WarmupControl control(Warmup warmup) {
        return new WarmupControl(config, warmup);
    }

    private WarmupControl.Row row(Warmup warmup, String provider) {
        return control(warmup).status().stream().filter(row -> row.provider().equals(provider))
                .findFirst().orElseThrow();
    }

    private Optional<Warmup.Pass> take(Warmup warmup, String provider) {
        Optional<Warmup.Pass> pass = Optional.ofNullable(warmup.take("cold", provider));
        for (int writes = 0; pass.isEmpty() && writes < 2; writes++) {
            memos.writeAll();
            pass = Optional.ofNullable(warmup.take("cold", provider));
        }
        return pass;
    }

    private int day(Warmup warmup, String provider) {
        int sent = 0;
        for (int hour = 0; hour < 24; hour++) {
            for (Optional<Warmup.Pass> pass = take(warmup, provider); pass.isPresent(); pass = take(
                    warmup, provider)) {
                memos.settle(warmup.finished("cold", provider, true, pass, Optional.of(
                        Outcome.ACCEPTED)));
                sent++;
            }
            time.advance(Duration.ofHours(1));
        }
        memos.writeAll();
        return sent;
    }

    private String why(Warmup warmup, String provider) {
        SourceGate.Wait wait = warmup.wait("cold", provider);
        return wait == null ? "" : wait.why();
    }

    private List<Event.WarmupStep> events() {
        memos.writeAll();
        return memos.events.stream().map(Event.WarmupStep.class::cast).toList();
    }

    private void store(String name, byte[] value) {
        memos.write(List.of(Memos.Change.put(name, value)), List.of(), Runnable::run,
                CommitListener.onFailure(why -> {}));
        memos.writeAll();
    }

    // ------------------------------------------------------------------ blocks

    @Test
    void blocked_byOneSmallReceiver_decidesNothingAndTellsNobody() {
        Warmup warmup = start(JOINED + PLANS);
        assertThat(take(warmup, "default")).isPresent();
        for (int i = 0; i < 20; i++) {
            warmup.blocked("cold", "default", i % 2 == 0 ? "evil" : "evil2", "550 blocked");
        }
        assertThat(take(warmup, "default")).isPresent();
        time.advance(Duration.ofDays(1));
        warmup.blocked("cold", "default", "evil3", "550 blocked");
        assertThat(take(warmup, "default")).isPresent();
        assertThat(row(warmup, "default").health()).isEmpty();
        assertThat(List.of(opened, closed)).containsExactly(1, 0);
    }

    @Test
    void blocked_byThreeSmallReceiversInADay_pauses() {
        Warmup warmup = start(JOINED + PLANS);
        assertThat(take(warmup, "default")).isPresent();
        for (String site : List.of("a", "b", "a", "c")) {
            warmup.blocked("cold", "default", site, "550 blocked by " + site);
        }
        assertThat(take(warmup, "default")).isEmpty();
        assertThat(why(warmup, "default")).contains(
                "blocked: by 3 sites today, the last of them c: 550 blocked by c (a, b, c)");
        assertThat(closed).isEqualTo(1);
    }

    @Test
    void blocked_byAProvider_pausesAtOnceAndIsToldOnce() {
        Warmup warmup = start(JOINED + PLANS);
        assertThat(take(warmup, "x")).isPresent();
        int before = opened;
        for (int i = 0; i < 5; i++) {
            warmup.blocked("cold", "x", "mx.x.test", "550 blocked");
        }
        assertThat(take(warmup, "x")).isEmpty();
        assertThat(closed).isEqualTo(1);
        assertThat(opened).isEqualTo(before);
    }

    // ------------------------------------------------------------------ not warm by accident

    @Test
    void startedByCommand_planIsGone_sendsNothingAndSaysWhy() {
        Warmup warmup = start(PLAIN + PLANS);
        control(warmup).start("cold", Optional.of("p"), Optional.empty(), false);
        day(warmup, "default");
        control(warmup).complete("cold", "x", "test");
        memos.writeAll();
        Warmup again = start(PLAIN + "warmup.plans.q { caps { default = [70, 120, 250] } }\n"
                + "providers { x { match-mx = [\"x.test\"] } }");
        assertThat(again.idle()).isFalse();
        assertThat(again.cold("cold", "default")).isTrue();
        assertThat(again.cold("cold", "x")).as("was warm").isFalse();
        assertThat(again.room("cold", "default").all()).isZero();
        assertThat(take(again, "default")).isEmpty();
        assertThat(why(again, "default")).startsWith("the warm-up of source cold stands still: its"
                + " plan p is in no configuration any more");
        assertThat(row(again, "-").why()).contains("its plan p is in no configuration");
        assertThatThrownBy(() -> control(again).pause("cold", "", "test")).hasMessageContaining(
                "its plan p is in no configuration");
        control(again).start("cold", Optional.of("q"), Optional.empty(), false);
        assertThat(row(again, "default").step()).as("goes on").isEqualTo(2);
        assertThat(take(again, "default")).isPresent();
        assertThat(again.cold("cold", "x")).isFalse();
    }

    /** An event loop asks in the moment in which the source has its plan again. */
    @Test
    void startedByAnotherPlan_askedAboutMeanwhile_goesOnWhereItWas() {
        Warmup warmup = start(PLAIN + PLANS);
        control(warmup).start("cold", Optional.of("p"), Optional.empty(), false);
        day(warmup, "default");
        List<Warmup> running = new ArrayList<>();
        Warmup again = start(PLAIN + "warmup.plans.q { caps { default = [70, 120, 250] } }",
                source -> {
                    running.forEach(one -> one.cold("cold", "default"));
                    return WarmupGate.OPEN.ask(source);
                });
        running.add(again);
        control(again).start("cold", Optional.of("q"), Optional.empty(), false);
        assertThat(row(again, "default").step()).isEqualTo(2);
        memos.writeAll();
        assertThat(row(start(PLAIN + "warmup.plans.q { caps { default = [70, 120, 250] } }"),
                "default").step()).isEqualTo(2);
    }

    @Test
    void memo_cannotBeRead_sendsNothingUntilStopped() {
        store("warmup/source/cold", new byte[]{77, 1});
        Warmup warmup = start(PLAIN + PLANS);
        assertThat(warmup.cold("cold", "default")).isTrue();
        assertThat(take(warmup, "default")).isEmpty();
        assertThat(row(warmup, "-").why()).contains("what is stored of it cannot be read");
        control(warmup).stop("cold", "test");
        assertThat(warmup.cold("cold", "default")).isFalse();
        memos.writeAll();
        assertThat(start(PLAIN + PLANS).idle()).isTrue();
    }

    @Test
    void memo_ofTheFirstVersion_isRead() {
        store("warmup/source/cold", "1\np\n\ntrue\ntrue".getBytes(StandardCharsets.UTF_8));
        Warmup warmup = start(PLAIN + PLANS, later);
        assertThat(take(warmup, "default")).isPresent();
        assertThat(asked).isEmpty();
        memos.writeAll();
        assertThat(take(start(PLAIN.replace("192.0.2.1", "192.0.2.7") + PLANS, later), "default"))
                .as("its address is remembered").isEmpty();
    }

    @Test
    void address_isAnother_beginsAnewAndIsChecked() {
        Warmup warmup = start(JOINED + PLANS);
        day(warmup, "default");
        assertThat(day(warmup, "default")).isEqualTo(200);
        control(warmup).complete("cold", "x", "test");
        warmup.close();
        memos.writeAll();
        Warmup again = start(JOINED.replace("192.0.2.1", "192.0.2.7") + PLANS, later);
        assertThat(asked).hasSize(1);
        assertThat(take(again, "default")).isEmpty();
        assertThat(again.cold("cold", "x")).isTrue();
        assertThat(events().getLast().action()).isEqualTo("reset");
        assertThat(events().getLast().why()).isEqualTo(
                "its address was 192.0.2.1, and is 192.0.2.7");
        asked.getFirst().complete(WarmupGate.Answer.of(List.of()));
        assertThat(day(again, "default")).isEqualTo(100);
        again.close();
        memos.writeAll();
        assertThat(row(start(JOINED.replace("192.0.2.1", "192.0.2.7") + PLANS), "default").step())
                .isEqualTo(2);
    }

    @Test
    void ehloName_isAnother_isCheckedAndGoesOn() {
        Warmup warmup = start(JOINED + PLANS);
        day(warmup, "default");
        warmup.close();
        memos.writeAll();
        Warmup again = start(JOINED.replace("a.test", "b.test") + PLANS, later);
        assertThat(take(again, "default")).isEmpty();
        asked.getFirst().complete(WarmupGate.Answer.of(List.of()));
        assertThat(day(again, "default")).isEqualTo(200);
    }

    @Test
    void seen_moves_onlyWhenReceiversSeeAnotherAddress() {
        assertThat(moved("address = 10.0.0.1, public-address = 192.0.2.1",
                "address = 10.0.0.2, public-address = 192.0.2.1")).isFalse();
        assertThat(moved("address = 10.0.0.1",
                "address = 10.0.0.1, public-address = 192.0.2.1")).isFalse();
        assertThat(moved("", "public-address = 192.0.2.1")).isFalse();
        assertThat(moved("address = 192.0.2.1, address6 = \"2001:db8::1\"",
                "address = 192.0.2.1")).isFalse();
        assertThat(moved("address = 192.0.2.1",
                "address = 192.0.2.1, address6 = \"2001:db8::1\"")).isTrue();
        assertThat(moved("address = 10.0.0.1, public-address = 192.0.2.1",
                "address = 10.0.0.1, public-address = 192.0.2.2")).isTrue();
        assertThat(moved("", "address = 192.0.2.1")).isTrue();
        assertThat(moved("address = 192.0.2.1", "")).isTrue();
    }

    private static boolean moved(String from, String to) {
        return seen(to).movedFrom(seen(from));
    }

    private static WarmupMember.Seen seen(String source) {
        return WarmupMember.Seen.of(read("sources.a { ehlo = a.test\n" + source + " }").sources()
                .values().iterator().next());
    }

    // ------------------------------------------------------------------ everywhere

    @Test
    void pause_ofASource_holdsAtProvidersSeenLaterAndOverARestart() {
        Warmup warmup = start(JOINED + PLANS);
        assertThat(control(warmup).pause("cold", "", "holidays")).isTrue();
        assertThat(take(warmup, "x")).isEmpty();
        assertThat(why(warmup, "x")).isEqualTo(
                "the warm-up of source cold is paused: holidays");
        assertThat(Warmup.isWhy(why(warmup, "x"))).isTrue();
        memos.writeAll();
        Warmup again = start(JOINED + PLANS);
        assertThat(take(again, "x")).isEmpty();
        assertThat(row(again, "-").state()).isEqualTo("paused");
        assertThatThrownBy(() -> control(again).resume("cold", "x", "test"))
                .hasMessageContaining("paused at all providers");
        control(again).resume("cold", "", "test");
        assertThat(take(again, "x")).isPresent();
        assertThat(events().stream().filter(one -> one.provider().equals("*")).map(
                Event.WarmupStep::action)).containsExactly("pause", "resume");
    }

    @Test
    void pause_atAProviderWithoutMail_holdsThere() {
        Warmup warmup = start(JOINED + PLANS);
        assertThat(control(warmup).pause("cold", "x", "test")).isTrue();
        assertThat(take(warmup, "x")).isEmpty();
        assertThat(take(warmup, "default")).isPresent();
    }

    @Test
    void complete_atAll_isWarmAtProvidersSeenLaterAndOverARestart() {
        Warmup warmup = start(JOINED + PLANS, later);
        assertThat(warmup.cold("cold", "default")).isTrue();
        control(warmup).complete("cold", "", "known for years");
        assertThat(warmup.cold("cold", "default")).isFalse();
        assertThat(warmup.cold("cold", "x")).isFalse();
        memos.writeAll();
        Warmup again = start(JOINED + PLANS, later);
        assertThat(again.cold("cold", "default")).isFalse();
        control(again).reset("cold", "", "test");
        assertThat(again.cold("cold", "default")).isTrue();
    }

    @Test
    void complete_atOne_andStepBeyondTheEndAtAll() {
        Warmup warmup = start(JOINED + PLANS);
        control(warmup).complete("cold", "x", "test");
        assertThat(warmup.cold("cold", "x")).isFalse();
        assertThat(warmup.cold("cold", "default")).isTrue();
        control(warmup).step("cold", "", OptionalLong.of(4), "test");
        assertThat(warmup.cold("cold", "default")).as("x has four").isFalse();
        assertThat(warmup.sources().complete("cold")).isFalse();
        control(warmup).step("cold", "", OptionalLong.of(5), "test");
        assertThat(warmup.sources().complete("cold")).isTrue();
    }

    @Test
    void stop_undoesStartButNotTheConfiguration() {
        Warmup warmup = start(PLAIN + PLANS);
        control(warmup).start("cold", Optional.of("p"), Optional.empty(), false);
        Optional<Warmup.Pass> flying = take(warmup, "default");
        assertThat(flying).isPresent();
        control(warmup).stop("cold", "test");
        assertThat(warmup.cold("cold", "default")).isFalse();
        assertThat(warmup.take("cold", "default")).isNull();
        assertThat(warmup.finished("cold", "default", true, flying, Optional.of(
                Outcome.ACCEPTED))).isEmpty();
        memos.writeAll();
        assertThat(memos.beginningWith("warmup/track/")).isEmpty();
        assertThat(start(PLAIN + PLANS).idle()).isTrue();
        assertThat(events().getLast().action()).isEqualTo("stop");
        assertThatThrownBy(() -> control(start(JOINED + PLANS)).stop("cold", "test"))
                .hasMessageContaining("the configuration says that source cold is warmed up");
    }

    // ------------------------------------------------------------------ providers

    @Test
    void provider_addedLater_goesOnAsFarAsTheDefaultOne() {
        String without = PLANS.replace("providers { x { match-mx = [\"x.test\"] } }", "")
                .replace(", x = [100, 150, 300, 900]", "");
        Warmup warmup = start(JOINED + without);
        day(warmup, "default");
        day(warmup, "default");
        warmup.close();
        memos.writeAll();
        Warmup again = start(JOINED + PLANS);
        assertThat(day(again, "x")).as("at most the 400 of default").isEqualTo(300);
        assertThat(events().stream().filter(one -> one.provider().equals("x")).findFirst()
                .orElseThrow().why()).contains("on as far as it came at default");
    }

    @Test
    void provider_thereFromTheBeginning_beginsWithItsFirstStep() {
        Warmup warmup = start(JOINED + PLANS);
        day(warmup, "default");
        day(warmup, "default");
        assertThat(day(warmup, "x")).isEqualTo(100);
    }

    @Test
    void provider_addedLaterWhereDefaultIsWarm_isWarm() {
        String without = PLANS.replace("providers { x { match-mx = [\"x.test\"] } }", "")
                .replace(", x = [100, 150, 300, 900]", "");
        Warmup warmup = start(JOINED + without);
        control(warmup).complete("cold", "default", "test");
        memos.writeAll();
        assertThat(start(JOINED + PLANS).cold("cold", "x")).isFalse();
    }

    // ------------------------------------------------------------------ beginning

    @Test
    void begin_isToldWhenTheGateOpens() {
        Warmup warmup = start(JOINED + PLANS, later);
        assertThat(warmup.cold("cold", "default")).isTrue();
        assertThat(events()).isEmpty();
        warmup.close();
        asked.getFirst().complete(WarmupGate.Answer.of(List.of()));
        assertThat(take(warmup, "default")).isPresent();
        assertThat(events().stream().map(Event.WarmupStep::action)).containsExactly("begin");
    }

    @Test
    void start_byAnotherPlanWhileTheGateIsAsked_holdsForTracksThatThereAre() {
        Warmup warmup = start(PLAIN + PLANS, later);
        control(warmup).start("cold", Optional.of("p"), Optional.empty(), false);
        assertThat(warmup.cold("cold", "default")).isTrue();
        control(warmup).start("cold", Optional.of("q"), Optional.empty(), false);
        asked.getFirst().complete(WarmupGate.Answer.of(List.of()));
        assertThat(warmup.sources().plan("cold").orElseThrow().name()).isEqualTo("q");
        assertThat(day(warmup, "default")).isEqualTo(70);
    }

    @Test
    void start_beforeTheConfiguredDay_holdsOverARestartUntilThatDayIsChanged() {
        LocalDate day = LocalDate.ofEpochDay(time.epochMillis() / 86_400_000 + 9);
        String dated = JOINED.replace("plan = p", "plan = p, start = \"%s\"");
        Warmup warmup = start(dated.formatted(day) + PLANS);
        assertThat(take(warmup, "default")).isEmpty();
        control(warmup).start("cold", Optional.empty(), Optional.empty(), false);
        assertThat(take(warmup, "default")).isPresent();
        memos.writeAll();
        assertThat(take(start(dated.formatted(day) + PLANS), "default")).isPresent();
        assertThat(take(start(dated.formatted(day.plusDays(1)) + PLANS), "default")).isEmpty();
    }

    // ------------------------------------------------------------------ counting

    @Test
    void part_isSmall_firstMessagesAreFewToo() {
        Warmup warmup = start(JOINED + "sources.warm {}\n"
                + "pools.default.sources { cold = 1, warm = 99 }\n" + PLANS);
        int sent = 0;
        for (int i = 0; i < 1000; i++) {
            Optional<Warmup.Pass> pass = take(warmup, "default");
            sent += pass.isPresent() ? 1 : 0;
            memos.settle(warmup.finished(pass.isPresent() ? "cold" : "warm", "default", true, pass,
                    Optional.of(Outcome.ACCEPTED)));
            time.advance(Duration.ofSeconds(80));
        }
        assertThat(sent).isBetween(8, 13);
    }

    @Test
    void sweep_daysLongGone_areForgottenWithoutARestart() {
        Warmup warmup = start(JOINED + PLANS);
        day(warmup, "default");
        assertThat(memos.beginningWith("warmup/volume/")).hasSize(1);
        assertThat(memos.beginningWith("warmup/count/")).hasSize(1);
        for (int i = 0; i < 70; i++) {
            time.advance(Duration.ofDays(1));
            warmup.sweep();
        }
        memos.writeAll();
        assertThat(memos.beginningWith("warmup/volume/")).isEmpty();
        assertThat(memos.beginningWith("warmup/count/")).isEmpty();
    }

    // ------------------------------------------------------------------ the gate

    private static WarmupGate.Answer judge(List<Finding> own, Map<String, List<Finding>> senders) {
        List<Finding> all = new ArrayList<>(own);
        senders.values().forEach(all::addAll);
        return WarmupGate.judge(new SourceCheck.Report("cold", List.of(), all, senders));
    }

    private static Map<String, List<Finding>> senders(Severity... each) {
        Map<String, List<Finding>> all = new LinkedHashMap<>();
        for (Severity one : each) {
            String domain = "d" + all.size() + ".test";
            all.put(domain, List.of(new Finding(one, "spf", "SPF of " + domain + " is " + one, "",
                    List.of())));
        }
        return all;
    }

    @Test
    void gate_oneOfManyDomainsFailsOrIsNotKnown_isAWarning() {
        WarmupGate.Answer answer = judge(List.of(Finding.ok("ptr", "fine")),
                senders(Severity.OK, Severity.FAIL, Severity.UNKNOWN));
        assertThat(answer.problems()).isEmpty();
        assertThat(answer.warnings()).containsExactly("SPF of d1.test is FAIL",
                "SPF of d2.test is UNKNOWN");
    }

    @Test
    void gate_allDomainsFail_holdsItBack() {
        assertThat(judge(List.of(), senders(Severity.FAIL)).problems()).hasSize(1);
        assertThat(judge(List.of(), senders(Severity.FAIL, Severity.FAIL)).problems()).hasSize(2);
        assertThat(judge(List.of(), senders(Severity.UNKNOWN)).problems()).isEmpty();
    }

    @Test
    void gate_sourceItselfIsNotKnown_holdsItBack() {
        assertThat(judge(List.of(Finding.unknown("ptr", "not known", "")),
                senders(Severity.OK)).problems()).containsExactly("not known");
    }

    @Test
    void gate_warns_isShownInStatusAlsoAfterARestart() {
        WarmupGate warns = source -> CompletableFuture.completedFuture(new WarmupGate.Answer(
                List.of(), List.of("SPF of d.test is fail.")));
        Warmup warmup = start(JOINED + PLANS, warns);
        assertThat(row(warmup, "-").why()).isEqualTo(
                "it had no mail yet; warning: SPF of d.test is fail");
        assertThat(take(warmup, "default")).isPresent();
        memos.writeAll();
        assertThat(row(start(JOINED + PLANS), "default").why()).isEqualTo(
                "warning: SPF of d.test is fail");
    }
}
