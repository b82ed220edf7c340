// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static io.mailrace.dkim.TestKeys.DOMAIN;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SimpleJavaMailSignerTest {
    private static final Map<String, String> DNS = TestKeys.dns(TestKeys.RSA, TestKeys.ED);
    private static final Set<String> LEFT_TO_STREAMING = Set.of("no body",
            "no body, last line not ended", "blank before the colon", "latin-1 body",
            "latin-1 header", "utf-8 header", "line without colon", "control bytes",
            "bare CR and LF");

    private final FakeTimeSource time = new FakeTimeSource();
    private final SimpleJavaMailSigner library = open(TestKeys.RSA);
    private final MessageSigner streaming = TestKeys.streaming(time, TestKeys.RSA);

    private SimpleJavaMailSigner open(DkimKey... keys) {
        return (SimpleJavaMailSigner) DkimSigners.open(TestKeys.config(
                DkimConfig.Engine.SIMPLE_JAVA_MAIL, Duration.ZERO, keys), time);
    }

    static Stream<String> awkward() {
        return Messages.awkward().keySet().stream();
    }

    /** Each verifies, and both engines agree on what the body is. */
    @ParameterizedTest
    @MethodSource("awkward")
    void sign_awkwardMessage_verifiesByOneEngineOrTheOther(String name) {
        BytesContent content = BytesContent.of(Messages.awkward(name)).cutInto(100_000);
        Signature signature = library.sign(content, BytesContent.facts(DOMAIN));

        assertThat(PlainVerifier.verify(StreamingSignerTest.message(signature, content), DNS))
                .containsExactly("s1@example.com");
        assertThat(StreamingSignerTest.tags(signature).get("bh")).isEqualTo(StreamingSignerTest
                .tags(streaming.sign(content, BytesContent.facts(DOMAIN))).get("bh"));
        assertThat(library.signedByLibrary())
                .isEqualTo(LEFT_TO_STREAMING.contains(name) ? 0 : 1);
    }

    /** Even where its octets happen to be what the library could take. */
    @Test
    void sign_binaryContent_goesToStreaming() {
        Random random = new Random(1);
        for (int round = 0; round < 100; round++) {
            BytesContent content = BytesContent.of(round == 0
                    ? (Messages.BINARY_HEADER + "a\0b\r\n").getBytes(StandardCharsets.ISO_8859_1)
                    : Messages.binary(random));
            Signature signature = library.sign(content, BytesContent.binaryFacts(DOMAIN));
            assertThat(PlainVerifier.verify(StreamingSignerTest.message(signature, content), DNS))
                    .hasSize(1);
        }
        assertThat(library.signedByLibrary()).isZero();
    }

    @Test
    void sign_randomMessages_verify() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int round = 0; round < 1000; round++) {
            String text = Messages.random(random);
            BytesContent content = BytesContent.of(text);
            Signature signature = library.sign(content, BytesContent.facts(DOMAIN));
            assertThat(PlainVerifier.verify(StreamingSignerTest.message(signature, content), DNS))
                    .as("seed %d round %d: %s", seed, round, text).hasSize(1);
        }
    }

    @Test
    void sign_dateInTheFuture_isStampedByTheClock() {
        BytesContent content = BytesContent.of(Messages.PLAIN.replace("2026", "2099"));
        Signature signature = library.sign(content, BytesContent.facts(DOMAIN));
        assertThat(library.signedByLibrary()).isEqualTo(1);
        assertThat(StreamingSignerTest.tags(signature))
                .containsEntry("t", Long.toString(time.epochMillis() / 1000));
    }

    @Test
    void sign_listMail_coversItsFields() {
        Signature signature = library.sign(BytesContent.of(Messages.awkward("list mail")),
                BytesContent.facts(DOMAIN));
        assertThat(StreamingSignerTest.tags(signature).get("h"))
                .contains("List-Unsubscribe-Post", "Feedback-ID");
    }

    @Test
    void sign_ed25519Key_goesToStreaming() {
        SimpleJavaMailSigner both = open(TestKeys.RSA, TestKeys.ED);
        BytesContent content = BytesContent.of(Messages.PLAIN);
        Signature signature = both.sign(content, BytesContent.facts(DOMAIN));
        assertThat(PlainVerifier.verify(StreamingSignerTest.message(signature, content), DNS))
                .hasSize(2);
        assertThat(both.signedByLibrary()).isZero();
    }

    @Test
    @Timeout(30)
    void sign_whatTakesItTooLong_goesToStreaming() {
        for (String body : List.of("x\r\n" + "\r\n".repeat(80_000),
                "x\r\n" + " \r\n".repeat(80_000), "x" + " ".repeat(300_000) + "y\r\n",
                "x\r\n".repeat(400_000))) {
            library.sign(BytesContent.of(Messages.HEAD + "\r\n" + body),
                    BytesContent.facts(DOMAIN));
        }
        assertThat(library.signedByLibrary()).isZero();
    }

    @Test
    void sign_manyThreads_allVerify() throws Exception {
        List<Callable<Boolean>> jobs = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            BytesContent content = BytesContent.of(Messages.HEAD + "\r\nnumber " + i + "\r\n");
            jobs.add(() -> PlainVerifier.verify(StreamingSignerTest.message(
                    library.sign(content, BytesContent.facts(DOMAIN)), content), DNS).size() == 1);
        }
        try (var threads = Executors.newFixedThreadPool(8)) {
            for (var done : threads.invokeAll(jobs)) {
                assertThat(done.get()).isTrue();
            }
        }
        assertThat(library.signedByLibrary()).isEqualTo(200);
    }
}
