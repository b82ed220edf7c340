// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.dkim.DkimKeyGenerator;
import io.mailrace.dkim.DkimSigners;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A DKIM signature over a whole message, as delivery asks for it: RSA-2048, relaxed. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class DkimSignBenchmark {
    private static final int TOGETHER = 8;

    /** Octets of the body. */
    @Param({"2048", "10240", "102400"})
    private int bodyBytes;

    @Param({"streaming", "simple-java-mail"})
    private String engine = "streaming";

    /** Who computes RSA; the library takes what it finds first. */
    @Param({"corretto", "jdk"})
    private String provider = "corretto";

    private @Nullable TemporaryFolder folder;
    private @Nullable MessageSigner signer;
    private Content content = new BytesContent(new byte[0]);
    private ContentFacts facts = new ContentFacts(0, false, false, false, false, "", "");

    @Setup(Level.Trial)
    public void setUp() throws IOException {
        var made = TemporaryFolder.make(false);
        folder = made;
        var file = made.path().resolve("key.pem");
        DkimKeyGenerator.generate(DkimKeyGenerator.Kind.RSA_2048, "load.test", "s1", file);
        var source = ConfigSource.ofText("dkim { engine = " + engine
                + ", rsa-provider = " + provider + ", \"load.test\" = [ { selector = s1, key = \""
                + file + "\" } ] }");
        signer = DkimSigners.open(DkimConfig.from(source.root()), TimeSource.system());
        var out = new ByteArrayOutputStream();
        new LoadMessage(1, "a@load.test", "b@d1.test", bodyBytes).writeTo(out);
        content = new BytesContent(out.toByteArray());
        facts = new ContentFacts(out.size(), false, false, true, false, "load.test",
                "<load.1@load.test>");
    }

    @TearDown(Level.Trial)
    public void tearDown() throws IOException {
        if (signer != null) {
            signer.close();
        }
        if (folder != null) {
            folder.close();
        }
    }

    @Benchmark
    public Signature sign() {
        MessageSigner opened = signer;
        if (opened == null) {
            throw new IllegalStateException("not set up");
        }
        return opened.sign(content, facts);
    }

    /** As a server under load does: eight wait; one by one where the processor can do no better. */
    @Benchmark
    @OperationsPerInvocation(TOGETHER)
    public List<Signature> signEight() {
        MessageSigner opened = signer;
        if (opened == null) {
            throw new IllegalStateException("not set up");
        }
        List<Signature> signatures = new ArrayList<>(TOGETHER);
        opened.signAll(Collections.nCopies(TOGETHER, new Job(content, facts, signatures)));
        return signatures;
    }

    private record Job(Content content, ContentFacts facts, List<Signature> signatures)
            implements
                MessageSigner.Job {
        @Override
        public void signed(Signature signature) {
            signatures.add(signature);
        }

        @Override
        public void failed(RuntimeException why) {
            throw why;
        }
    }
}
