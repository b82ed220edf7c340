// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Copies of a spool that is at work. */
class BackupTest {
    @TempDir
    Path directory;

    /** Each copy is whole, and has at least what was acknowledged before it and kept since. */
    @Test
    void backup_whileMailComesAndGoes_isASoundSpool() throws Exception {
        Path spool = directory.resolve("spool");
        List<Integer> keptBefore = new ArrayList<>();
        AtomicInteger kept = new AtomicInteger();
        AtomicBoolean stop = new AtomicBoolean();
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            Thread work = Thread.ofPlatform().start(() -> {
                for (int i = 0; !stop.get(); i++) {
                    fixture.accept(message("keep " + i), "a@keep.test");
                    kept.incrementAndGet();
                    fixture.accept(message("go " + i), "a@go.test", "b@keep-too.test");
                    fixture.settle(fixture.take("go.test"),
                            i % 3 == 0 ? deferred() : delivered());
                }
            });
            for (int copy = 0; copy < 4; copy++) {
                int before = kept.get();
                await(() -> kept.get() > before + 20);
                keptBefore.add(kept.get());
                fixture.spool.care().backup(directory.resolve("copy" + copy));
            }
            stop.set(true);
            work.join();
        }
        for (int copy = 0; copy < keptBefore.size(); copy++) {
            Path backup = directory.resolve("copy" + copy);
            List<String> told = new ArrayList<>();
            assertThat(SpoolFolder.check(SpoolFixture.config(backup), backup, false, told::add)
                    .problems()).describedAs("%s", told).isZero();
            try (SpoolFixture restored = new SpoolFixture(backup)) {
                assertThat(restored.waiting("keep.test"))
                        .isGreaterThanOrEqualTo(keptBefore.get(copy));
                Envelope envelope = restored.take("keep.test");
                assertThat(restored.read(envelope)).isEqualTo(message("keep 0"));
            }
        }
    }

    @Test
    void backup_badTarget_isRefusedAndNothingIsLeft() throws Exception {
        Path used = directory.resolve("used");
        Files.createDirectories(used);
        Files.writeString(used.resolve("file"), "there");
        try (SpoolFixture fixture = new SpoolFixture(directory.resolve("spool"))) {
            SpoolCare care = fixture.spool.care();
            assertThatThrownBy(() -> care.backup(used)).hasMessageContaining("is not empty");
            assertThatThrownBy(() -> care.backup(Path.of("relative")))
                    .hasMessageContaining("absolute");
            assertThatThrownBy(() -> care.backup(used.resolve("file/below")))
                    .isInstanceOf(SpoolException.class);
        }
        assertThat(used.resolve("db")).doesNotExist();
    }
}
