// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.LintMode;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Records come back as they went in, and nothing on disk can do more than be refused. */
class CodecTest {
    private static final SmtpReply REPLY = new SmtpReply(451,
            Optional.of(new EnhancedStatus(4, 7, 28)), List.of("line one", "line two"));
    private static final MailAddress BOB = new MailAddress("bob", "example.net");
    private static final MailAddress UTF8 = new MailAddress("jörg.\u4f60\u597d",
            "xn--e1afmkfd.test");
    private static final QueueKey QUEUE = new QueueKey(Lane.BULK, "billing", "smtp://10.0.0.9:25",
            "fast");
    private static final Envelope ENVELOPE = new Envelope(new SpoolId(77), 3, QUEUE, UTF8,
            List.of(new Recipient(BOB, Recipient.NOTIFY_FAILURE | Recipient.NOTIFY_DELAY,
                    "rfc822;bob+2Bx@example.net"), new Recipient(UTF8)),
            MailOptions.NONE.with(MailOptions.Body.EIGHT_BIT_MIME).withSmtputf8(true)
                    .with(MailOptions.Ret.FULL).withEnvid("QQ314"),
            new ContentFacts(123_456, true, true, false, true, "example.com", "<a@b>"), 7, true,
            1000,
            2000, 3000);

    private static List<Event> events() {
        SpoolId id = new SpoolId(1L << 40);
        Event.Intake intake = new Event.Intake("submission", "192.0.2.7", "app", "host", "TLSv1.3");
        Event.Route route = new Event.Route("google", "ip-a", "mx1.example", "192.0.2.9:25", "TLS",
                "s@d");
        return List.of(
                new Event.Received(1, id, intake, "t", Lane.TRANSACTIONAL, MailAddress.NULL,
                        List.of(BOB, UTF8), 99, "<id@x>"),
                new Event.Rejected(2, intake, "rcpt", REPLY),
                new Event.Attempted(3, id, 4, "t", "example.net", route, 5, 678,
                        List.of(new RecipientOutcome(BOB, new Disposition.Delivered(REPLY)),
                                new RecipientOutcome(BOB, new Disposition.Deferred(REPLY)),
                                new RecipientOutcome(UTF8, new Disposition.Deferred(REPLY, true)),
                                new RecipientOutcome(BOB, new Disposition.Bounced(REPLY,
                                        new Cause(ReplyClass.UNKNOWN_USER, "gmail/x"))))),
                new Event.Expired(4, id, 1, "t", "example.net", List.of(BOB), REPLY),
                new Event.DsnSent(5, id, new SpoolId(9), BOB, "failed"),
                new Event.DsnOmitted(6, id, "null sender"),
                new Event.QueueParked(7, "default/t/example.net/default", 8, "why"),
                new Event.Operated(8, new SpoolId(5), 2, "t", "example.net",
                        Event.Operated.Change.REBOUND, List.of(UTF8), "to pool b"),
                new Event.AdminAction(9, "root", "hold everything"),
                new Event.Postponed(10, id, 3, "t", "example.net", 11, "held by gmail/x"),
                new Event.RuleFired(11, "gmail/x", "source a at gmail", "suspend", 12, "421 no"),
                new Event.LintFound(12, id, "t", LintMode.FIX, List.of("date-missing",
                        "from-unsigned"), List.of("date-missing")),
                new Event.WarmupStep(12, "a", "gmail", "six-weeks", "hold", 3, 500,
                        "412 of 500 used"));
    }

    @Test
    void events_ofEachKind_comeBackEqual() {
        assertThat(events()).extracting(Object::getClass).hasSize(
                Arrays.stream(Event.class.getPermittedSubclasses())
                        .flatMap(c -> c.isInterface()
                                ? Arrays.stream(c.getPermittedSubclasses())
                                : Arrays.stream(new Class<?>[]{c}))
                        .toList().size());
        for (Event event : events()) {
            assertThat(EventCodec.decode(EventCodec.encode(event))).isEqualTo(event);
        }
    }

    @Test
    void envelope_comesBackEqual() {
        Entry entry = EnvelopeCodec.decode(EnvelopeCodec.encode(new Entry(ENVELOPE, 12, true)),
                QUEUE,
                ENVELOPE_PLACE, new Schedule(7, true, 1000, 3000, Optional.of(REPLY)));
        assertThat(entry.envelope()).isEqualTo(ENVELOPE);
        assertThat(entry.envelopesOfMessage()).isEqualTo(12);
        assertThat(entry.delayTold()).isTrue();
    }

    @Test
    void envelope_ofBinaryContent_comesBackEqual() {
        for (MailOptions.Body body : MailOptions.Body.values()) {
            Envelope binary = new Envelope(ENVELOPE.id(), 3, QUEUE, UTF8, ENVELOPE.recipients(),
                    ENVELOPE.options().with(body), new ContentFacts(9, true, false, true, true,
                            true, "example.com", "<a@b>", "tag"),
                    7, true, 1000, 2000, 3000);
            assertThat(EnvelopeCodec.decode(EnvelopeCodec.encode(new Entry(binary, 12, true)),
                    QUEUE, ENVELOPE_PLACE, new Schedule(7, true, 1000, 3000, Optional.of(REPLY)))
                    .envelope()).isEqualTo(binary);
        }
    }

