// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** The account of a measurement: nothing that goes wrong with a message escapes it. */
class BenchLedgerTest {
    private static final int SIZE = 3000;

    private final BenchMessage messages = new BenchMessage(SIZE);
    private final BenchLedger ledger = new BenchLedger(2);
    private final FakeTimeSource time = new FakeTimeSource();
    private final BenchSink sink = new BenchSink(ledger, time);

    @Test
    void arrived_bothRecipients_nothingIsMissing() {
        long number = ledger.take();
        ledger.acknowledged(number, 0, 5_000_000);
        assertThat(ledger.inFlight()).isEqualTo(2);
        time.advance(Duration.ofMillis(8));
        deliver(number, 0, content(number), 100);
        assertThat(ledger.missing()).isEqualTo(1);
        deliver(number, 1, content(number), SIZE * 2);
        assertThat(ledger.missing()).isZero();
        assertThat(ledger.inFlight()).isZero();
        assertThat(ledger.counts()).isEqualTo(new BenchLedger.Counts(1, 1, 2, 0, 0, 0, 0));
        assertThat(ledger.toReply().max()).isCloseTo(5_000_000L, offset());
        assertThat(ledger.toDelivery().max()).isCloseTo(3_000_000L, offset());
    }

    /** A message that waited for its turn has waited from when it was due. */
    @Test
    void acknowledged_submittedLate_countsFromWhenItWasDue() {
        ledger.acknowledged(ledger.take(), 1_000_000, 2_001_000_000);
        assertThat(ledger.toReply().p50()).isCloseTo(2_000_000_000L, offset());
    }

    /** A relay that stands still at the end is not quick. */
    @Test
    void endTimes_dueAndUnanswered_haveWaitedSinceThen() {
        ledger.startTimes();
        // due at 0, 10, 20, ... 90 ms of 95
        ledger.unanswered(0, 10_000_000, 95_000_000);
        ledger.endTimes(95_000_000);
        assertThat(ledger.toReply().count()).isEqualTo(10);
        assertThat(ledger.toReply().max()).isCloseTo(95_000_000L, offset());
        assertThat(ledger.toReply().p50()).isCloseTo(45_000_000L, offset());
        // not due yet
        ledger.unanswered(96_000_000, 10_000_000, 95_000_000);
        assertThat(ledger.toReply().count()).isEqualTo(10);
    }

    @Test
    void endTimes_veryManyDue_areCountedInFewSteps() {
        ledger.unanswered(0, 1000, 10_000_000_000L);
        assertThat(ledger.toReply().count()).isEqualTo(10_000_001);
        assertThat(ledger.toReply().p50()).isCloseTo(5_000_000_000L, Offset.offset(50_000_000L));
    }

    @Test
    void endTimes_lineBroke_countsOnce() {
        ledger.broken(5_000_000);
        ledger.endTimes(2_005_000_000L);
        assertThat(ledger.toReply().max()).isCloseTo(2_000_000_000L, offset());
        ledger.endTimes(3_005_000_000L);
        assertThat(ledger.toReply().count()).isEqualTo(1);
    }

    @Test
    void endTimes_acknowledgedAndNotDelivered_hasWaitedSinceItsReply() {
        long number = ledger.take();
        ledger.acknowledged(number, 0, 5_000_000);
        deliver(number, 0, content(number), SIZE);
        ledger.endTimes(705_000_000);
        // one of two recipients still waits
        assertThat(ledger.toDelivery().count()).isEqualTo(2);
        assertThat(ledger.toDelivery().max()).isCloseTo(700_000_000L, offset());
    }

    /** More numbers later than the ring is long, a time of another number is not taken for its. */
    @Test
    void arrived_placeTakenByALaterNumber_hasNoTime() {
        long old = ledger.take();
        ledger.acknowledged(old, 0, 1_000_000);
        long other = old;
        for (int i = 0; i < BenchLedger.RING; i++) {
            other = ledger.take();
        }
        ledger.acknowledged(other, 0, 900_000_000);
        ledger.arrived(old, 0, 1_000_000_000);
        assertThat(ledger.toDelivery().count()).isZero();
        ledger.arrived(other, 0, 1_000_000_000);
        assertThat(ledger.toDelivery().max()).isCloseTo(100_000_000L, offset());
    }

