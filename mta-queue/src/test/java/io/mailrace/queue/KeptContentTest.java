// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Contents kept for support, and contents encrypted on disk. */
class KeptContentTest {
    private static final String KEY = "00112233445566778899aabbccddeeff".repeat(2);
    private static final String OTHER = "ffeeddccbbaa99887766554433221100".repeat(2);

    @TempDir
    Path directory;

    private static void deliver(SpoolFixture fixture) {
        fixture.settle(fixture.take("one.test"), delivered());
    }

    private static SpoolCare.Statistics now(SpoolFixture fixture) {
        return fixture.spool.care().statistics();
    }

    /** Lets time pass until something holds that a chore brings about. */
    private static void chores(SpoolFixture fixture, BooleanSupplier until) {
        await(() -> {
            fixture.time.advance(Duration.ofSeconds(61));
            return until.getAsBoolean();
        });
    }

    @Test
    void delivered_byDefault_isGone() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(message("x"), "a@one.test");
            assertThat(fixture.spool.care().content(id)).isPresent();
            deliver(fixture);
            assertThat(fixture.spool.care().content(id)).isEmpty();
            assertThat(now(fixture).keptContentBytes()).isZero();
        }
    }

    @Test
    void delivered_whenKept_isThereForItsTimeOverARestart() {
        SpoolFixture before = new SpoolFixture(directory, "spool.keep.content-for = 2h");
        byte[] large = new byte[Content.CHUNK_BYTES + 9];
        new Random(1).nextBytes(large);
        SpoolId id = before.accept(large, "a@one.test");
        SpoolId thrown = before.accept(message("discarded"), "a@two.test");
        deliver(before);
        before.spool.operations().start(Selection.ALL, new SetAction.Discard(""), "tester");
        await(() -> before.spool.queues().waiting() == 0);
        assertThat(before.spool.care().content(thrown)).isEmpty();
        assertThat(now(before).keptContentBytes()).isEqualTo(large.length);
        assertThat(now(before).liveContentBytes()).isZero();
        before.close();
        try (SpoolFixture after = new SpoolFixture(directory, before.time,
                UnaryOperator.identity(), "spool.keep.content-for = 2h")) {
            assertThat(after.spool.care().content(id).orElseThrow().chunk(1)).hasSize(9);
            chores(after, () -> now(after).keptContentBytes() == 0);
            assertThat(after.spool.care().content(id)).isEmpty();
            assertThat(now(after).liveContentBytes()).isZero();
        }
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
    }

    @Test
    void kept_tooMuch_oldestGoesFirst() {
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.keep.content-for = 20d",
                "spool.keep.max-size = 1m")) {
            byte[] content = new byte[400_000];
            SpoolId first = fixture.accept(content, "a@one.test");
            deliver(fixture);
            fixture.time.advance(Duration.ofSeconds(1));
            SpoolId last = first;
            for (int i = 0; i < 3; i++) {
                last = fixture.accept(content, "a@one.test");
                deliver(fixture);
                fixture.time.advance(Duration.ofSeconds(1));
            }
            chores(fixture, () -> fixture.spool.care().content(first).isEmpty());
            await(() -> now(fixture).keptContentBytes() <= 1 << 20);
            assertThat(now(fixture).keptContentBytes()).isPositive();
            assertThat(last).isNotEqualTo(first);
        }
    }

    @Test
    void kept_whenTheTimeBecameShorter_goes() {
        SpoolFixture before = new SpoolFixture(directory, "spool.keep.content-for = 20d");
        SpoolId id = before.accept(message("x"), "a@one.test");
        deliver(before);
        before.close();
        try (SpoolFixture after = new SpoolFixture(directory, before.time,
                UnaryOperator.identity())) {
            assertThat(after.spool.care().content(id)).isPresent();
            chores(after, () -> now(after).keptContentBytes() == 0);
        }
    }

    private String keys(String... lines) throws IOException {
        Path file = directory.resolve("keys");
        Files.write(file, List.of(lines));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return "spool.encryption-key-file = \"" + file + "\"";
    }

    @Test
    void encrypted_isReadWithItsKeyOnly_andNowhereInTheClear() throws IOException {
        Path spool = directory.resolve("spool");
        byte[] content = message("the secret word is xyzzy-plugh");
        SpoolFixture first = new SpoolFixture(spool);
        SpoolId plain = first.accept(message("in the clear"), "a@two.test");
        first.close();
        SpoolFixture second = new SpoolFixture(spool, keys(KEY));
        SpoolId id = second.accept(content, "a@one.test");
        assertThat(second.read(second.take("one.test"))).isEqualTo(content);
        second.close();
        assertThat(anyFileHolds(spool, "xyzzy-plugh")).isFalse();
        assertThat(anyFileHolds(spool, "in the clear")).isTrue();
        try (SpoolFixture rotated = new SpoolFixture(spool, keys("# new", OTHER, KEY))) {
            assertThat(rotated.read(rotated.take("one.test"))).isEqualTo(content);
            assertThat(rotated.read(rotated.take("two.test"))).isEqualTo(message("in the clear"));
            assertThat(rotated.spool.care().content(plain)).isPresent();
            rotated.spool.care().compact();
        }
        try (SpoolFixture without = new SpoolFixture(spool)) {
            Content kept = without.spool.care().content(id).orElseThrow();
            assertThatThrownBy(() -> kept.chunk(0)).isInstanceOf(SpoolException.class)
                    .hasMessageContaining("encryption-key-file");
            assertThat(without.spool.queues().waiting()).isEqualTo(2);
        }
    }

    private static boolean anyFileHolds(Path folder, String text) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (Files.readString(file, StandardCharsets.ISO_8859_1).contains(text)) {
                    return true;
                }
            }
        }
        return false;
    }

    @Test
    void seal_everySizeAndDamage_isRoundOrRefused() throws IOException {
        keys(KEY);
        ContentSeal seal = ContentSeal.ofFile(directory.resolve("keys"));
        for (int size : new int[]{0, 1, 1000, Content.CHUNK_BYTES}) {
            byte[] bytes = new byte[size];
            new Random(size).nextBytes(bytes);
            byte[] stored = seal.seal(7, 3, bytes).joined();
            assertThat(seal.open(7, 3, stored, size)).isEqualTo(bytes);
            assertThatThrownBy(() -> seal.open(7, 4, stored, size))
                    .hasMessageContaining("damaged");
            assertThatThrownBy(() -> seal.open(8, 3, stored, size))
                    .hasMessageContaining("damaged");
            stored[stored.length - 1] ^= 1;
            assertThatThrownBy(() -> seal.open(7, 3, stored, size))
                    .hasMessageContaining("damaged");
        }
    }

    @Test
    void keyFile_unfit_isRefusedClearly() throws IOException {
        Path file = directory.resolve("keys");
        keys("abc");
        assertThatThrownBy(() -> ContentSeal.ofFile(file)).hasMessageContaining("64 hexadecimal");
        keys("# nothing");
        assertThatThrownBy(() -> ContentSeal.ofFile(file)).hasMessageContaining("1 to 100 keys");
        keys(KEY);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        assertThatThrownBy(() -> ContentSeal.ofFile(file)).hasMessageContaining("everybody");
        assertThatThrownBy(() -> ContentSeal.ofFile(directory.resolve("absent")))
                .hasMessageContaining("cannot be read");
    }
}
