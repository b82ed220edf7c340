// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.core.testing.FakeTimeSource;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAPrivateCrtKeySpec;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class RsaSigningTest {
    private static final DkimKey.Rsa OTHER = TestKeys.rsa("example.net", "o", 2048);
    private static final List<DkimKey.Rsa> KEYS = List.of(TestKeys.RSA, TestKeys.RSA_2048, OTHER);

    private static RsaSigning signing(DkimConfig.Wide wide, List<DkimKey.Rsa> keys) {
        return new RsaSigning(RsaEngine.jdk(""), wide, keys, new FakeTimeSource());
    }

    private static void able() {
        String obstacle = WideCalls.obstacle();
        assumeTrue(obstacle == null, "skipped: " + obstacle);
    }

    private static List<RsaSigning.Task> tasks(List<DkimKey.Rsa> keys, int count) {
        List<RsaSigning.Task> tasks = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            tasks.add(new RsaSigning.Task(keys.get(i % keys.size()),
                    ("text " + i).getBytes(StandardCharsets.US_ASCII)));
        }
        return tasks;
    }

    private static void assertSigned(RsaSigning.Desk desk, List<RsaSigning.Task> tasks) {
        RsaSigning.Desk oneByOne = signing(DkimConfig.Wide.OFF, KEYS).desk();
        List<byte[]> signatures = desk.sign(tasks);
        assertThat(signatures).hasSameSizeAs(tasks);
        for (int i = 0; i < tasks.size(); i++) {
            RsaSigning.Task task = tasks.get(i);
            assertThat(signatures.get(i)).as("%d of %d", i, tasks.size()).isEqualTo(
                    oneByOne.sign(task.key(), task.text()));
        }
    }

    /** Whichever way this machine goes, and with keys that fit and one that does not. */
    @Test
    void sign_anyNumber_givesTheSameAsOneByOne() {
        RsaSigning signing = signing(DkimConfig.Wide.AUTO, KEYS);
        int together = signing.together();
        RsaSigning.Desk desk = signing.desk();
        for (int count : new int[]{0, 1, 2, 3, 8, 9, 20, 30}) {
            assertSigned(desk, tasks(KEYS, count));
        }
        assertThat(signing.together()).as("nothing was wrong").isEqualTo(together);
    }

    @Test
    void together_isWhatTheConfigurationAndTheKeysAllow() {
        RsaSigning off = signing(DkimConfig.Wide.OFF, KEYS);
        assertThat(off.together()).isEqualTo(1);
        assertThat(off.why()).isEqualTo("configured");
        assertThat(signing(DkimConfig.Wide.AUTO, List.of(TestKeys.RSA)).together()).isEqualTo(1);
        assertThat(signing(DkimConfig.Wide.AUTO, List.of()).together()).isEqualTo(1);
        able();
        assertThat(signing(DkimConfig.Wide.AUTO, List.of(TestKeys.RSA)).why())
                .contains("no key of 2048 bits");
        RsaSigning on = signing(DkimConfig.Wide.AUTO, KEYS);
        assertThat(on.together()).isEqualTo(WideRsa.WIDTH);
        assertThat(on.why()).contains("eight");
    }

    @Test
    void together_keyNotWhatItSays_isLeftToTheProviderAndTheOthersAreNot() throws Exception {
        able();
        RsaSigning alone = signing(DkimConfig.Wide.AUTO, List.of(wrong(OTHER)));
        assertThat(alone.together()).isEqualTo(1);
        assertThat(alone.why()).isEqualTo("no key passed its trial");

        DkimKey.Rsa bad = wrong(OTHER);
        RsaSigning signing = signing(DkimConfig.Wide.AUTO, List.of(bad, TestKeys.RSA_2048));
        assertThat(signing.together()).isEqualTo(WideRsa.WIDTH);
        assertSigned(signing.desk(), tasks(List.of(TestKeys.RSA_2048), WideRsa.WIDTH));
        assertThat(signing.together()).isEqualTo(WideRsa.WIDTH);
    }

    @Test
    void together_trialThatThrows_isOff() {
        able();
        RsaSigning signing = signing(() -> {
            throw new IllegalStateException("broken");
        });
        assertThat(signing.together()).isEqualTo(1);
        assertThat(signing.why()).startsWith("failed at its trial");
    }

    /** As a fault of the memory would show: the signature comes the other way, from then on. */
    @Test
    void sign_keyInMemoryBroken_isSignedByTheProviderAndWideIsOff() {
        able();
        assertFallsBack(keys -> {
            keys[1].coefficient()[3] ^= 4;
        });
    }

    @Test
    void sign_throwsLater_isSignedByTheProviderAndWideIsOff() {
        able();
        assertFallsBack(keys -> {
            throw new IllegalStateException("broken");
        });
    }

    private static void assertFallsBack(Consumer<WideKey[]> fault) {
        AtomicBoolean healthy = new AtomicBoolean(true);
        RsaSigning signing = signing(() -> (keys, encoded) -> {
            if (!healthy.get()) {
                fault.accept(keys);
            }
            return new WideRsa().sign(keys, encoded);
        });
        assertThat(signing.together()).isEqualTo(WideRsa.WIDTH);
        assertSigned(signing.desk(), tasks(KEYS, WideRsa.WIDTH + 2));
        healthy.set(false);
        assertSigned(signing.desk(), tasks(KEYS, WideRsa.WIDTH + 2));
        assertThat(signing.together()).isEqualTo(1);
        assertSigned(signing.desk(), tasks(KEYS, WideRsa.WIDTH + 2));
    }

    private static RsaSigning signing(Supplier<RsaSigning.Wide> wides) {
        return new RsaSigning(RsaEngine.jdk(""), DkimConfig.Wide.AUTO, KEYS,
                new FakeTimeSource(), wides);
    }

    /** The numbers of which do not fit together. */
    private static DkimKey.Rsa wrong(DkimKey.Rsa key) throws GeneralSecurityException {
        RSAPrivateCrtKey k = key.key();
        return new DkimKey.Rsa(key.domain(), key.selector(),
                (RSAPrivateCrtKey) KeyFactory.getInstance("RSA").generatePrivate(
                        new RSAPrivateCrtKeySpec(k.getModulus(), k.getPublicExponent(),
                                k.getPrivateExponent(), k.getPrimeP(), k.getPrimeQ(),
                                k.getPrimeExponentP(), k.getPrimeExponentQ(),
                                k.getCrtCoefficient().subtract(BigInteger.ONE))));
    }
}