    @Test
    void acknowledged_lateAfterThePlaceWasTaken_leavesTheTimeOfTheLaterNumber() {
        long old = ledger.take();
        long other = old;
        for (int i = 0; i < BenchLedger.RING; i++) {
            other = ledger.take();
        }
        ledger.acknowledged(other, 0, 100_000_000);
        ledger.acknowledged(old, 0, 900_000_000);
        ledger.arrived(other, 0, 1_000_000_000);
        assertThat(ledger.toDelivery().max()).isCloseTo(900_000_000L, offset());
    }

    @Test
    void arrived_beforeItsReplyIsRead_isNoDuplicateAndNotMissing() {
        long number = ledger.take();
        deliver(number, 0, content(number), SIZE);
        ledger.acknowledged(number, 0, time.nanos());
        assertThat(ledger.inFlight()).isEqualTo(1);
        assertThat(ledger.counts().duplicates()).isZero();
    }

    @Test
    void arrived_again_isADuplicate() {
        long number = ledger.take();
        deliver(number, 0, content(number), SIZE);
        deliver(number, 0, content(number), SIZE);
        assertThat(ledger.counts().duplicates()).isEqualTo(1);
        assertThat(ledger.counts().delivered()).isEqualTo(1);
    }

    @Test
    void arrived_aByteChanged_isCorrupt() {
        long number = ledger.take();
        byte[] changed = content(number);
        changed[changed.length - 10]++;
        deliver(number, 0, changed, SIZE);
        assertThat(ledger.counts().corrupt()).isEqualTo(1);
        assertThat(ledger.counts().delivered()).isZero();
    }

    @Test
    void arrived_cutShortOrWithoutNumber_isCorrupt() {
        long number = ledger.take();
        byte[] all = content(number);
        deliver(number, 0, Arrays.copyOf(all, all.length - 64), SIZE);
        deliver(number, 0, "Subject: report\r\n\r\nHello\r\n".getBytes(StandardCharsets.US_ASCII),
                SIZE);
        deliver(number, 0, "X-Bench: 9999999999999999 zz\r\n\r\n".getBytes(
                StandardCharsets.US_ASCII), SIZE);
        assertThat(ledger.counts().corrupt()).isEqualTo(3);
    }

    @Test
    void arrived_forSomebodyElse_isCorrupt() {
        long one = ledger.take();
        long other = ledger.take();
        deliver(other, 0, content(one), SIZE);
        assertThat(ledger.counts().corrupt()).isEqualTo(1);
    }

    @Test
    void body_onWire_isTheContentWithStuffedDots() {
        String wire = messages.body().toString(StandardCharsets.US_ASCII);
        assertThat(wire).contains("\r\n..").endsWith("\r\n.\r\n");
        String unstuffed = wire.substring(0, wire.length() - 3).replace("\r\n..", "\r\n.");
        assertThat(new String(content(0), StandardCharsets.US_ASCII)).endsWith(unstuffed);
    }

    private static Offset<Long> offset() {
        return Offset.offset(3_000_000L);
    }

    private byte[] content(long number) {
        String header = new String(messages.header(number), StandardCharsets.US_ASCII);
        String wire = messages.body().toString(StandardCharsets.US_ASCII);
        return (header + wire.substring(0, wire.length() - 3).replace("\r\n..", "\r\n."))
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** As the relay does it: with lines before ours, in pieces. */
    private void deliver(long number, int which, byte[] content, int pieceBytes) {
        byte[] all = ("DKIM-Signature: v=1; X=Y\r\nReceived: from X by Y\r\n"
                + new String(content, StandardCharsets.ISO_8859_1))
                .getBytes(StandardCharsets.ISO_8859_1);
        SimulatedInbox.Incoming incoming = sink.begin(BenchMessage.sender(),
                List.of(BenchMessage.recipient(number, which)));
        for (int at = 0; at < all.length; at += pieceBytes) {
            ByteBuf piece = Unpooled.wrappedBuffer(all, at, Math.min(pieceBytes, all.length - at));
            incoming.write(piece);
        }
        incoming.end(true);
    }
}
