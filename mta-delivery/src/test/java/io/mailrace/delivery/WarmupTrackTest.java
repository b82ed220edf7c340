// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.delivery.WarmupDay.Outcome;
import io.mailrace.delivery.WarmupTrack.Decision;
import io.mailrace.delivery.WarmupTrack.Grant;
import io.mailrace.delivery.WarmupTrack.Ticket;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One source at one provider, told each moment: what a day must be like for the next step. */
class WarmupTrackTest {
    private static final String CAPS = "caps { default = [50, 100, 200] }, min-sample = 10";
    private static final long HOUR = Duration.ofHours(1).toMillis();
    private static final long DAY = 24 * HOUR;
    private static final long BEGIN = 20_000 * DAY;
    private long now = BEGIN;
    private long nanos;
    private long offered = 1000;
    private long all;

    private static WarmupPlan plan(String text) {
        return Objects.requireNonNull(DeliveryConfig.from(ConfigSource.ofText(
                "warmup.plans.p { " + text + " }").root(), "mta.test").warmup().plans().get("p"));
    }

    private WarmupTrack track(String text) {
        WarmupTrack track = new WarmupTrack(plan(text), "default");
        track.offered(day -> offered);
        return track;
    }

    private void pass(Duration by) {
        now += by.toMillis();
        nanos += by.toNanos();
    }

    private List<Decision> turn(WarmupTrack track) {
        return track.turn(now, nanos);
    }

    private List<Decision> toNextDay(WarmupTrack track) {
        pass(Duration.ofMillis(DAY - now % DAY));
        return turn(track);
    }

    /** Sends what may go now, of each ten so many with another outcome; how many. */
    private int send(WarmupTrack track, int most, int other, Outcome otherwise) {
        turn(track);
        int sent = 0;
        while (sent < most) {
            Ticket ticket = track.take(now, 0);
            if (ticket == null) {
                Grant grant = track.wanted(now, 0);
                if (grant == null) {
                    break;
                }
                track.granted(grant);
                continue;
            }
            track.finished(ticket, all++ % 10 < other ? otherwise : Outcome.ACCEPTED);
            sent++;
        }
        return sent;
    }

    /** Mail comes in these hours, more than there is room for. */
    private int day(WarmupTrack track, int from, int to) {
        int sent = 0;
        for (int hour = 0; hour < 24; hour++) {
            sent += hour >= from && hour < to ? send(track, 1000, 0, Outcome.ACCEPTED) : 0;
            pass(Duration.ofHours(1));
        }
        return sent;
    }

    private static List<String> words(List<Decision> decisions) {
        return decisions.stream().map(one -> one.action().word()).toList();
    }

    // ------------------------------------------------------------------ used enough

    @ParameterizedTest
    @CsvSource({"0, 24, 50", "8, 18, 38", "9, 10, 6", "0, 1, 3", "23, 24, 6"})
    void day_mailForTheCapInSomeHoursOnly_advances(int from, int to, int room) {
        WarmupTrack track = track(CAPS);
        assertThat(day(track, from, to)).isEqualTo(room);
        assertThat(words(turn(track))).containsExactly("advance");
    }

    @Test
    void day_hourIsFullButMailIsLessThanTheCap_holds() {
        WarmupTrack track = track(CAPS);
        offered = 44;
        day(track, 9, 10);
        assertThat(turn(track)).singleElement().satisfies(one -> {
            assertThat(one.action()).isEqualTo(WarmupTrack.Action.HOLD);
            assertThat(one.why()).endsWith("6 of 50 accepted, 45 needed (90 %)");
        });
    }

    @Test
    void day_mailForTheCapButNoHourWasFull_holds() {
        WarmupTrack track = track(CAPS);
        for (int hour = 0; hour < 24; hour++) {
            send(track, 1, 0, Outcome.ACCEPTED);
            pass(Duration.ofHours(1));
        }
        assertThat(words(turn(track))).containsExactly("hold");
    }

    @Test
    void day_fullHoursWithTooLittleAccepted_holds() {
        WarmupTrack track = track(CAPS);
        pass(Duration.ofHours(9));
        send(track, 1000, 2, Outcome.BOUNCED);
        assertThat(toNextDay(track)).singleElement().satisfies(one -> assertThat(one.why())
                .endsWith("4 of the 6 accepted that the hours with mail had room for (cap 50),"
                        + " 6 needed (90 %)"));
    }

    @Test
    void day_fullHours_countTheSameAfterARestart() {
        WarmupTrack track = track(CAPS);
        pass(Duration.ofHours(9));
        send(track, 1000, 0, Outcome.ACCEPTED);
        WarmupTrack again = restored(track.encode(), List.of(6L, 0L, 0L, 0L));
        assertThat(words(toNextDay(again))).containsExactly("advance");
    }

