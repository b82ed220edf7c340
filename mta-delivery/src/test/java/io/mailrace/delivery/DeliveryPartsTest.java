// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Metrics;
import io.mailrace.core.Recipient;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueConfig;
import io.mailrace.queue.RocksSpool;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.Submission;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Parking must never leave a queue that has due mail and tells nobody. */
class DeliveryPartsTest {

    @Test
    void parkedAndArmed_timeAlreadyOver_saysThatNobodyWillBeTold(@TempDir Path directory)
            throws InterruptedException {
        QueueConfig config = QueueConfig.from(ConfigSource.ofText("spool { path = \"" + directory
                + "/spool\", min-free = 1m }").root(), "mta.test");
        BlockingQueue<MailQueue> told = new LinkedBlockingQueue<>();
        try (RocksSpool spool = RocksSpool.open(config, TimeSource.system(), new Metrics())) {
            spool.queues().listen(told::add);
            accept(spool);
            MailQueue queue = told.poll(60, TimeUnit.SECONDS);
            assertThat(queue).isNotNull();
            long now = TimeSource.system().epochMillis();
            assertThat(DeliveryParts.parkedAndArmed(queue, now - 1, "over")).isFalse();
            assertThat(told).isEmpty();
            assertThat(DeliveryParts.parkedAndArmed(queue, now + 3_600_000, "later")).isTrue();
            queue.park(0, "");
            assertThat(told.poll(60, TimeUnit.SECONDS)).isSameAs(queue);
        }
    }

    private static void accept(RocksSpool spool) {
        IncomingContent content = spool.newContent(Runnable::run, () -> {});
        content.append(new byte[]{'x', '\r', '\n'}, 0, 3);
        content.accept(new Submission(new MailAddress("a", "b.test"),
                List.of(new Recipient(new MailAddress("c", "d.test"))), MailOptions.NONE,
                new ContentFacts(3, false, false, false, false, "", ""), "default",
                Event.Intake.LOCAL), new CommitListener() {
                    @Override
                    public void committed() {}

                    @Override
                    public void failed(SpoolException why) {
                        throw why;
                    }
                });
    }
}
