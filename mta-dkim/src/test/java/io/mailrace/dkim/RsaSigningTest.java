// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.core.testing.FakeTimeSource;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.interfaces.RSAPrivateCrtKey;
import java.util.ArrayList;
import java.util.List;
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
    void together_keyNotWhatItSays_isLeftToTheProviderAndTheOthersAreNot() {
        able();
        RsaSigning alone = signing(DkimConfig.Wide.AUTO, List.of(changing(OTHER, "bad")));
        assertThat(alone.together()).isEqualTo(1);
        assertThat(alone.why()).isEqualTo("no key passed its trial");

        DkimKey.Rsa bad = changing(OTHER, "bad");
        RsaSigning signing = signing(DkimConfig.Wide.AUTO, List.of(bad, TestKeys.RSA_2048));
        assertThat(signing.together()).isEqualTo(WideRsa.WIDTH);
        assertSigned(signing.desk(), tasks(List.of(TestKeys.RSA_2048), WideRsa.WIDTH));
        assertThat(signing.together()).isEqualTo(WideRsa.WIDTH);
    }

    @Test
    void together_trialThatThrows_isOff() {
        able();
        RsaSigning signing = signing(DkimConfig.Wide.AUTO, List.of(changing(OTHER, "throws")));
        assertThat(signing.together()).isEqualTo(1);
        assertThat(signing.why()).startsWith("failed at its trial");
    }

    /** As a fault of the processor would show: the signature comes the other way, from then on. */
    @Test
    void sign_wrongOrThrowingLater_isSignedByTheProviderAndWideIsOff() {
        able();
        for (String how : List.of("bad", "throws")) {
            DkimKey.Rsa later = changing(OTHER, "good");
            RsaSigning signing = signing(DkimConfig.Wide.AUTO, List.of(TestKeys.RSA_2048, later));
            assertThat(signing.together()).isEqualTo(WideRsa.WIDTH);
            ((Changing) later.key()).how = how;
            List<byte[]> signatures = signing.desk()
                    .sign(tasks(List.of(TestKeys.RSA_2048, later), WideRsa.WIDTH));
            RsaSigning.Desk healthy = signing(DkimConfig.Wide.OFF, KEYS).desk();
            List<RsaSigning.Task> same = tasks(List.of(TestKeys.RSA_2048, OTHER), WideRsa.WIDTH);
            for (int i = 0; i < same.size(); i++) {
                assertThat(signatures.get(i)).isEqualTo(healthy.sign(same.get(i).key(),
                        same.get(i).text()));
            }
            assertThat(signing.together()).isEqualTo(1);
        }
    }

    private static DkimKey.Rsa changing(DkimKey.Rsa key, String how) {
        return new DkimKey.Rsa(key.domain(), key.selector(), new Changing(key.key(), how));
    }

    /** Right for the provider, which reads it first; how it is for who reads it again is told. */
    private static final class Changing implements RSAPrivateCrtKey {
        private static final long serialVersionUID = 1;
        private final RSAPrivateCrtKey key;
        private String how;
        private boolean read;

        Changing(RSAPrivateCrtKey key, String how) {
            this.key = key;
            this.how = how;
        }

        @Override
        public BigInteger getCrtCoefficient() {
            if (read && how.equals("throws")) {
                throw new IllegalStateException("broken");
            }
            boolean bad = read && how.equals("bad");
            read = true;
            return bad
                    ? key.getCrtCoefficient().subtract(BigInteger.ONE)
                    : key.getCrtCoefficient();
        }

        @Override
        public BigInteger getPrimeExponentP() {
            return key.getPrimeExponentP();
        }

        @Override
        public BigInteger getPublicExponent() {
            return key.getPublicExponent();
        }

        @Override
        public BigInteger getPrimeP() {
            return key.getPrimeP();
        }

        @Override
        public BigInteger getPrimeQ() {
            return key.getPrimeQ();
        }

        @Override
        public BigInteger getPrimeExponentQ() {
            return key.getPrimeExponentQ();
        }

        @Override
        public BigInteger getPrivateExponent() {
            return key.getPrivateExponent();
        }

        @Override
        public BigInteger getModulus() {
            return key.getModulus();
        }

        @Override
        public String getAlgorithm() {
            return key.getAlgorithm();
        }

        @Override
        public String getFormat() {
            return key.getFormat();
        }

        @Override
        public byte[] getEncoded() {
            return key.getEncoded();
        }
    }
}