    private WarmupTrack restored(byte[] stored, List<Long> counts) {
        WarmupTrack track = WarmupTrack.decode(stored, plan(CAPS), "default", day -> counts)
                .orElseThrow().track();
        track.offered(day -> offered);
        return track;
    }

    @Test
    void perHour_anHourHasItsCapAndNotWhatOthersLeft() {
        WarmupTrack track = track("caps { default = [20, 28] }, per = hour");
        assertThat(send(track, 1000, 0, Outcome.ACCEPTED)).isEqualTo(20);
        pass(Duration.ofHours(5));
        assertThat(send(track, 1000, 0, Outcome.ACCEPTED)).isEqualTo(20);
        assertThat(toNextDay(track)).singleElement().satisfies(one -> assertThat(one.action())
                .isEqualTo(WarmupTrack.Action.ADVANCE));
        assertThat(send(track, 1000, 0, Outcome.ACCEPTED)).isEqualTo(28);
    }

    // ------------------------------------------------------------------ greylisting

    @Test
    void greylisting_isNeitherIllNorNeeded() {
        WarmupTrack track = track(CAPS);
        for (int hour = 0; hour < 24; hour++) {
            send(track, 1000, 3, Outcome.GREYLISTED);
            pass(Duration.ofHours(1));
        }
        WarmupDay day = track.day(20_000);
        assertThat(day.greylisted()).isGreaterThan(10);
        assertThat(day.accepted()).isLessThan(40);
        assertThat(day.share(day.deferred())).isZero();
        assertThat(words(turn(track))).containsExactly("advance");
    }

    @Test
    void greylisting_ofNearlyAll_holds() {
        WarmupTrack track = track(CAPS);
        pass(Duration.ofHours(9));
        send(track, 1, 0, Outcome.ACCEPTED);
        send(track, 1000, 10, Outcome.GREYLISTED);
        assertThat(words(toNextDay(track))).containsExactly("hold");
    }

