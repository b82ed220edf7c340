// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Event;
import io.mailrace.core.Metrics;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.WarmupDay.Outcome;
import io.mailrace.queue.Memos;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Warm-up day by day: what may be sent, what is decided, what outlives a crash. */
class WarmupTest {
    private static final String PLAN = """
            sources { cold { warmup { plan = p } } }
            warmup.plans.p { caps { default = [100, 200, 400, 800] }, min-sample = 10 %s }
            """;
    private final FakeTimeSource time = new FakeTimeSource();
    private final LateMemos memos = new LateMemos();

    private Warmup start(String more) {
        return startAs(PLAN.formatted(more), WarmupGate.OPEN);
    }

    private Warmup startAs(String config, WarmupGate gate) {
        ConfigSource source = ConfigSource.ofText(config);
        DeliveryConfig read = DeliveryConfig.from(source.root(), "mta.test");
        Warmup warmup = new Warmup(read, time, memos, new Metrics(), gate);
        warmup.sweep();
        memos.writeAll();
        return warmup;
    }

    private Optional<Warmup.Pass> take(Warmup warmup) {
        Optional<Warmup.Pass> pass = Optional.ofNullable(warmup.take("cold", "default"));
        for (int writes = 0; pass.isEmpty() && writes < 2; writes++) {
            memos.writeAll();
            pass = Optional.ofNullable(warmup.take("cold", "default"));
        }
        return pass;
    }

    private void finish(Warmup warmup, Warmup.Pass pass, Outcome outcome) {
        memos.settle(warmup.finished("cold", "default", true, Optional.of(pass), Optional.of(
                outcome)));
    }

    /** Sends whatever may go until the day is over; of each hundred so many bounce. */
    private int day(Warmup warmup, int bounced) {
        int sent = 0;
        for (int hour = 0; hour < 24; hour++) {
            Optional<Warmup.Pass> pass = take(warmup);
            while (pass.isPresent()) {
                finish(warmup, pass.get(), bounced > 0 && sent * bounced % 100 >= 100 - bounced
                        ? Outcome.BOUNCED
                        : Outcome.ACCEPTED);
                sent++;
                pass = take(warmup);
            }
            time.advance(Duration.ofHours(1));
        }
        memos.writeAll();
        return sent;
    }

    private static String why(Warmup warmup) {
        SourceGate.Wait wait = warmup.wait("cold", "default");
        return wait == null ? "" : wait.why();
    }

    private void toMidnight() {
        long day = Duration.ofDays(1).toMillis();
        time.advance(Duration.ofMillis(day - time.epochMillis() % day));
    }

    private WarmupTrack track(Warmup warmup) {
        List<WarmupTrack> found = new ArrayList<>();
        warmup.each((key, track, volume) -> found.add(track));
        return found.getFirst();
    }

    @Test
    void days_goodOnes_goThroughThePlanUntilItIsWarm() {
        toMidnight();
        Warmup warmup = start("");
        assertThat(List.of(day(warmup, 0), day(warmup, 0), day(warmup, 0), day(warmup, 0)))
                .containsExactly(100, 200, 400, 800);
        assertThat(warmup.cold("cold", "default")).isFalse();
        memos.writeAll();
        assertThat(memos.actions()).containsExactly("begin", "advance", "advance", "advance",
                "finish");
        assertThat(start("").cold("cold", "default")).isFalse();
    }

    @Test
    void days_notEnoughMail_holds() {
        toMidnight();
        Warmup warmup = start("");
        for (int i = 0; i < 89; i++) {
            time.advance(Duration.ofMinutes(16));
            take(warmup).ifPresent(pass -> finish(warmup, pass, Outcome.ACCEPTED));
        }
        toMidnight();
        assertThat(track(warmup).step()).isZero();
        memos.writeAll();
        assertThat(((Event.WarmupStep) memos.events.getLast()).why()).endsWith(
                "89 of 100 accepted, 90 needed (90 %)");
    }

