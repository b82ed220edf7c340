// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static io.mailrace.dkim.TestKeys.RSA_2048;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.core.TimeSource;
import io.mailrace.core.testing.FakeTimeSource;
import java.security.Security;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class RsaEngineTest {
    private static byte[] sign(RsaEngine engine) throws Exception {
        var signature = engine.newSignature();
        signature.initSign(engine.prepare(RSA_2048));
        signature.update(new byte[100]);
        return signature.sign();
    }

    private static RsaEngine choose(DkimConfig.RsaProvider wanted, TimeSource time) {
        return RsaEngine.choose(wanted, RSA_2048, time);
    }

    @Test
    void choose_eitherProvider_givesTheSameBytes() throws Exception {
        assumeTrue(RsaEngine.correttoObstacle() == null, "skipped: no Corretto library here");
        RsaEngine corretto = choose(DkimConfig.RsaProvider.CORRETTO, new FakeTimeSource());
        RsaEngine jdk = choose(DkimConfig.RsaProvider.JDK, new FakeTimeSource());
        assertThat(corretto.name()).isEqualTo("corretto");
        assertThat(jdk.name()).isEqualTo("jdk");
        assertThat(sign(corretto)).isEqualTo(sign(jdk));
    }

    @Test
    void choose_auto_measuresAndSaysWhy() throws Exception {
        RsaEngine chosen = choose(DkimConfig.RsaProvider.AUTO, TimeSource.system());
        assertThat(chosen.name()).isIn("corretto", "jdk");
        assertThat(chosen.why()).isNotBlank();
        assertThat(sign(chosen)).hasSize(256);
    }

    @Test
    void choose_any_installsNoProvider() {
        choose(DkimConfig.RsaProvider.AUTO, new FakeTimeSource());
        assertThat(Arrays.stream(Security.getProviders()).map(p -> p.getName()))
                .doesNotContain("AmazonCorrettoCryptoProvider", "BC");
    }
}
