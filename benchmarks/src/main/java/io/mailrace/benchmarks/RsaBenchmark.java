// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import com.amazon.corretto.crypto.provider.AmazonCorrettoCryptoProvider;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;
import java.security.spec.KeySpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.concurrent.TimeUnit;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Bare signatures of a hash's size by provider and kind of key: the floor under DKIM. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class RsaBenchmark {
    @Param({"corretto", "jdk", "bouncy-castle"})
    private String provider = "jdk";

    @Param({"RSA-2048", "RSA-1024", "Ed25519"})
    private String key = "RSA-2048";

    private final byte[] text = new byte[64];
    private @Nullable Signature signature;

    @Setup
    public void setUp() throws GeneralSecurityException {
        boolean rsa = key.startsWith("RSA");
        var generator = KeyPairGenerator.getInstance(rsa ? "RSA" : "Ed25519");
        if (rsa) {
            generator.initialize(Integer.parseInt(key.substring(4)));
        }
        Provider by = switch (provider) {
            case "corretto" -> AmazonCorrettoCryptoProvider.INSTANCE;
            case "bouncy-castle" -> new BouncyCastleProvider();
            default -> Security.getProvider(rsa ? "SunRsaSign" : "SunEC");
        };
        KeySpec spec = new PKCS8EncodedKeySpec(generator.generateKeyPair().getPrivate()
                .getEncoded());
        var made = Signature.getInstance(rsa ? "SHA256withRSA" : "Ed25519", by);
        made.initSign(KeyFactory.getInstance(rsa ? "RSA" : "Ed25519", by).generatePrivate(spec));
        signature = made;
    }

    @Benchmark
    public byte[] sign() throws GeneralSecurityException {
        Signature signing = signature;
        if (signing == null) {
            throw new IllegalStateException("not set up");
        }
        signing.update(text);
        return signing.sign();
    }
}