    /** What the release before could not read is marked so, and nothing else is. */
    @Test
    void envelope_announcedOrFoundBinary_isOfVersion5() {
        Envelope announced = binary(MailOptions.Body.BINARY_MIME, false);
        assertThat(HexFormat.of().formatHex(EnvelopeCodec.encode(new Entry(announced, 12, true))))
                .isEqualTo(BINARY_RECORD);
        assertThat(EnvelopeCodec.encode(new Entry(binary(MailOptions.Body.SEVEN_BIT, true), 12,
                true))[0]).isEqualTo((byte) 5);
        assertThat(EnvelopeCodec.encode(new Entry(binary(MailOptions.Body.EIGHT_BIT_MIME, false),
                12, true))[0]).isEqualTo((byte) 4);
    }

    private static Envelope binary(MailOptions.Body body, boolean octets) {
        return new Envelope(ENVELOPE.id(), 3, QUEUE, UTF8, ENVELOPE.recipients(),
                ENVELOPE.options().with(body), new ContentFacts(9, true, false, true, true,
                        octets, "example.com", "<a@b>", "tag"),
                7, true, 1000, 2000, 3000);
    }

    /** As the release without binary content wrote it. */
    @Test
    void envelope_ofVersion4_isText() {
        byte[] then = EnvelopeCodec.encode(new Entry(ENVELOPE, 12, true));
        assertThat(HexFormat.of().formatHex(then)).isEqualTo(TEXT_RECORD);
        EnvelopeCodec.Stored stored = EnvelopeCodec.read(then);
        assertThat(stored.options()).isEqualTo(ENVELOPE.options());
        assertThat(stored.facts()).isEqualTo(ENVELOPE.facts());
        assertThat(stored.facts().binary()).isFalse();
    }

    /** A spool written before the sender could be told of delays. */
    @Test
    void envelope_ofVersion2_isNotTold() {
        byte[] now = EnvelopeCodec.encode(new Entry(ENVELOPE, 12, true));
        byte[] then = Arrays.copyOf(now, now.length - 1);
        then[0] = 2;
        RecordWriter.sealCrc(then);
        Entry entry = EnvelopeCodec.decode(then, QUEUE, ENVELOPE_PLACE,
                new Schedule(7, true, 1000, 3000, Optional.of(REPLY)));
        assertThat(entry).isEqualTo(new Entry(ENVELOPE, 12, false));
    }

    /** What few messages ask for takes no room in the others. */
    @Test
    void envelope_withWishes_comesBackEqual() {
        int plain = EnvelopeCodec.encode(new Entry(ENVELOPE, 12, true)).length;
        MailOptions asked = MailOptions.NONE.withRelease(5000).withPriority(-9).with(
                new MailOptions.DeliverBy(MailOptions.DeliverBy.Mode.RETURN, 6000, true));
        for (MailOptions options : List.of(asked, MailOptions.NONE.withPriority(9),
                asked.with(new MailOptions.DeliverBy(MailOptions.DeliverBy.Mode.NOTIFY, -7,
                        false)))) {
            Envelope wishes = new Envelope(ENVELOPE.id(), 3, QUEUE, UTF8, ENVELOPE.recipients(),
                    options.withEnvid("QQ314"), ENVELOPE.facts(), 7, true, 1000, 2000, 3000);
            byte[] record = EnvelopeCodec.encode(new Entry(wishes, 12, false));
            assertThat(record).hasSize(plain + 18);
            assertThat(EnvelopeCodec.read(record).options()).isEqualTo(wishes.options());
        }
    }

    private static final String TEXT_RECORD = ""
            + "040c00000000000003e8020762696c6c696e6712736d74703a2f2f31302e302e302e393a3235"
            + "04666173740c6ac3b672672ee4bda0e5a5bd11786e2d2d653161666d6b66642e746573740101"
            + "01055151333134000000000001e2400b0b6578616d706c652e636f6d053c6140623e00020362"
            + "6f620b6578616d706c652e6e65740c1a7266633832323b626f622b324278406578616d706c65"
            + "2e6e65740c6ac3b672672ee4bda0e5a5bd11786e2d2d653161666d6b66642e74657374000001"
            + "a8073c80";
    private static final String BINARY_RECORD = ""
            + "050c00000000000003e8020762696c6c696e6712736d74703a2f2f31302e302e302e393a3235"
            + "04666173740c6ac3b672672ee4bda0e5a5bd11786e2d2d653161666d6b66642e746573740201"
            + "0105515133313400000000000000090d0b6578616d706c652e636f6d053c6140623e03746167"
            + "0203626f620b6578616d706c652e6e65740c1a7266633832323b626f622b324278406578616d"
            + "706c652e6e65740c6ac3b672672ee4bda0e5a5bd11786e2d2d653161666d6b66642e74657374"
            + "000001ce573541";
    private static final Place ENVELOPE_PLACE = Place.of(ENVELOPE);

