// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Lane;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Metrics;
import io.mailrace.core.Recipient;
import io.mailrace.core.TimeSource;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.dkim.Signature;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SigningPoolTest {
    private static final int ROOM = 128;

    /** Signs nothing before it may, and keeps the order. */
    private static final class GatedSigner extends DeliveryFixture.NoSigner {
        final CountDownLatch begun = new CountDownLatch(1);
        final CountDownLatch goOn = new CountDownLatch(1);
        final List<String> order = new CopyOnWriteArrayList<>();
        final List<Integer> together = new CopyOnWriteArrayList<>();
        int most = 1;
        volatile long generation;
        volatile boolean signs = true;

        @Override
        public boolean signs(ContentFacts facts) {
            return signs;
        }

        @Override
        public long generation() {
            return generation;
        }

        @Override
        public int together() {
            return most;
        }

        @Override
        public void signAll(List<? extends Job> jobs) {
            together.add(jobs.size());
            super.signAll(jobs);
        }

        @Override
        public Signature sign(Content content, ContentFacts facts) {
            begun.countDown();
            try {
                goOn.await();
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
            String text = new String(content.chunk(0), StandardCharsets.US_ASCII);
            order.add(text);
            return text.startsWith("n") ? Signature.NONE
                    : new Signature(new byte[]{1}, "s" + (generation + 1) + "@example.com");
        }
    }

    private final GatedSigner signer = new GatedSigner();
    private final Metrics metrics = new Metrics();
    private final SigningPool pool = new SigningPool(signer, 1, TimeSource.system(),
            new DeliveryMeters(metrics));
    private final CountDownLatch done = new CountDownLatch(ROOM + 1);

    @AfterEach
    void stop() {
        signer.goOn.countDown();
        pool.close();
    }

    private void sign(Lane lane) {
        sign(pool, lane, done);
    }

    private static void sign(SigningPool pool, Lane lane, CountDownLatch done) {
        assertThat(pool.reserve(lane, 1)).isEqualTo(1);
        pool.sign(lane, List.of(attempt(lane.word())), Runnable::run, each(done));
    }

    private static void signOne(SigningPool pool, Attempt attempt) throws InterruptedException {
        CountDownLatch signed = new CountDownLatch(1);
        assertThat(pool.reserve(Lane.DEFAULT, 1)).isEqualTo(1);
        pool.sign(Lane.DEFAULT, List.of(attempt), Runnable::run, each(signed));
        assertThat(signed.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    private static Consumer<List<Attempt>> each(CountDownLatch signed) {
        return some -> some.forEach(one -> signed.countDown());
    }

    private static Attempt attempt(String content) {
        byte[] text = content.getBytes(StandardCharsets.US_ASCII);
        return TestMail.attempt("a@example.com",
                List.of(new Recipient(TestMail.address("b@example.net"))), MailOptions.NONE,
                TestMail.facts(text, false, false), text);
    }

    @Test
    void busy_whileEachThreadHasWork_aPauseWhenItIsDone() throws Exception {
        assertThat(pool.busy()).isFalse();
        for (int i = 0; i <= ROOM; i++) {
            sign(i == 0 ? Lane.TRANSACTIONAL : Lane.BULK);
        }
        signer.begun.await();
        assertThat(pool.busy()).isTrue();
        assertThat(pool.pauses()).isZero();
        signer.goOn.countDown();
        assertThat(done.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        DeliveryFixture.await(() -> !pool.busy());
        assertThat(pool.pauses()).isEqualTo(1);
    }

    @Test
    void sign_envelopesOfOneMessage_onceAndCountedOnce() throws Exception {
        sign(Lane.DEFAULT); // takes the thread
        signer.begun.await();
        Attempt first = attempt("x");
        Attempt second = TestMail.another(first, 1);
        for (Attempt one : List.of(first, second)) {
            assertThat(pool.mustSign(one)).as("nothing is known yet").isTrue();
            assertThat(pool.reserve(Lane.DEFAULT, 1)).isEqualTo(1);
        }
        CountDownLatch both = new CountDownLatch(2);
        pool.sign(Lane.DEFAULT, List.of(first), Runnable::run, each(both));
        pool.sign(Lane.DEFAULT, List.of(second), Runnable::run, each(both));
        signer.goOn.countDown();
        assertThat(both.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(signer.order).containsExactly("default", "x");
        assertThat(second.signature()).isEqualTo(first.signature());
        assertThat(pool.passed()).isEqualTo(2);
        Attempt third = TestMail.another(first, 2);
        assertThat(pool.mustSign(third)).isFalse();
        assertThat(pool.passed()).isEqualTo(2);
    }

    /** What waits is signed together as far as the signer gains by it, and each batch is done. */
    @Test
    void sign_smallBatchesWait_areSignedTogether() throws Exception {
        signer.most = 8;
        sign(Lane.DEFAULT); // takes the thread
        signer.begun.await();
        for (int i = 0; i < ROOM - 1; i++) {
            sign(Lane.DEFAULT);
        }
        sign(Lane.TRANSACTIONAL);
        signer.goOn.countDown();
        assertThat(done.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(signer.together).hasSize(1 + ROOM / 8)
                .containsOnly(1, 8);
        assertThat(signer.order.get(1)).isEqualTo("transactional");
        assertThat(pool.reserve(Lane.DEFAULT, ROOM)).isEqualTo(ROOM);
        DeliveryFixture.await(() -> !pool.busy());
    }

    /** No place of the signer stays empty because batches are of another size. */
    @Test
    void sign_batchesOfOtherSizes_areDividedAndHandedOnAsFarAsSigned() throws Exception {
        signer.most = 8;
        sign(Lane.DEFAULT); // takes the thread
        signer.begun.await();
        List<Integer> signedBefore = new CopyOnWriteArrayList<>();
        List<Attempt> all = new ArrayList<>();
        List<Attempt> told = new CopyOnWriteArrayList<>();
        CountDownLatch twenty = new CountDownLatch(20);
        for (int batch = 0; batch < 4; batch++) {
            List<Attempt> five = IntStream.range(batch * 5, batch * 5 + 5)
                    .mapToObj(i -> attempt("m" + i)).toList();
            all.addAll(five);
            pool.sign(Lane.DEFAULT, five, Runnable::run, some -> {
                signedBefore.add(signer.order.size());
                told.addAll(some);
                each(twenty).accept(some);
            });
        }
        signer.goOn.countDown();
        assertThat(twenty.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(signer.together).containsExactly(1, 8, 8, 4);
        assertThat(signer.order.subList(1, 21)).containsExactlyElementsOf(
                IntStream.range(0, 20).mapToObj(i -> "m" + i).toList());
        assertThat(signedBefore).containsExactly(6, 9, 11, 16, 17, 21);
        assertThat(told).containsExactlyElementsOf(all)
                .extracting(one -> one.signature().signedBy()).containsOnly("s1@example.com");
        assertThat(pool.passed()).isEqualTo(21);
    }

    @Test
    void sign_largeBatch_isSignedByAllThreads() throws Exception {
        signer.most = 8;
        try (SigningPool two = new SigningPool(signer, 2, TimeSource.system(),
                new DeliveryMeters(new Metrics()))) {
            CountDownLatch sixteen = new CountDownLatch(16);
            two.sign(Lane.DEFAULT, IntStream.range(0, 16).mapToObj(i -> attempt("m" + i)).toList(),
                    Runnable::run, each(sixteen));
            DeliveryFixture.await(() -> signer.together.size() == 2);
            assertThat(two.busy()).isTrue();
            assertThat(sixteen.getCount()).isEqualTo(16);
            signer.goOn.countDown();
            assertThat(sixteen.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
            assertThat(signer.together).containsExactly(8, 8);
        }
    }

    /** A thread that is free takes no few from one that will come to them, but does take many. */
    @Test
    void sign_anotherThreadAtWork_fewWaitForIt() throws Exception {
        signer.most = 8;
        try (SigningPool two = new SigningPool(signer, 2, TimeSource.system(),
                new DeliveryMeters(new Metrics()))) {
            CountDownLatch ten = new CountDownLatch(10);
            sign(two, Lane.DEFAULT, ten);
            signer.begun.await();
            for (int i = 0; i < 7; i++) {
                sign(two, Lane.DEFAULT, ten);
            }
            assertThat(signer.together).containsExactly(1);
            sign(two, Lane.DEFAULT, ten);
            DeliveryFixture.await(() -> signer.together.size() == 2);
            assertThat(two.busy()).isTrue();
            sign(two, Lane.DEFAULT, ten);
            signer.goOn.countDown();
            assertThat(ten.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
            assertThat(signer.together).containsExactly(1, 8, 1);
            DeliveryFixture.await(() -> !two.busy());
        }
    }

    @Test
    void sign_inputFullOfBulk_transactionalHasRoomAndIsNext() throws Exception {
        for (int i = 0; i < ROOM; i++) {
            sign(Lane.BULK);
        }
        assertThat(pool.reserve(Lane.BULK, 1)).isZero();
        signer.begun.await();
        sign(Lane.TRANSACTIONAL);
        signer.goOn.countDown();
        assertThat(done.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(signer.order).hasSize(ROOM + 1);
        assertThat(signer.order.get(1)).isEqualTo("transactional");
    }

    @Test
    void release_ofOneLane_wakesThatLaneOnly() {
        List<Lane> woken = new ArrayList<>();
        for (Lane lane : Lane.values()) {
            assertThat(pool.reserve(lane, ROOM)).isEqualTo(ROOM);
            pool.wish(lane, () -> woken.add(lane));
        }
        pool.release(Lane.DEFAULT, ROOM);
        assertThat(woken).containsExactly(Lane.DEFAULT);
    }

    /** A site that waits has its turn though others fill the room again at once. */
    @Test
    void release_roomStaysFull_wakesWhoWaitsInTurn() {
        List<Integer> woken = new ArrayList<>();
        assertThat(pool.reserve(Lane.BULK, ROOM)).isEqualTo(ROOM);
        for (int i = 0; i < 3; i++) {
            int site = i;
            pool.wish(Lane.BULK, () -> woken.add(site));
        }
        for (int i = 0; i < 6; i++) {
            pool.release(Lane.BULK, 8);
            assertThat(pool.reserve(Lane.BULK, 8)).isEqualTo(8);
        }
        assertThat(woken).containsExactly(0, 1, 2);
    }

    /** Whatever comes out of a signer: the mail waits, and the thread goes on. */
    @Test
    void sign_signerFailsWholly_isUnsignedAndTheNextIsSigned() throws Exception {
        DeliveryFixture.NoSigner broken = new DeliveryFixture.NoSigner() {
            private int calls;

            @Override
            public void signAll(List<? extends Job> jobs) {
                if (calls++ == 0) {
                    throw new StackOverflowError();
                }
                super.signAll(jobs);
            }
        };
        try (SigningPool one = new SigningPool(broken, 1, TimeSource.system(),
                new DeliveryMeters(new Metrics()))) {
            for (int i = 0; i < 2; i++) {
                Attempt attempt = attempt("x");
                CountDownLatch signed = new CountDownLatch(1);
                one.sign(Lane.DEFAULT, List.of(attempt), Runnable::run, each(signed));
                assertThat(signed.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS))
                        .isTrue();
                assertThat(attempt.whyUnsigned().isPresent()).isEqualTo(i == 0);
                DeliveryFixture.await(() -> !one.busy());
            }
        }
    }

    /** Forgotten by the signer: it must not go unsigned. */
    @Test
    void sign_notToldOf_isUnsigned() throws Exception {
        DeliveryFixture.NoSigner forgetful = new DeliveryFixture.NoSigner() {
            @Override
            public void signAll(List<? extends Job> jobs) {
                // tells nobody
            }
        };
        try (SigningPool one = new SigningPool(forgetful, 1, TimeSource.system(),
                new DeliveryMeters(new Metrics()))) {
            Attempt attempt = attempt("x");
            CountDownLatch signed = new CountDownLatch(1);
            one.sign(Lane.DEFAULT, List.of(attempt), Runnable::run, each(signed));
            assertThat(signed.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
            assertThat(attempt.whyUnsigned()).isPresent();
        }
    }

    /** Somebody's wish or loop that fails keeps nobody else's mail. */
    @Test
    void sign_othersFailWhenTold_theRestIsDone() throws Exception {
        signer.most = 8;
        sign(Lane.DEFAULT);
        signer.begun.await();
        pool.wish(Lane.DEFAULT, () -> {
            throw new IllegalStateException("a wish");
        });
        assertThat(pool.reserve(Lane.DEFAULT, 1)).isEqualTo(1);
        pool.sign(Lane.DEFAULT, List.of(attempt("y")), task -> {
            throw new IllegalStateException("a loop");
        }, all -> {});
        CountDownLatch last = new CountDownLatch(1);
        Attempt third = attempt("z");
        pool.sign(Lane.DEFAULT, List.of(third), Runnable::run, each(last));
        signer.goOn.countDown();
        assertThat(last.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        DeliveryFixture.await(() -> !pool.busy());
        assertThat(done.getCount()).as("the first, whose wish threw").isEqualTo(ROOM);
        assertThat(third.whyUnsigned()).isEmpty();
    }

    /** A batch waits for no other of its group. */
    @Test
    void sign_firstOfAGroupIsSigned_itsBatchIsDone() throws Exception {
        signer.most = 8;
        sign(Lane.DEFAULT);
        signer.begun.await();
        List<String> order = signer.order;
        List<Integer> signedBefore = new CopyOnWriteArrayList<>();
        CountDownLatch three = new CountDownLatch(3);
        for (int i = 0; i < 3; i++) {
            pool.sign(Lane.DEFAULT, List.of(attempt("n" + i)), Runnable::run, all -> {
                signedBefore.add(order.size());
                three.countDown();
            });
        }
        signer.goOn.countDown();
        assertThat(three.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(signer.together).containsExactly(1, 3);
        assertThat(signedBefore).containsExactly(2, 3, 4);
    }

    /** Hurried mail waits for no other thread, and no mail waits for one with much to do. */
    @Test
    void sign_inAHurryOrBehindLargeMail_isSignedByAnotherThread() throws Exception {
        for (boolean large : new boolean[]{false, true}) {
            GatedSigner gated = new GatedSigner();
            gated.most = 8;
            try (SigningPool two = new SigningPool(gated, 2, TimeSource.system(),
                    new DeliveryMeters(new Metrics()))) {
                CountDownLatch both = new CountDownLatch(2);
                if (large) {
                    two.sign(Lane.DEFAULT, List.of(attempt("x".repeat(300_000))), Runnable::run,
                            each(both));
                } else {
                    sign(two, Lane.DEFAULT, both);
                }
                gated.begun.await();
                sign(two, large ? Lane.DEFAULT : Lane.TRANSACTIONAL, both);
                DeliveryFixture.await(() -> gated.together.size() == 2);
                gated.goOn.countDown();
                assertThat(both.await(DeliveryFixture.PATIENCE_SECONDS, TimeUnit.SECONDS))
                        .isTrue();
            }
        }
    }

    /** Keys may come back with a reload: no signature is nothing to be used again. */
    @Test
    void mustSign_wasSignedByNoKey_stillMust() throws Exception {
        signer.goOn.countDown();
        Attempt first = attempt("n");
        signOne(pool, first);
        assertThat(pool.mustSign(TestMail.another(first, 1))).isTrue();
    }

    /** A key that was wrong, or is in wrong hands, signs nothing once another is in its place. */
    @Test
    void mustSign_keysWereReplaced_isSignedByTheNewOrNone() throws Exception {
        signer.goOn.countDown();
        Attempt first = attempt("x");
        signOne(pool, first);
        assertThat(first.signature().signedBy()).isEqualTo("s1@example.com");
        assertThat(pool.mustSign(TestMail.another(first, 1))).isFalse();
        signer.generation = 1;
        Attempt second = TestMail.another(first, 2);
        assertThat(pool.mustSign(second)).isTrue();
        signOne(pool, second);
        assertThat(second.signature().signedBy()).isEqualTo("s2@example.com");
        assertThat(pool.mustSign(TestMail.another(first, 3))).isFalse();
        signer.generation = 2;
        signer.signs = false;
        Attempt third = TestMail.another(first, 4);
        assertThat(pool.mustSign(third)).isFalse();
        assertThat(third.signature()).isEqualTo(Signature.NONE);
    }

    /** Else one with an x= would be used beyond it. */
    @Test
    void mustSign_wasSignedAWhileAgo_isSignedAnew() throws Exception {
        signer.goOn.countDown();
        FakeTimeSource time = new FakeTimeSource();
        try (SigningPool one = new SigningPool(signer, 1, time,
                new DeliveryMeters(new Metrics()))) {
            Attempt first = attempt("x");
            signOne(one, first);
            time.advance(Duration.ofMinutes(14));
            assertThat(one.mustSign(TestMail.another(first, 1))).isFalse();
            time.advance(Duration.ofMinutes(1));
            assertThat(one.mustSign(TestMail.another(first, 2))).isTrue();
        }
    }

    @Test
    void sign_cannotBeSignedThoughThereIsAKey_isCounted() throws Exception {
        signer.goOn.countDown();
        signOne(pool, attempt("x"));
        assertThat(metrics.snapshot()).containsEntry("delivery_unsigned_total", 0L);
        Attempt none = attempt("n");
        signOne(pool, none);
        assertThat(none.whyUnsigned()).as("no key would do better").isEmpty();
        assertThat(metrics.snapshot()).containsEntry("delivery_unsigned_total", 1L);
        signer.signs = false;
        signOne(pool, attempt("n"));
        assertThat(metrics.snapshot()).as("the key is gone").containsEntry(
                "delivery_unsigned_total", 1L);
    }

    @Test
    void sign_closed_isDoneUnsigned() {
        signer.most = 8;
        signer.goOn.countDown();
        pool.close();
        assertThat(pool.reserve(Lane.DEFAULT, 20)).isEqualTo(20);
        List<Attempt> late = IntStream.range(0, 20).mapToObj(i -> attempt("late")).toList();
        pool.sign(Lane.DEFAULT, late, Runnable::run, each(done));
        assertThat(done.getCount()).isEqualTo(ROOM + 1 - 20);
        assertThat(late).allMatch(one -> one.whyUnsigned().isPresent());
        assertThat(signer.order).isEmpty();
        assertThat(pool.reserve(Lane.DEFAULT, ROOM)).isEqualTo(ROOM);
    }
}
