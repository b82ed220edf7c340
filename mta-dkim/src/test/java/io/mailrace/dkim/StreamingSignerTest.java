// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static io.mailrace.dkim.TestKeys.DOMAIN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAPrivateCrtKeySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class StreamingSignerTest {
    private static final DkimKey[] BOTH = {TestKeys.RSA, TestKeys.ED};
    private static final Map<String, String> DNS = TestKeys.dns(BOTH);

    private final MessageSigner signer = TestKeys.streaming(BOTH);

    static Stream<String> awkward() {
        return Messages.awkward().keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("awkward")
    void sign_awkwardMessage_verifies(String name) {
        BytesContent content = BytesContent.of(Messages.awkward(name));

        Signature signature = signer.sign(content, BytesContent.facts(DOMAIN));

        assertThat(PlainVerifier.verify(message(signature, content), DNS))
                .containsExactly("s1@example.com", "e1@example.com");
        assertThat(signature.signedBy()).isEqualTo("s1@example.com,e1@example.com");
    }

    /** Where the chunks are cut does not change a byte of the signature. */
    @ParameterizedTest
    @MethodSource("awkward")
    void sign_anyChunkSize_givesTheSame(String name) {
        BytesContent content = BytesContent.of(Messages.awkward(name));
        byte[] expected = signer.sign(content, BytesContent.facts(DOMAIN)).header();

        for (int size : new int[]{1, 2, 3, 7, 64, 1000}) {
            if (content.bytes().length / size < 20_000) {
                assertThat(signer.sign(content.cutInto(size), BytesContent.facts(DOMAIN)).header())
                        .as("chunks of %d", size).isEqualTo(expected);
            }
        }
    }

    /** BINARYMIME (RFC 3030 3): only CRLF ends a line, all else is text, NUL included. */
    @Test
    void sign_binaryBodies_verify() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int round = 0; round < 500; round++) {
            byte[] message = Messages.binary(random);
            BytesContent content = BytesContent.of(message).cutInto(1 + random.nextInt(200));
            Signature signature = signer.sign(content, BytesContent.binaryFacts(DOMAIN));
            assertThat(PlainVerifier.verify(message(signature, content), DNS))
                    .as("seed %d round %d", seed, round).hasSize(2);
        }
    }

    /** Each octet of such a body counts but blanks at a line's end: nothing is mended in it. */
    @Test
    void sign_binaryBodyChanged_hasAnotherHash() {
        String[] bodies = {"a\0b\r\n", "ab\r\n", "a\nb\r\n", "a\rb\r\n", "a\r\nb\r\n",
                "a\n\rb\r\n", "a\r\n\0b", "a \nb", "a \rb", "a\0 b", "a\0\0b", "\n", "\r", "\0"};
        assertThat(Stream.of(bodies).map(body -> tags(signer.sign(
                BytesContent.of(Messages.BINARY_HEADER + body),
                BytesContent.binaryFacts(DOMAIN))).get("bh")).distinct())
                .hasSize(bodies.length);
    }

    @Test
    void sign_randomMessages_verify() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int round = 0; round < 2000; round++) {
            String text = Messages.random(random);
            BytesContent content = BytesContent.of(text).cutInto(1 + random.nextInt(200));
            Signature signature = signer.sign(content, BytesContent.facts(DOMAIN));
            assertThat(PlainVerifier.verify(message(signature, content), DNS))
                    .as("seed %d round %d: %s", seed, round, text).hasSize(2);
            assertLinesFit(signature);
        }
    }

    /** Whatever the bytes, signing answers; the server accepts stranger things than we think of. */
    @Test
    void sign_randomBytes_neverThrows() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        byte[] alphabet = "From: \r\n\t:;a@\0\u00ff".getBytes(StandardCharsets.ISO_8859_1);
        for (int round = 0; round < 5000; round++) {
            byte[] bytes = new byte[random.nextInt(60)];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = alphabet[random.nextInt(alphabet.length)];
            }
            BytesContent content = new BytesContent(bytes, 1 + random.nextInt(20));
            assertThat(signer.sign(content, BytesContent.facts(DOMAIN)))
                    .as("seed %d round %d", seed, round).isNotNull();
        }
    }

    @Test
    void sign_anySignedByteChanged_doesNotVerify() {
        String text = Messages.PLAIN.replace(" ", "").replace("Date:", "Cc:a@b.c\r\nDate:");
        BytesContent content = BytesContent.of(text);
        byte[] whole = message(signer.sign(content, BytesContent.facts(DOMAIN)), content);
        int header = whole.length - content.bytes().length;
        for (int i = header; i < whole.length; i++) {
            byte[] changed = whole.clone();
            changed[i] ^= 1;
            assertThatThrownBy(() -> PlainVerifier.verify(changed, DNS))
                    .as("byte %d of the message", i - header).isInstanceOf(Throwable.class);
        }
    }

    @Test
    void sign_fieldAdded_doesNotVerify() {
        BytesContent content = BytesContent.of("From: joe@example.com\r\n\r\nx\r\n");
        byte[] whole = message(signer.sign(content, BytesContent.facts(DOMAIN)), content);
        for (String name : TestKeys.OVERSIGN) {
            String more = name + ": more\r\n" + new String(whole, StandardCharsets.ISO_8859_1);
            assertThatThrownBy(() -> PlainVerifier.verify(
                    more.getBytes(StandardCharsets.ISO_8859_1), DNS))
                    .hasMessageContaining("signature");
        }
    }

    @Test
    void sign_tagValues_areAsConfigured() {
        FakeTimeSource time = new FakeTimeSource();
        MessageSigner expiring = DkimSigners.open(TestKeys.config(DkimConfig.Engine.STREAMING,
                Duration.ofDays(7), TestKeys.RSA), time);

        Map<String, String> tags = tags(expiring.sign(BytesContent.of(Messages.PLAIN),
                BytesContent.facts(DOMAIN)));

        long now = time.epochMillis() / 1000;
        assertThat(tags).containsEntry("a", "rsa-sha256").containsEntry("d", DOMAIN)
                .containsEntry("s", "s1").containsEntry("t", Long.toString(now))
                .containsEntry("x", Long.toString(now + 7 * 86_400)).doesNotContainKey("l");
        assertThat(tags.get("h"))
                .isEqualTo("From:From:To:To:Subject:Subject:Date:Date:Message-ID");
    }

    @Test
    void sign_withoutLifetime_hasNoExpiry() {
        assertThat(tags(signer.sign(BytesContent.of(Messages.PLAIN), BytesContent.facts(DOMAIN))))
                .doesNotContainKey("x");
    }

    @Test
    void sign_longNames_foldsAtSeventyEight() {
        DkimKey key = new DkimKey.Rsa("a-rather-long-label.of-a-long-domain." + DOMAIN,
                "selector-of-some-length-2026", TestKeys.RSA_2048.key());
        List<String> names = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            names.add("X-" + "n".repeat(i));
        }
        names.add("From");
        MessageSigner many = DkimSigners.open(new DkimConfig(DkimConfig.Engine.STREAMING,
                DkimConfig.RsaProvider.JDK, DkimConfig.Wide.AUTO, Duration.ZERO, List.of("From"),
                names, Map.of(key.domain(), List.of(key)), List.of()), new FakeTimeSource());
        BytesContent content = BytesContent.of(Messages.PLAIN);

        Signature signature = many.sign(content, BytesContent.facts(key.domain()));

        assertLinesFit(signature);
        assertThat(PlainVerifier.verify(message(signature, content), TestKeys.dns(key)))
                .hasSize(1);
    }

    /** More than fit together, one of them unreadable, one without a key, one that is no mail. */
    @Test
    void signAll_eachJob_isToldWhatSignWouldSay() {
        DkimKey[] keys = {TestKeys.RSA_2048, TestKeys.ED};
        MessageSigner several = TestKeys.streaming(keys);
        List<Told> jobs = new ArrayList<>();
        for (int i = 0; i < 21; i++) {
            String domain = i == 3 ? "other.example" : DOMAIN;
            Content content = i == 5
                    ? new Unreadable()
                    : BytesContent.of(i == 7 ? "no header" : Messages.PLAIN + i).cutInto(1 + i);
            jobs.add(new Told(content, BytesContent.facts(domain)));
        }
        several.signAll(jobs);
        for (int i = 0; i < jobs.size(); i++) {
            Told job = jobs.get(i);
            assertThat(job.times).as("job %d", i).isEqualTo(1);
            if (i == 5) {
                assertThat(job.why).hasMessage("unreadable");
            } else {
                Signature expected = several.sign(job.content(), job.facts());
                assertThat(job.signature.header()).as("job %d", i).isEqualTo(expected.header());
                assertThat(job.signature.signedBy()).isEqualTo(expected.signedBy());
                assertThat(expected.header().length > 0).isEqualTo(i != 3 && i != 7);
            }
        }
    }

    /** A key that cannot sign, which only shows when it does: the JDK's RSA says so. */
    @Test
    void signAll_keyOfOneFails_theOthersAreSigned() throws Exception {
        var k = TestKeys.RSA_2048.key();
        var broken = new DkimKey.Rsa("broken.example", "b", (RSAPrivateCrtKey) KeyFactory
                .getInstance("RSA").generatePrivate(new RSAPrivateCrtKeySpec(k.getModulus(),
                        k.getPublicExponent(), k.getPrivateExponent(), k.getPrimeP(),
                        k.getPrimeQ(), k.getPrimeExponentP(), k.getPrimeExponentQ(),
                        k.getCrtCoefficient().subtract(BigInteger.ONE))));
        MessageSigner several = DkimSigners.open(new DkimConfig(DkimConfig.Engine.STREAMING,
                DkimConfig.RsaProvider.JDK, DkimConfig.Wide.AUTO, Duration.ZERO, TestKeys.SIGN,
                TestKeys.OVERSIGN, Map.of(DOMAIN, List.of(TestKeys.RSA_2048, TestKeys.ED),
                        broken.domain(), List.of(broken)),
                List.of()), new FakeTimeSource());
        List<Told> jobs = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            jobs.add(new Told(BytesContent.of(Messages.PLAIN + i),
                    BytesContent.facts(i == 4 ? "broken.example" : DOMAIN)));
        }
        several.signAll(jobs);
        for (int i = 0; i < jobs.size(); i++) {
            assertThat(jobs.get(i).times).isEqualTo(1);
            assertThat(jobs.get(i).signature.header().length > 0).as("job %d", i)
                    .isEqualTo(i != 4);
        }
        assertThat(jobs.get(4).why).hasMessageContaining("b@broken.example");
    }

    /** What is small and comes first waits for no large content to be read. */
    @Test
    void signAll_smallBeforeLarge_isToldBeforeTheLargeIsRead() {
        List<Told> jobs = new ArrayList<>();
        Told small = new Told(BytesContent.of(Messages.PLAIN), BytesContent.facts(DOMAIN));
        jobs.add(small);
        byte[] large = (Messages.PLAIN + "x\r\n".repeat(700_000))
                .getBytes(StandardCharsets.US_ASCII);
        List<Integer> seen = new ArrayList<>();
        jobs.add(new Told(BytesContent.of(large), new ContentFacts(large.length, false, false,
                false, false, DOMAIN, "")) {
            @Override
            public Content content() {
                seen.add(small.times);
                return super.content();
            }
        });
        TestKeys.streaming(TestKeys.RSA_2048).signAll(jobs);
        assertThat(seen).containsExactly(1);
        assertThat(jobs).allMatch(job -> job.times == 1 && job.signature.header().length > 0);
    }

    private static class Told implements MessageSigner.Job {
        private final Content content;
        private final ContentFacts facts;
        private Signature signature = Signature.NONE;
        private RuntimeException why = new IllegalStateException("not told");
        private int times;

        Told(Content content, ContentFacts facts) {
            this.content = content;
            this.facts = facts;
        }

        @Override
        public Content content() {
            return content;
        }

        @Override
        public ContentFacts facts() {
            return facts;
        }

        @Override
        public void signed(Signature how) {
            signature = how;
            times++;
        }

        @Override
        public void failed(RuntimeException reason) {
            why = reason;
            times++;
        }
    }

    private static final class Unreadable implements Content {
        @Override
        public long sizeBytes() {
            return 100;
        }

        @Override
        public int chunkCount() {
            return 1;
        }

        @Override
        public byte[] chunk(int index) {
            throw new IllegalStateException("unreadable");
        }

        @Override
        public byte[] chunkIfLoaded(int index) {
            return chunk(index);
        }
    }

    @Test
    void signs_onlyDomainsWithKeys() {
        assertThat(signer.signs(BytesContent.facts(DOMAIN))).isTrue();
        assertThat(signer.signs(BytesContent.facts("news." + DOMAIN))).isTrue();
        assertThat(signer.signs(BytesContent.facts("other.example"))).isFalse();
        assertThat(signer.signs(BytesContent.facts(""))).isFalse();
    }

    @Test
    void sign_whatCannotBeSigned_givesNone() {
        for (String text : List.of("", "\r\nbody\r\n", "To: a@b.c\r\n\r\nno From\r\n",
                " folded start\r\nFrom: a@b.c\r\n\r\n", "From a@b.c\r\n\r\n", "From", "\r")) {
            assertThat(signer.sign(BytesContent.of(text), BytesContent.facts(DOMAIN)))
                    .as(text).isEqualTo(Signature.NONE);
        }
        assertThat(signer.sign(BytesContent.of(Messages.PLAIN), BytesContent.facts("b.test")))
                .isEqualTo(Signature.NONE);
    }

    @Test
    void sign_headerBeyondBound_givesNone() {
        String huge = Messages.HEAD + "X: y\r\n".repeat(HeaderBlock.MAX_BYTES / 5) + "\r\nx\r\n";
        assertThat(signer.sign(BytesContent.of(huge), BytesContent.facts(DOMAIN)))
                .isEqualTo(Signature.NONE);
    }

    /** Quadratic work on any of these would take minutes. */
    @Test
    @Timeout(60)
    void sign_hostileShapes_takeLinearTime() {
        for (String body : List.of("\r\n".repeat(2_000_000), "x" + " ".repeat(4_000_000),
                " \r\n".repeat(1_000_000) + "x", "a ".repeat(2_000_000), "\r".repeat(4_000_000))) {
            signer.sign(BytesContent.of(Messages.HEAD + "\r\n" + body),
                    BytesContent.facts(DOMAIN));
        }
        for (String header : List.of("Cc:\r\n".repeat(190_000), "Cc: a" + "\r\n ".repeat(300_000),
                "c".repeat(1_000_000), ":".repeat(1_000_000))) {
            signer.sign(BytesContent.of(Messages.HEAD + header + "\r\n\r\nx\r\n"),
                    BytesContent.facts(DOMAIN));
        }
    }

    /** A message of twice the heap of the tests. */
    @Test
    @Timeout(120)
    void sign_messageLargerThanMemory_isSigned() {
        byte[] chunk = "sixteen letters\r".repeat(Content.CHUNK_BYTES / 16)
                .getBytes(StandardCharsets.ISO_8859_1);
        byte[] first = Arrays.copyOf(chunk, chunk.length);
        byte[] head = (Messages.HEAD + "\r\n").getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(head, 0, first, 0, head.length);
        int chunks = 12_288;
        Content endless = new Content() {
            @Override
            public long sizeBytes() {
                return (long) chunks * CHUNK_BYTES;
            }

            @Override
            public byte[] chunk(int index) {
                return index == 0 ? first : chunk;
            }

            @Override
            public byte[] chunkIfLoaded(int index) {
                return chunk(index);
            }
        };
        assertThat(signer.sign(endless, BytesContent.facts(DOMAIN)).signedBy()).isNotEmpty();
    }

    @Test
    void sign_contentUnreadable_throwsAndGoesOnWithTheNext() {
        BytesContent good = BytesContent.of(Messages.PLAIN);
        Content broken = new Content() {
            @Override
            public long sizeBytes() {
                return 2 * CHUNK_BYTES;
            }

            @Override
            public byte[] chunk(int index) {
                if (index > 0) {
                    throw new IllegalStateException("disk");
                }
                return Arrays.copyOf(good.bytes(), CHUNK_BYTES);
            }

            @Override
            public byte[] chunkIfLoaded(int index) {
                return chunk(index);
            }
        };
        byte[] before = signer.sign(good, BytesContent.facts(DOMAIN)).header();

        assertThatThrownBy(() -> signer.sign(broken, BytesContent.facts(DOMAIN)))
                .hasMessage("disk");

        assertThat(signer.sign(good, BytesContent.facts(DOMAIN)).header()).isEqualTo(before);
    }

    @Test
    void sign_manyThreadsAndDomains_allVerify() throws Exception {
        DkimKey other = TestKeys.rsa("other.example", "o1", 1024);
        MessageSigner shared = TestKeys.streaming(TestKeys.RSA, TestKeys.ED, other);
        Map<String, String> dns = TestKeys.dns(TestKeys.RSA, TestKeys.ED, other);
        List<Callable<Boolean>> jobs = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            String domain = i % 3 == 0 ? "other.example" : DOMAIN;
            BytesContent content = BytesContent.of(Messages.HEAD + "\r\nnumber " + i + "\r\n");
            jobs.add(() -> !PlainVerifier.verify(
                    message(shared.sign(content, BytesContent.facts(domain)), content), dns)
                    .isEmpty());
        }
        try (var threads = Executors.newFixedThreadPool(8)) {
            for (var done : threads.invokeAll(jobs)) {
                assertThat(done.get()).isTrue();
            }
        }
    }

    static byte[] message(Signature signature, BytesContent content) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(signature.header());
        out.writeBytes(content.bytes());
        return out.toByteArray();
    }

    static Map<String, String> tags(Signature signature) {
        String text = new String(signature.header(), StandardCharsets.ISO_8859_1);
        return PlainVerifier.tags(text.substring(text.indexOf(':') + 1));
    }

    static void assertLinesFit(Signature signature) {
        String text = new String(signature.header(), StandardCharsets.ISO_8859_1);
        assertThat(text).endsWith("\r\n");
        assertThat(text.split("\r\n")).allMatch(line -> line.length() <= 78);
    }
}