    @Test
    void record_ofAnOlderVersionWithThreeCounts_isRead() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeByte(1);
        out.writeUTF("p");
        out.writeBoolean(false);
        out.writeLong(100);
        out.writeInt(1);
        out.writeInt(0);
        out.writeBoolean(false);
        out.writeBoolean(false);
        out.writeLong(0);
        out.writeUTF("");
        out.writeLong(20_000);
        out.writeInt(1);
        out.writeLong(20_000);
        out.writeBoolean(false);
        out.writeLong(100);
        out.writeLong(0);
        out.writeLong(0);
        for (int hour = 0; hour < 24; hour++) {
            out.writeLong(hour < 10 ? 10 : 0);
        }
        WarmupTrack track = restored(bytes.toByteArray(), List.of(95L, 3L, 2L));
        assertThat(track.step()).isEqualTo(1);
        assertThat(track.day(20_000).used()).isEqualTo(100);
        assertThat(track.day(20_000).deferred()).isEqualTo(3);
        assertThat(track.day(20_000).greylisted()).isZero();
        assertThat(words(toNextDay(track))).containsExactly("advance");
    }

    // ------------------------------------------------------------------ clocks

    @Test
    void clock_leapsYearsAndBackWithinTheHour_nothingIsLostAndItSendsAsAtFirst() {
        WarmupTrack track = track(CAPS);
        day(track, 0, 24);
        day(track, 0, 24);
        day(track, 0, 24);
        turn(track);
        assertThat(track.warm()).isTrue();
        now += 1000 * DAY;
        assertThat(words(turn(track))).containsExactly("doubt");
        assertThat(track.warm()).isFalse();
        assertThat(track.cap(0)).isEqualTo(50);
        assertThat(send(track, 1000, 0, Outcome.ACCEPTED)).isBetween(1, 6);
        pass(Duration.ofMinutes(50));
        assertThat(turn(track)).isEmpty();
        now -= 1000 * DAY;
        assertThat(turn(track)).isEmpty();
        assertThat(track.warm()).isTrue();
    }

    @Test
    void clock_saysSoForAnHour_isBelieved() {
        WarmupTrack track = track(CAPS);
        day(track, 0, 24);
        turn(track);
        assertThat(track.step()).isEqualTo(1);
        now += 40 * DAY;
        turn(track);
        pass(Duration.ofHours(1));
        assertThat(words(turn(track))).containsExactly("re-warm");
        assertThat(track.step()).isZero();
        assertThat(turn(track)).isEmpty();
    }

    @Test
    void downtime_ofFortyDays_isColdAtOnceAndReWarmedAfterAnHour() {
        WarmupTrack track = track(CAPS);
        day(track, 0, 24);
        day(track, 0, 24);
        turn(track);
        assertThat(track.cap(0)).isEqualTo(200);
        WarmupTrack again = restored(track.encode(), List.of());
        now += 40 * DAY;
        nanos = 77;
        assertThat(words(turn(again))).containsExactly("doubt");
        assertThat(again.cap(0)).isEqualTo(50);
        pass(Duration.ofHours(1));
        assertThat(words(turn(again))).containsExactly("re-warm");
    }

    @Test
    void clock_bootsIn1970_capOfTodayIsNotGivenTwice() {
        WarmupTrack track = track("caps { default = [\"40 x 24\"] }");
        for (int i = 0; i < WarmupTrack.MAX_DAYS + 3; i++) {
            day(track, 0, 24);
        }
        pass(Duration.ofHours(5));
        int before = send(track, 1000, 0, Outcome.ACCEPTED);
        assertThat(before).isEqualTo(2);
        long right = now;
        now = 5 * HOUR;
        send(track, 1000, 0, Outcome.ACCEPTED);
        now = right;
        assertThat(send(track, 1000, 0, Outcome.ACCEPTED)).isZero();
    }

    @Test
    void block_underADateToCome_pausesNoLongerThanBlocksDo() {
        WarmupTrack track = track(CAPS);
        now += 300 * DAY;
        track.blocked(now, "550 no");
        now -= 300 * DAY;
        turn(track);
        pass(Duration.ofHours(1));
        turn(track);
        pass(Duration.ofDays(2));
        assertThat(words(turn(track))).contains("resume");
        assertThat(track.paused(now)).isFalse();
    }

    @Test
    void pause_byOperator_outlastsALeap() {
        WarmupTrack track = track(CAPS);
        day(track, 0, 24);
        turn(track);
        track.blocked(now, "550 no");
        now += 300 * DAY;
        turn(track);
        assertThat(track.paused(now)).isTrue();
        now -= 300 * DAY;
        turn(track);
        assertThat(track.paused(now)).isTrue();
    }

    // ------------------------------------------------------------------ operators and hours

    @Test
    void step_byOperator_isNotAdvancedByMailOfTheOldOne() {
        WarmupTrack track = track(CAPS);
        day(track, 0, 23);
        now -= HOUR;
        nanos -= Duration.ofHours(1).toNanos();
        track.step(1, "test");
        assertThat(words(toNextDay(track))).containsExactly("hold");
        assertThat(track.step()).isEqualTo(1);
        day(track, 0, 24);
        turn(track);
        assertThat(track.step()).isEqualTo(2);
    }

    @Test
    void reset_byOperator_isNotAdvancedByMailOfTheOldStep() {
        WarmupTrack track = track("caps { default = [50, 50, 50] }");
        day(track, 0, 23);
        now -= HOUR;
        track.reset("test");
        assertThat(words(toNextDay(track))).containsExactly("hold");
        assertThat(track.step()).isZero();
    }

    @Test
    void step_byOperatorBeforeAnythingWasSent_isAdvancedTheSameMidnight() {
        WarmupTrack track = track(CAPS);
        track.step(1, "test");
        day(track, 0, 24);
        assertThat(words(turn(track))).containsExactly("advance");
    }

    @Test
    void evenly_zoneIsHalfAnHourOff_beginsWithItsHour() {
        WarmupTrack track = track("caps { default = [2400] }, timezone = Asia/Kolkata");
        now = Instant.parse("2024-10-04T06:30:00Z").toEpochMilli();
        assertThat(track.hourCap(now, 0)).isEqualTo(200);
        assertThat(track.evenly(now, 0)).isEqualTo(1);
        assertThat(track.evenly(now + HOUR / 2, 0)).isEqualTo(101);
        assertThat(track.evenly(now + HOUR - 1, 0)).isEqualTo(200);
    }

    @Test
    void evenly_byShare_isWhatTheShareGives() {
        WarmupTrack track = track("shares = [\"10%\"]");
        assertThat(track.evenly(now, 1000)).isEqualTo(track.cap(1000)).isEqualTo(101);
    }

    @Test
    void forecast_takesTheStepsThatAreTaken() {
        offered = 0;
        WarmupTrack track = track(CAPS);
        WarmupForecast forecast = WarmupForecast.of(new Warmup.Key("s", "default"), track, 400,
                0.5, now);
        assertThat(forecast.days().stream().map(WarmupForecast.Day::cap).toList())
                .containsExactly(50L, 100L, 200L, 0L);
        offered = 200;
        for (int i = 0; i < 3; i++) {
            day(track, 9, 10);
        }
        turn(track);
        assertThat(track.warm()).isTrue();
    }
}
