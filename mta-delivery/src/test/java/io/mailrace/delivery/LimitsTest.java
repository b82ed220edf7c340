// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.LONG;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.Rate;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.core.testing.Patience;
import io.mailrace.delivery.SourceGate.Wait;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueConfig;
import io.mailrace.queue.RocksSpool;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class LimitsTest {
    private static final Duration PAUSE = Duration.ofSeconds(30);
    @TempDir
    Path directory;

    private final FakeTimeSource time = new FakeTimeSource();

    private RocksSpool open() {
        ConfigSource source = ConfigSource.ofText("spool { path = \"" + directory.resolve("s")
                + "\", write-buffer = 4m, min-free = 0 }");
        return RocksSpool.open(QueueConfig.from(source.root(), "mta.test"), time, new Metrics());
    }

    private CalendarCap cap(RocksSpool spool, String rate) {
        Rate parsed = Rate.parse(rate).orElseThrow();
        String memo = CalendarCap.memoOf("test", parsed);
        return new CalendarCap("test", parsed, time, spool.memos(),
                spool.memos().beginningWith(memo).get(memo));
    }

    /** Takes one, waiting for the disk as a dispatcher would, but for no other time. */
    private static boolean take(CalendarCap cap) {
        long wait = cap.take();
        while (wait > 0 && wait < TimeUnit.MILLISECONDS.toNanos(100)) {
            Thread.onSpinWait();
            wait = cap.take();
        }
        return wait == 0;
    }

    /** 30 days; each start may be after a crash: nothing was closed in order. */
    @Test
    void hundredADay_over30DaysWithRestarts_isNever101AndSeldomMuchLess() {
        Random random = new Random(42);
        Map<Long, Integer> byDay = new HashMap<>();
        RocksSpool spool = open();
        CalendarCap cap = cap(spool, "100/day");
        long day = Duration.ofDays(1).toMillis();
        long first = time.epochMillis() / day;
        int restarts = 0;
        while (time.epochMillis() / day < first + 30) {
            for (int i = random.nextInt(40); i >= 0; i--) {
                if (take(cap)) {
                    byDay.merge(time.epochMillis() / day, 1, Integer::sum);
                }
            }
            if (random.nextInt(10) == 0) {
                restarts++;
                if (random.nextBoolean()) {
                    cap.close();
                }
                spool.close();
                spool = open();
                cap = cap(spool, "100/day");
            }
            time.advance(Duration.ofMinutes(random.nextInt(1, 90)));
        }
        spool.close();
        assertThat(restarts).isGreaterThan(30);
        assertThat(byDay.values()).allMatch(count -> count <= 100);
        // a crash loses at most the rest of an advance of two
        assertThat(byDay.values().stream().mapToInt(n -> n).sum())
                .isGreaterThan(30 * 100 - 2 * restarts - 200);
    }

    @Test
    void close_thenStart_losesNothingOfTheDay() {
        try (RocksSpool spool = open()) {
            CalendarCap cap = cap(spool, "1000/day");
            for (int i = 0; i < 7; i++) {
                assertThat(take(cap)).isTrue();
            }
            cap.close();
        }
        try (RocksSpool spool = open()) {
            assertThat(cap(spool, "1000/day").used()).isEqualTo(7);
        }
    }

    /** Back into a day that is over: what was used since counts on. Far back: it was wrong. */
    @Test
    void clockSetBack_neverGivesADayTwice() {
        try (RocksSpool spool = open()) {
            CalendarCap cap = cap(spool, "10/day");
            time.advance(Duration.ofDays(1));
            for (int i = 0; i < 10; i++) {
                assertThat(take(cap)).isTrue();
            }
            assertThat(cap.peek()).isPositive();
            time.stepWallClock(Duration.ofDays(-1));
            assertThat(cap.peek()).isPositive();
            time.stepWallClock(Duration.ofDays(-40));
            assertThat(take(cap)).isTrue();
        }
    }

    /** Room for one: one queue goes on; it has no use for it, so another does, and so on. */
    @Test
    void freedCap_queuesThatWaitForIt_goOnOneAfterTheOther() throws Exception {
        EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        try (RocksSpool spool = open();
                FreedCaps freed = new FreedCaps(spool, loops, Duration.ofMillis(1),
                        Duration.ofMillis(20))) {
            CalendarCap cap = cap(spool, "1/day");
            List<String> domains = List.of("one.test", "two.test", "three.test");
            for (String domain : domains) {
                DeliveryFixture.submitTo(spool, "r@" + domain);
                queue(spool, domain).park(time.epochMillis() + 100_000, cap.name());
            }
            DeliveryFixture.submitTo(spool, "r@other.test");
            queue(spool, "other.test").park(time.epochMillis() + 100_000, "another reason");
            freed.add(cap);
            Patience.await(Duration.ofSeconds(20), () -> domains.stream().allMatch(
                    one -> queue(spool, one).status().parkedUntilEpochMillis() == 0));
            assertThat(queue(spool, "other.test").status().parkedUntilEpochMillis())
                    .isPositive();
        } finally {
            loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly(5,
                    TimeUnit.SECONDS);
        }
    }

    private static MailQueue queue(RocksSpool spool, String domain) {
        return spool.queues().find(TestMail.key(domain)).orElseThrow();
    }

    /** What was taken before midnight and not used is not of use after it. */
    @Test
    void giveBack_afterTheDayIsOver_givesNothingToTheNextOne() {
        try (RocksSpool spool = open()) {
            CalendarCap cap = cap(spool, "10/day");
            assertThat(take(cap)).isTrue();
            assertThat(take(cap)).isTrue();
            long before = time.nanos();
            cap.giveBack(before);
            assertThat(cap.used()).isEqualTo(1);
            time.advance(Duration.ofDays(1));
            assertThat(take(cap)).isTrue();
            assertThat(take(cap)).isTrue();
            cap.giveBack(before);
            assertThat(cap.used()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @CsvSource({"10/s, 10, 1", "600/min, 600, 60", "100/s, 1000, 10", "20000/s, 20000, 1"})
    void evenRate_inAnyStretch_isNeverExceededByMoreThanTheTolerance(String rate, int expected,
            int seconds) {
        Rate parsed = Rate.parse(rate).orElseThrow();
        EvenRate even = new EvenRate("test", parsed.spacingNanos(), time);
        time.advance(Duration.ofHours(1)); // a pause gives no burst
        int taken = 0;
        long end = time.nanos() + Duration.ofSeconds(seconds).toNanos();
        while (time.nanos() < end) {
            long wait = even.take();
            if (wait == 0) {
                taken++;
            } else {
                time.advance(Duration.ofNanos(Math.max(1, Math.min(wait, end - time.nanos()))));
            }
        }
        int tolerance = 1 + (int) (0.05 * expected / seconds);
        assertThat(taken).isBetween(expected, expected + tolerance);
    }

    /** What was taken long ago and not used makes no room beside what goes now. */
    @Test
    void evenRate_givenBackLate_isNotTakenAgain() {
        EvenRate rate = new EvenRate("test", Duration.ofSeconds(1).toNanos(), time);
        long first = time.nanos();
        assertThat(rate.take()).isZero();
        rate.giveBack(first);
        assertThat(rate.take()).isZero();
        time.advance(Duration.ofMinutes(5));
        assertThat(rate.take()).isZero();
        rate.giveBack(first);
        assertThat(rate.take()).isPositive();
    }

    /** Those that come back later come one by one. */
    @Test
    void queueUp_givesEachItsOwnTime() {
        EvenRate even = new EvenRate("test", Duration.ofMinutes(1).toNanos(), time);
        assertThat(even.take()).isZero();
        long first = even.queueUp();
        assertThat(even.queueUp() - first).isEqualTo(Duration.ofMinutes(1).toNanos());
        assertThat(even.queueUp() - first).isEqualTo(Duration.ofMinutes(2).toNanos());
    }

    @Test
    void adaptive_pushBack_pausesThenSendsALittleLessThanWasTaken() {
        AdaptivePace pace = new AdaptivePace("test", 8, PAUSE, time);
        for (int minute = 0; minute < 60; minute++) {
            for (int i = 0; i < 60; i++) {
                pace.accepted();
            }
            time.advance(Duration.ofMinutes(1));
        }
        assertThat(pace.perSecond()).isInfinite();
        pace.pushedBack();
        assertThat(pace.peek()).isEqualTo(Duration.ofSeconds(30).toNanos());
        assertThat(pace.perSecond()).isBetween(0.9, 1.0);
        assertThat(pace.connections()).isEqualTo(4);
        double before = pace.perSecond();
        pace.pushedBack(); // said of what was under way: counts once
        assertThat(pace.perSecond()).isEqualTo(before);
        time.advance(Duration.ofMinutes(20));
        assertThat(pace.perSecond()).isBetween(1.05 * before, 1.15 * before);
        assertThat(pace.connections()).isEqualTo(8);
    }

    @Test
    void adaptive_pushBackAgainAndAgain_pausesLonger() {
        AdaptivePace pace = new AdaptivePace("test", 1, PAUSE, time);
        pace.accepted();
        long last = 0;
        for (int i = 0; i < 5; i++) {
            pace.pushedBack();
            long pause = pace.peek();
            assertThat(pause).isGreaterThan(last);
            last = pause;
            time.advance(Duration.ofNanos(pause).plusSeconds(11));
        }
        assertThat(last).isLessThanOrEqualTo(Duration.ofMinutes(15).toNanos());
    }

    /** The message that was to find out whether it goes again was lost with its connection. */
    @Test
    void adaptive_probeIsLost_anotherMayGo() {
        AdaptivePace pace = new AdaptivePace("test", 8, PAUSE, time);
        for (int i = 0; i < 600; i++) {
            pace.accepted();
            time.advance(Duration.ofMillis(100));
        }
        pace.pushedBack();
        time.advance(PAUSE.plusSeconds(1));
        assertThat(pace.take()).isZero();
        time.advance(Duration.ofSeconds(30));
        assertThat(pace.take()).isPositive();
        pace.probeLost();
        assertThat(pace.take()).isZero();
    }

    /** Refused for good, but not for how much comes: that was no answer, another may go. */
    @ParameterizedTest
    @EnumSource(value = ReplyClass.class, names = {"SYSTEM", "POLICY", "UNKNOWN", "HOST_REFUSES",
            "BLOCKED", "LISTED"})
    void adaptive_probeIsRefusedForGood_anotherMayGo(ReplyClass category) {
        try (RocksSpool spool = open()) {
            SourceGate gate = new Gates(time, spool.memos()).of(
                    new EgressSource(SourceConfig.plain("a", "mta.test"), time),
                    provider("one", "adaptive = true, adaptive-pause = 30s"), "one");
            for (int i = 0; i < 600; i++) {
                gate.accepted();
                time.advance(Duration.ofMillis(100));
            }
            gate.refused(ReplyClass.THROTTLED, true);
            time.advance(PAUSE.plusSeconds(1));
            assertThat(gate.take(time.nanos())).isNull();
            time.advance(Duration.ofSeconds(1));
            assertThat(gate.peek()).as("until the probe is answered").isNotNull();
            gate.refused(category, false);
            assertThat(gate.take(time.nanos())).isNull();
            time.advance(Duration.ofSeconds(1));
            assertThat(gate.peek()).as("still one at a time").isNotNull();
        }
    }

    private static Provider provider(String name, String more) {
        ConfigSource source = ConfigSource.ofText("providers { " + name + " { match-mx = [\"*."
                + name + ".test\"], " + more + " } }");
        return DeliveryConfig.from(source.root(), "mta.test").providers().all().stream()
                .filter(one -> one.name().equals(name)).findFirst().orElseThrow();
    }

    /** Whoever holds it, and whenever it was asked for: a source has one cap. */
    @Test
    void capOfASource_isOneForAllReceiversAndDays() {
        Rate daily = Rate.parse("1/day").orElseThrow();
        SourceConfig plain = SourceConfig.plain("a", "mta.test");
        EgressSource source = new EgressSource(new SourceConfig(plain.name(), plain.address(),
                plain.address6(), plain.publicAddress(), plain.publicAddress6(), plain.proxy(),
                plain.ehlo(), new SourceConfig.Bounds(10, List.of(daily), List.of()),
                plain.warmup()), time);
        try (RocksSpool spool = open()) {
            Gates gates = new Gates(time, spool.memos());
            SourceGate one = gates.of(source, provider("one", "connections = 3"), "one");
            time.advance(Duration.ofHours(27));
            SourceGate two = gates.of(source, provider("two", "connections = 3"), "two");
            // its count is written ahead
            Patience.await(Duration.ofSeconds(20), () -> one.take(time.nanos()) == null);
            Wait wait = two.take(time.nanos());
            assertThat(wait).as("a cap of its own would be waiting for the disk only").isNotNull()
                    .extracting(Wait::nanos, LONG).isGreaterThan(Duration.ofHours(1).toNanos());
        }
    }

    private SourceGate gate(RocksSpool spool, String provider) {
        return new Gates(time, spool.memos()).of(
                new EgressSource(SourceConfig.plain("a", "mta.test"), time),
                provider("one", provider), "one");
    }

    /** Its places beyond that are not handed on. */
    @Test
    void gateNarrowed_comesDownToWhatItMayHave() {
        try (RocksSpool spool = open()) {
            SourceGate gate = gate(spool, "connections = 3");
            for (int i = 0; i < 3; i++) {
                assertThat(gate.open(3, time.nanos())).isNull();
            }
            int[] granted = {0};
            for (int i = 0; i < 5; i++) {
                gate.wish(() -> granted[0]++);
            }
            for (int left = 2; left > 0; left--) {
                gate.closed();
                assertThat(gate.useGranted(1, time.nanos())).isNotNull();
                assertThat(gate.connections()).isEqualTo(left);
            }
            gate.closed();
            assertThat(gate.useGranted(1, time.nanos())).isNull();
            assertThat(gate.connections()).isEqualTo(1);
            assertThat(granted[0]).isEqualTo(3);
        }
    }

    /** One site says it wants fewer: the source's other sites keep what the receiver allows. */
    @Test
    void measureAboutASite_narrowsItsOwnConnectionsOnly() {
        try (RocksSpool spool = open()) {
            SourceGate gate = gate(spool, "connections = 6");
            Measures measures = new Measures(time, spool.memos(),
                    new DeliveryMeters(new Metrics()));
            EgressPath one = new EgressPath(gate, measures, "mx.one.test", time);
            EgressPath other = new EgressPath(gate, measures, "mx.other.test", time);
            for (EgressPath path : List.of(one, one, other, other)) {
                assertThat(path.open()).isNull();
                path.opened();
            }
            measures.fire("one/fewer", MeasuresTest.rule(RuleScope.SITE, RuleAction.HALVE,
                    Duration.ofHours(1), ""), MeasuresTest.REPLY,
                    new Measures.Place("one", "mx.one.test", "a", Optional.empty(), "",
                            gate.connections(), one.connections(), 1));
            assertThat(one.tooMany()).isTrue();
            assertThat(other.tooMany()).isFalse();
            assertThat(one.open()).isNotNull().extracting(Wait::why, STRING)
                    .contains("source a at mx.one.test is at most 1 connections");
            assertThat(other.open()).isNull();
            other.opened();
            one.closed();
            assertThat(one.tooMany()).isFalse();
            one.closed();
            gate.wish(() -> assertThat(one.useGranted()).isNull());
            other.closed();
            one.opened();
            gate.wish(() -> assertThat(one.useGranted()).isNotNull());
            other.closed();
            assertThat(gate.connections()).isEqualTo(2);
        }
    }

    /** No connection came of it: its place in the rate of new ones is free again. */
    @Test
    void openingGivenUp_doesNotCount() {
        try (RocksSpool spool = open()) {
            SourceGate gate = gate(spool, "connection-rate = 1/min");
            for (int i = 0; i < 3; i++) {
                assertThat(gate.open(9, time.nanos())).isNull();
                gate.notOpened(time.nanos());
            }
            assertThat(gate.open(9, time.nanos())).isNull();
            assertThat(gate.peekOpening()).isNotNull();
        }
    }

    /** A receiver that says so on each of its connections means one half, not one for each. */
    @Test
    void adaptive_halveOfWhatIsUnderWay_countsOnce() {
        AdaptivePace pace = new AdaptivePace("test", 8, PAUSE, time);
        for (int i = 0; i < 600; i++) {
            pace.accepted();
            time.advance(Duration.ofMillis(100));
        }
        for (int i = 0; i < 8; i++) {
            pace.pushedBack();
            pace.halve();
        }
        assertThat(pace.perSecond()).isBetween(4.5, 5.0);
        time.advance(PAUSE.plusSeconds(1));
        pace.halve();
        assertThat(pace.perSecond()).isBetween(2.2, 2.6);
    }
}
