// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import com.amazon.corretto.crypto.provider.AmazonCorrettoCryptoProvider;
import io.mailrace.core.TimeSource;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAPrivateCrtKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Who computes RSA signatures: the Corretto provider or the JDK's, asked by object, so that no
 * provider is installed for the whole process. Thread-safe; the {@link java.security.Signature}
 * it makes is not.
 *
 * @param why one sentence for the log
 */
record RsaEngine(String name, Provider provider, String why) {
    private static final String ALGORITHM = "SHA256withRSA";
    private static final int ROUNDS = 3;
    private static final int SIGNATURES_PER_ROUND = 16;
    private static final double CLEAR_LEAD = 3;

    static RsaEngine jdk(String why) {
        return new RsaEngine("jdk", Security.getProvider("SunRsaSign"), why);
    }

    /**
     * Chooses; with {@code AUTO} by letting both sign with one of the configured keys.
     *
     * @throws IllegalStateException when the wanted provider cannot be used on this machine
     */
    static RsaEngine choose(DkimConfig.RsaProvider wanted, DkimKey.Rsa key, TimeSource time) {
        if (wanted == DkimConfig.RsaProvider.JDK) {
            return jdk("configured");
        }
        String obstacle = correttoObstacle();
        if (obstacle != null) {
            if (wanted == DkimConfig.RsaProvider.CORRETTO) {
                throw new IllegalStateException(
                        "dkim.rsa-provider = corretto, but it cannot be used: " + obstacle);
            }
            return jdk("corretto cannot be used: " + obstacle);
        }
        Provider corretto = AmazonCorrettoCryptoProvider.INSTANCE;
        if (wanted == DkimConfig.RsaProvider.CORRETTO) {
            return new RsaEngine("corretto", corretto, "configured");
        }
        return measured(new RsaEngine("corretto", corretto, ""), jdk(""), key, time);
    }

    /** Why the Corretto provider cannot be used here, or null. */
    static @Nullable String correttoObstacle() {
        try {
            Throwable error = AmazonCorrettoCryptoProvider.INSTANCE.getLoadingError();
            return error == null ? null : String.valueOf(error.getMessage());
        } catch (LinkageError absent) {
            return String.valueOf(absent);
        }
    }

    /** In turns, so that a busy machine slows both; the best round counts. */
    private static RsaEngine measured(RsaEngine corretto, RsaEngine jdk, DkimKey.Rsa key,
            TimeSource time) {
        try {
            long correttoNanos = Long.MAX_VALUE;
            long jdkNanos = Long.MAX_VALUE;
            for (int round = 0; round < ROUNDS; round++) {
                correttoNanos = Math.min(correttoNanos, corretto.round(key, time));
                jdkNanos = Math.min(jdkNanos, jdk.round(key, time));
                if (round > 0 && jdkNanos > CLEAR_LEAD * correttoNanos) {
                    break;
                }
            }
            String figures = "signatures/s at start: corretto " + perSecond(correttoNanos)
                    + ", jdk " + perSecond(jdkNanos);
            return correttoNanos <= jdkNanos
                    ? new RsaEngine(corretto.name, corretto.provider, figures)
                    : jdk(figures);
        } catch (GeneralSecurityException | RuntimeException broken) {
            return jdk("corretto failed its trial: " + broken);
        }
    }

    private static long perSecond(long roundNanos) {
        return SIGNATURES_PER_ROUND * 1_000_000_000L / Math.max(1, roundNanos);
    }

    private long round(DkimKey.Rsa key, TimeSource time) throws GeneralSecurityException {
        java.security.Signature signature = newSignature();
        signature.initSign(prepare(key));
        byte[] text = new byte[64];
        long start = time.nanos();
        for (int i = 0; i < SIGNATURES_PER_ROUND; i++) {
            signature.update(text);
            text = signature.sign();
        }
        return time.nanos() - start;
    }

    java.security.Signature newSignature() {
        try {
            return java.security.Signature.getInstance(ALGORITHM, provider);
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException(name + " has no " + ALGORITHM, absent);
        }
    }

    /**
     * The key in the provider's own form, so that it is not converted for each signature. Made
     * anew rather than by {@code translateKey}: a key that Corretto translated is destroyed when
     * the first of the signatures using it turns to another key.
     */
    PrivateKey prepare(DkimKey.Rsa key) {
        RSAPrivateCrtKey k = key.key();
        try {
            return KeyFactory.getInstance("RSA", provider).generatePrivate(
                    new RSAPrivateCrtKeySpec(k.getModulus(), k.getPublicExponent(),
                            k.getPrivateExponent(), k.getPrimeP(), k.getPrimeQ(),
                            k.getPrimeExponentP(), k.getPrimeExponentQ(),
                            k.getCrtCoefficient()));
        } catch (GeneralSecurityException refused) {
            throw new IllegalStateException(name + " refuses the key " + key, refused);
        }
    }
}
