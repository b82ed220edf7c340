// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class HashQueueTest {
    private final List<String> order = new CopyOnWriteArrayList<>();
    private final CountDownLatch begin = new CountDownLatch(1);

    private static InetAddress address(int last) throws Exception {
        return InetAddress.getByAddress(new byte[]{(byte) 192, 0, 2, (byte) last});
    }

    /** Both threads are held until the rest is in line. */
    private void hold(HashQueue queue) throws Exception {
        CountDownLatch held = new CountDownLatch(HashQueue.THREADS);
        for (int i = 0; i < HashQueue.THREADS; i++) {
            assertThat(queue.offer(address(100 + i), () -> {
                held.countDown();
                await(begin);
            })).isTrue();
        }
        await(held);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void origins_takeTurns() throws Exception {
        try (HashQueue queue = new HashQueue(800)) {
            hold(queue);
            CountDownLatch done = new CountDownLatch(103);
            for (int i = 0; i < 100; i++) {
                queue.offer(address(1), () -> {
                    order.add("guesser");
                    done.countDown();
                });
            }
            for (int honest = 2; honest < 5; honest++) {
                String name = "honest" + honest;
                queue.offer(address(honest), () -> {
                    order.add(name);
                    done.countDown();
                });
            }
            begin.countDown();
            await(done);
            for (int honest = 2; honest < 5; honest++) {
                assertThat(order.indexOf("honest" + honest)).isLessThan(6);
            }
        }
    }

    /** The machine gives no thread for a while: who comes then is told, who comes later served. */
    @Test
    void noThreadForAWhile_isRefusedAndLaterServed() throws Exception {
        AtomicInteger failing = new AtomicInteger(HashQueue.THREADS + 1);
        try (HashQueue queue = new HashQueue(10, task -> {
            if (failing.getAndDecrement() > 0) {
                throw new OutOfMemoryError("unable to create native thread, in a test");
            }
            return new Thread(task);
        })) {
            for (int i = 0; i <= HashQueue.THREADS; i++) {
                assertThat(queue.offer(address(1), () -> order.add("refused"))).isFalse();
            }
            CountDownLatch done = new CountDownLatch(4);
            for (int i = 0; i < 4; i++) {
                assertThat(queue.offer(address(1), done::countDown)).isTrue();
            }
            await(done);
            assertThat(order).isEmpty();
        }
    }

    @Test
    void places_areBoundedInAllAndForEachOrigin() throws Exception {
        try (HashQueue queue = new HashQueue(10)) {
            hold(queue);
            int taken = 0;
            for (int i = 0; i < 20; i++) {
                taken += queue.offer(address(1), () -> order.add("a")) ? 1 : 0;
            }
            assertThat(taken).isEqualTo(4);
            for (int i = 2; i < 30; i++) {
                taken += queue.offer(address(i), () -> order.add("b")) ? 1 : 0;
            }
            assertThat(taken).isEqualTo(10);
            begin.countDown();
        }
    }

    @Test
    void task_thatThrows_endsNothing() throws Exception {
        try (HashQueue queue = new HashQueue(100)) {
            for (int i = 0; i < 5; i++) {
                CountDownLatch ran = new CountDownLatch(2);
                queue.offer(address(1), () -> {
                    ran.countDown();
                    throw new IllegalStateException("told to fail");
                });
                queue.offer(address(2), ran::countDown);
                await(ran);
            }
        }
    }

    @Test
    void closed_takesNothing() throws Exception {
        HashQueue queue = new HashQueue(10);
        queue.close();
        assertThat(queue.offer(address(1), () -> order.add("a"))).isFalse();
    }
}