    @Test
    void days_twoBadOnes_stepBackAndRecover() {
        toMidnight();
        Warmup warmup = start("");
        day(warmup, 0);
        day(warmup, 0);
        assertThat(List.of(day(warmup, 20), day(warmup, 20), day(warmup, 0), day(warmup, 0)))
                .containsExactly(400, 400, 200, 400);
        memos.writeAll();
        assertThat(memos.actions()).containsExactly("begin", "advance", "advance", "hold",
                "step-back", "advance");
        assertThat(((Event.WarmupStep) memos.events.get(4)).why()).contains(
                "bounces 20 % above 5 %", "2 bad days in a row");
    }

    @Test
    void hours_ofOneDay_getEvenPartsAndWhatOthersLeft() {
        toMidnight();
        Warmup warmup = startAs("""
                sources { cold { warmup { plan = p } } }
                warmup.plans.p { caps { default = [240] }, sending-hours = 8-20 }
                """, WarmupGate.OPEN);
        List<Integer> sent = new ArrayList<>();
        for (int hour = 0; hour < 24; hour++) {
            int now = 0;
            while (hour != 9 && hour != 10 && take(warmup).isPresent()) {
                now++;
            }
            sent.add(now);
            time.advance(Duration.ofHours(1));
        }
        assertThat(sent).containsExactly(0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 40, 40, 20, 20, 20,
                20, 20, 20, 20, 0, 0, 0, 0);
    }

    @Test
    void cut_bouncesAreMany_halfIsLeftAndComesBack() {
        toMidnight();
        Warmup warmup = start(", cut-bounces = 1%, max-bounces = 10%");
        assertThat(List.of(day(warmup, 3), day(warmup, 0), day(warmup, 0), day(warmup, 0)))
                .containsExactly(50, 50, 100, 200);
        memos.writeAll();
        assertThat(memos.actions()).containsExactly("begin", "cut", "hold", "hold", "advance");
    }

    @Test
    void blocked_pausesAlertsAndGoesOnSmaller() {
        toMidnight();
        Warmup warmup = start("");
        day(warmup, 0);
        assertThat(take(warmup)).isPresent();
        for (String site : List.of("one", "two", "three")) {
            warmup.blocked("cold", "default", site, "550 5.7.1 on our block list");
        }
        assertThat(take(warmup)).isEmpty();
        assertThat(why(warmup)).contains("paused until",
                "on our block list");
        time.advance(Duration.ofDays(2));
        assertThat(day(warmup, 0)).isEqualTo(100);
        assertThat(memos.actions()).containsSubsequence("advance", "block", "resume");
    }

    @Test
    void pass_holdsInItsHourUnlessTheSourceIsStopped() {
        toMidnight();
        Warmup warmup = start("");
        Warmup.Pass first = take(warmup).orElseThrow();
        assertThat(warmup.holds(first)).isTrue();
        time.advance(Duration.ofHours(1));
        assertThat(warmup.holds(first)).isFalse();
        Warmup.Pass second = take(warmup).orElseThrow();
        assertThat(warmup.holds(second)).isTrue();
        warmup.order("cold", "default", track -> track.pause("test"));
        assertThat(warmup.holds(second)).isFalse();
    }

    @Test
    void part_bindsOnlyWhereOthersCanTakeTheRest() {
        toMidnight();
        Warmup warmup = startAs("""
                sources { cold { warmup { plan = p, unchecked = true } }, warm {} }
                pools.default.sources { cold = 1, warm = 9 }
                warmup.plans.p { caps { default = [2400] } }
                """, WarmupGate.OPEN);
        Optional<Warmup.Pass> pass = take(warmup);
        int sent = 0;
        for (; pass.isPresent(); sent++) {
            finish(warmup, pass.get(), Outcome.ACCEPTED);
            pass = take(warmup);
        }
        assertThat(sent).isLessThan(40);
        assertThat(why(warmup)).contains("has its part of the mail");
        assertThat(warmup.wait("cold", "default", true)).isNull();
        assertThat(warmup.room("cold", "default", true).all()).isEqualTo(100 - sent);
        assertThat(warmup.take("cold", "default", true)).isNotNull();
    }

