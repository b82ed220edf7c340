// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.TimeSource;
import io.mailrace.core.testing.FakeTimeSource;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.interfaces.RSAPrivateCrtKey;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;

/** Keys made once for all tests, and configurations around them. */
final class TestKeys {
    static final String DOMAIN = "example.com";
    static final DkimKey.Rsa RSA = rsa(DOMAIN, "s1", 1024);
    static final DkimKey.Rsa RSA_2048 = rsa(DOMAIN, "big", 2048);
    static final DkimKey.Ed25519 ED = new DkimKey.Ed25519(DOMAIN, "e1",
            new Ed25519PrivateKeyParameters(new SecureRandom()));

    static final List<String> OVERSIGN = List.of("From", "To", "Subject", "Date");
    static final List<String> SIGN = List.of("From", "To", "Cc", "Subject", "Date", "Message-ID",
            "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "MIME-Version");

    private TestKeys() {}

    static DkimKey.Rsa rsa(String domain, String selector, int bits) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(bits);
            return new DkimKey.Rsa(domain, selector,
                    (RSAPrivateCrtKey) generator.generateKeyPair().getPrivate());
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException(absent);
        }
    }

    /** What the DNS would say. */
    static Map<String, String> dns(DkimKey... keys) {
        Map<String, String> records = new HashMap<>();
        for (DkimKey key : keys) {
            records.put(key.record().name(), key.record().value());
        }
        return records;
    }

    static DkimConfig config(DkimConfig.Engine engine, Duration lifetime, DkimKey... keys) {
        Map<String, List<DkimKey>> byDomain = new HashMap<>();
        for (DkimKey key : keys) {
            byDomain.put(key.domain(), Arrays.stream(keys)
                    .filter(k -> k.domain().equals(key.domain())).toList());
        }
        return new DkimConfig(engine, DkimConfig.RsaProvider.AUTO, DkimConfig.Wide.AUTO,
                lifetime, SIGN, OVERSIGN, byDomain, List.of());
    }

    static MessageSigner streaming(DkimKey... keys) {
        return streaming(new FakeTimeSource(), keys);
    }

    static MessageSigner streaming(TimeSource time, DkimKey... keys) {
        return DkimSigners.open(config(DkimConfig.Engine.STREAMING, Duration.ZERO, keys), time);
    }
}