    @Test
    void otherRecords_comeBackEqual() {
        Schedule tried = new Schedule(3, true, 10, 20, Optional.of(REPLY));
        assertThat(Schedule.decode(tried.encode())).isEqualTo(tried);
        byte[] old = new RecordWriter(1, 32).count(2).i64(10).i64(20).flag(false).finish();
        assertThat(Schedule.decode(old)).isEqualTo(new Schedule(2, true, 10, 20,
                Optional.empty()));
        Schedule fresh = Schedule.fresh(10, 20);
        assertThat(Schedule.decode(fresh.encode())).isEqualTo(fresh);
        Progress progress = new Progress(1, 2, 3, 4, 5, 6, 700_000, 8, 9,
                new Progress.LogMark(10, 11, 12));
        assertThat(Progress.decode(progress.encode())).isEqualTo(progress);
        assertThat(QueueCodec.name(QueueCodec.name(QUEUE))).isEqualTo(QUEUE);
        assertThat(QueueCodec.count(QueueCodec.count(new QueueCodec.Count(5, 6, 7, 8, 9))))
                .isEqualTo(new QueueCodec.Count(5, 6, 7, 8, 9));
        byte[] counted = new RecordWriter(2, 48).i64(5).i64(6).i64(7).i64(8).finish();
        assertThat(QueueCodec.count(counted)).isEqualTo(new QueueCodec.Count(5, 6, 7, 8, 6));
    }

    @Test
    void reply_ofManyLongLines_isCut() {
        SmtpReply huge = new SmtpReply(550, Optional.empty(),
                Collections.nCopies(200, "x".repeat(1000)));
        Schedule schedule = new Schedule(1, false, 1, 2, Optional.of(huge));
        byte[] record = schedule.encode();
        assertThat(record).hasSizeLessThan(SmtpReply.MAX_TEXT + 100);
        assertThat(Schedule.decode(record).lastReply().orElseThrow().code()).isEqualTo(550);
    }

    @Test
    void placeKeys_sortAsPlacesDo() {
        Random random = new Random(7);
        for (int i = 0; i < 1000; i++) {
            Place a = new Place(random.nextLong(5), random.nextLong(5), random.nextInt(5));
            Place b = new Place(random.nextLong(5), random.nextLong(5), random.nextInt(5));
            assertThat(Integer.signum(Arrays.compareUnsigned(Keys.schedule(1, a),
                    Keys.schedule(1, b)))).isEqualTo(Integer.signum(a.compareTo(b)));
            assertThat(Keys.placeOf(Keys.schedule(9, a))).isEqualTo(a);
            assertThat(a.isBefore(a.next())).isTrue();
        }
    }

    @Test
    void flippedBits_areRefused() {
        byte[] good = EnvelopeCodec.encode(new Entry(ENVELOPE, 1, false));
        for (int bit = 0; bit < good.length * 8; bit++) {
            byte[] bad = good.clone();
            bad[bit / 8] ^= (byte) (1 << (bit % 8));
            assertThatThrownBy(() -> EnvelopeCodec.decode(bad, QUEUE, ENVELOPE_PLACE,
                    Schedule.fresh(0, 0))).isInstanceOf(SpoolException.class);
        }
    }

    /** Also with a sum that fits, so that the fields themselves meet the garbage. */
    @Test
    void randomBytes_areRefusedAndNothingElse() {
        long seed = 20_261_121;
        Random random = new Random(seed);
        List<byte[]> good = List.of(EnvelopeCodec.encode(new Entry(ENVELOPE, 1, false)),
                new Schedule(3, true, 10, 20, Optional.of(REPLY)).encode(),
                QueueCodec.name(QUEUE), Progress.NONE.encode(), EventCodec.encode(
                        events().get(0)),
                EventCodec.encode(events().get(2)));
        List<Consumer<byte[]>> readers = List.of(Schedule::decode, Progress::decode,
                EventCodec::decode, QueueCodec::name,
                QueueCodec::count, bytes -> QueueCodec.number(bytes, "number"),
                bytes -> EnvelopeCodec.decode(bytes, QUEUE, ENVELOPE_PLACE,
                        Schedule.fresh(0, 0)));
        for (int round = 0; round < 100_000; round++) {
            byte[] bytes;
            if (random.nextBoolean()) {
                bytes = new byte[random.nextInt(60)];
                random.nextBytes(bytes);
            } else {
                bytes = good.get(random.nextInt(good.size())).clone();
                for (int i = random.nextInt(4); i >= 0; i--) {
                    bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
                }
            }
            if (bytes.length >= 5) {
                bytes[0] = 1;
                RecordWriter.sealCrc(bytes);
            }
            for (Consumer<byte[]> reader : readers) {
                try {
                    reader.accept(bytes);
                } catch (SpoolException refused) {
                    // As it should be.
                } catch (RuntimeException wrong) {
                    throw new AssertionError("seed " + seed + " round " + round, wrong);
                }
            }
        }
    }
}