    @Test
    void idle_forThirtyDays_beginsAnew() {
        toMidnight();
        Warmup warmup = start("");
        day(warmup, 0);
        day(warmup, 0);
        time.advance(Duration.ofDays(28));
        warmup.cold("cold", "default");
        assertThat(track(warmup).step()).isEqualTo(2);
        time.advance(Duration.ofDays(1));
        assertThat(day(warmup, 0)).isEqualTo(100);
        assertThat(memos.actions()).contains("re-warm");
    }

    @Test
    void share_isThatPartOfAllFirstAttempts() {
        toMidnight();
        Warmup warmup = startAs("""
                sources { warm {}, cold { warmup { plan = p } } }
                warmup.plans.p { shares = ["10%", "50%"] }
                """, WarmupGate.OPEN);
        List<Integer> sent = new ArrayList<>();
        for (int day = 0; day < 3; day++) {
            int cold = 0;
            for (int mail = 0; mail < 240; mail++) {
                Optional<Warmup.Pass> pass = warmup.cold("cold", "default") ? take(warmup)
                        : Optional.empty();
                cold += pass.isPresent() ? 1 : 0;
                memos.settle(warmup.finished(pass.isPresent() ? "cold" : "warm", "default", true,
                        pass, Optional.of(Outcome.ACCEPTED)));
                time.advance(Duration.ofMinutes(6));
            }
            sent.add(cold);
        }
        assertThat(sent.get(0)).isBetween(23, 25);
        assertThat(sent.get(1)).isBetween(118, 122);
        assertThat(sent.get(2)).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "pools { default.sources { cold = 1 }, more.sources { warm = 1 } }",
            "pools { default { sources { cold = 1, warm = 0 }, overflow = more }\n"
                    + "more.sources { cold = 1 } }"})
    void share_noWarmSourceInThePool_isSaidAtTheStart(String pools) {
        String sources = pools.isEmpty() ? "" : "sources.warm {}\n";
        ConfigSource source = ConfigSource.ofText(sources + """
                sources.cold { warmup { plan = p } }
                warmup.plans.p { shares = ["10%", "50%"] }
                """ + pools);
        DeliveryConfig.from(source.root(), "mta.test");
        assertThatThrownBy(source::finish).hasMessageContainingAll("sources.cold.warmup",
                "gives a share of the mail, but pool default", "no warm source");
    }

    @Test
    void share_overflowHasAWarmSource_isTaken() {
        ConfigSource source = ConfigSource.ofText("""
                sources { warm {}, cold { warmup { plan = p } } }
                warmup.plans.p { shares = ["10%", "50%"] }
                pools { default { sources { cold = 1 }, overflow = more }
                  more.sources { warm = 1 } }
                """);
        DeliveryConfig.from(source.root(), "mta.test");
        assertThatThrownBy(source::finish).message().doesNotContain("gives a share");
    }

    @Test
    void gate_hasSomethingAgainstIt_waitsWithThatReasonUnlessToldOtherwise() {
        Warmup warmup = startAs(PLAN.formatted(""), source -> CompletableFuture.completedFuture(
                WarmupGate.Answer.of(List.of("192.0.2.1 has no PTR"))));
        assertThat(take(warmup)).isEmpty();
        assertThat(why(warmup)).isEqualTo(
                "the warm-up of source cold does not begin: 192.0.2.1 has no PTR");
        warmup.start("cold", "p", Optional.empty(), true);
        memos.writeAll();
        assertThat(take(warmup)).isPresent();
        assertThat(take(startAs(PLAN.formatted(""), source -> CompletableFuture
                .completedFuture(WarmupGate.Answer.of(List.of("no PTR")))))).isPresent();
    }

    @Test
    void start_isADayToCome_nothingIsSentBefore() {
        toMidnight();
        LocalDate tomorrow = LocalDate.ofEpochDay(time.epochMillis() / 86_400_000 + 1);
        Warmup warmup = startAs("""
                sources { cold { warmup { plan = p, start = "%s" } } }
                warmup.plans.p { caps { default = [100] } }
                """.formatted(tomorrow), WarmupGate.OPEN);
        assertThat(take(warmup)).isEmpty();
        assertThat(why(warmup)).contains("begins on " + tomorrow);
        time.advance(Duration.ofDays(1));
        warmup.sweep();
        memos.writeAll();
        assertThat(take(warmup)).isPresent();
    }

    @Test
    void plan_changesWhileUnderWay_goesOnAtTheSameSize() {
        toMidnight();
        Warmup warmup = start("");
        day(warmup, 0);
        day(warmup, 0);
        warmup.close();
        memos.writeAll();
        Warmup other = startAs("""
                sources { cold { warmup { plan = q } } }
                warmup.plans.q { caps { default = ["9 x 50", "2 x 300", 900] } }
                """, WarmupGate.OPEN);
        assertThat(day(other, 0)).isEqualTo(300);
        assertThat(memos.actions()).contains("plan-changed");
    }

    /** An hour of one day of the wall clock, as the plan sees it. */
    private record Hour(long day, int hour) {}

    private static List<String> plans() {
        String plain = PLAN.formatted("");
        String caps = "caps { default = [100, 200, 400, 800] }";
        return List.of(plain, plain.replace("[100, 200", "[60, 90"),
                PLAN.formatted(", sending-hours = 6-18"),
                PLAN.formatted(", per = hour").replace("[100, 200, 400, 800]", "[5, 9, 17, 40]"),
                PLAN.formatted(", per = hour, sending-hours = 8-18, timezone = Asia/Kolkata")
                        .replace("[100, 200, 400, 800]", "[5, 9, 17, 40]"),
                PLAN.formatted(", timezone = America/New_York, block-pause = 6h"),
                PLAN.formatted(", timezone = Australia/Lord_Howe, sending-hours = 1-12"),
                PLAN.formatted(", cut-bounces = 1%, advance-at = 10%"),
                "sources.warm {}\n" + plain.replace(caps, "shares = [\"20%\", \"50%\", \"80%\"]"));
    }

    /**
     * Whatever happens (crashes with writes on their way, orderly restarts, the clock stepping both
     * ways and leaping years, plans edited, blocks, operators): never more than the cap in an hour
     * or a day; and when it is over, the next whole day gives the whole cap again.
     */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void anything_happens_neverMoreThanTheCapAndNothingIsLostForEver(long seed) {
        Random random = new Random(seed);
        toMidnight();
        List<String> plans = plans();
        Warmup warmup = startAs(plans.getFirst(), WarmupGate.OPEN);
        Map<Long, Long> byDay = new HashMap<>();
        Map<Hour, Long> byHour = new HashMap<>();
        List<Warmup.Pass> flying = new ArrayList<>();
        Duration leapt = Duration.ZERO;
        int restarts = 0;
        int leaps = 0;
        for (int turn = 0; turn < 2500; turn++) {
            for (int i = random.nextInt(12); i > 0; i--) {
                Optional<Warmup.Pass> pass = Optional.ofNullable(warmup.take("cold", "default"));
                memos.write(random.nextInt(3));
                if (pass.isPresent()) {
                    flying.add(pass.get());
                    count(warmup, pass.get(), byDay, byHour);
                }
            }
            while (!flying.isEmpty() && random.nextInt(3) > 0) {
                finish(warmup, flying.removeLast(), outcome(random));
            }
            int what = random.nextInt(60);
            if (what < 3) {
                restarts++;
                if (what == 0) {
                    flying.clear();
                    memos.crash();
                } else {
                    while (!flying.isEmpty()) {
                        finish(warmup, flying.removeLast(), Outcome.ACCEPTED);
                    }
                    memos.writeAll();
                    warmup.close();
                }
                memos.writeAll();
                warmup = startAs(plans.get(random.nextInt(plans.size())), WarmupGate.OPEN);
            } else if (what == 3) {
                time.stepWallClock(Duration.ofMinutes(random.nextInt(-26 * 60, 13 * 60)));
            } else if (what == 4) {
                // never twice to the same days: what is known of them is bounded
                Duration to = leapt.isZero() || random.nextInt(3) == 0
                        ? Duration.ofDays(90L * (leaps % 2 == 0 ? ++leaps : -++leaps))
                        : Duration.ZERO;
                time.stepWallClock(to.minus(leapt));
                leapt = to;
            } else if (what == 5) {
                order(warmup, random);
            }
            time.advance(Duration.ofMinutes(random.nextInt(0, 40)));
        }
        assertThat(restarts).isGreaterThan(80);
        time.stepWallClock(leapt.negated());
        memos.writeAll();
        recovers(startAs(PLAN.formatted(""), WarmupGate.OPEN));
    }

    private static Outcome outcome(Random random) {
        return switch (random.nextInt(60)) {
            case 0, 1 -> Outcome.BOUNCED;
            case 2 -> Outcome.GREYLISTED;
            default -> Outcome.ACCEPTED;
        };
    }

    private void order(Warmup warmup, Random random) {
        int what = random.nextInt(7);
        if (what == 0) {
            for (String site : List.of("a", "b", "c")) {
                warmup.blocked("cold", "default", site, "550 5.7.1 on our block list");
            }
            return;
        }
        warmup.order("cold", "default", track -> switch (what) {
            case 1 -> track.pause("test");
            case 2 -> track.step(random.nextInt(5), "test");
            case 3 -> track.reset("test");
            default -> track.resume("test");
        });
    }

    private void count(Warmup warmup, Warmup.Pass pass, Map<Long, Long> byDay,
            Map<Hour, Long> byHour) {
        WarmupPlan plan = track(warmup).plan();
        WarmupPlan.Hours hours = plan.hours();
        long cap = warmup.cap(pass.key());
        long day = hours.dayOf(time.epochMillis());
        Hour hour = new Hour(day, hours.hourOf(time.epochMillis()));
        assertThat(pass.ticket()).isEqualTo(new WarmupTrack.Ticket(hour.day(), hour.hour()));
        assertThat(byDay.merge(day, 1L, Long::sum)).as("day %s", day).isLessThanOrEqualTo(cap);
        long even = Math.ceilDiv(cap, (long) hours.count());
        assertThat(byHour.merge(hour, 1L, Long::sum)).as("hour %s", hour).isLessThanOrEqualTo(
                plan.byShare() ? cap : hours.per() == WarmupPlan.Per.HOUR ? even : 2 * even);
    }

    private void recovers(Warmup warmup) {
        warmup.order("cold", "default", track -> track.resume("test"));
        time.advance(Duration.ofDays(5));
        toMidnight();
        warmup.cold("cold", "default");
        if (!track(warmup).warm()) {
            long cap = track(warmup).cap(0);
            assertThat((long) day(warmup, 0)).isEqualTo(cap);
        }
    }

    @Test
    void crash_withWritesUnderWay_wastesAtMostAnAdvance() {
        toMidnight();
        Warmup warmup = start("");
        for (int i = 0; i < 3; i++) {
            take(warmup).ifPresent(pass -> finish(warmup, pass, Outcome.ACCEPTED));
        }
        memos.writeAll();
        Warmup again = start("");
        WarmupDay today = track(again).days().getFirst();
        assertThat(today.accepted()).isEqualTo(3);
        assertThat(today.used()).isBetween(3L, 5L);
        assertThat(today.lost()).isEqualTo(today.used() - 3);
        List<Memos.Addition> none = again.finished("", "default", true, Optional.empty(),
                Optional.empty());
        assertThat(none).isEmpty();
    }
}
