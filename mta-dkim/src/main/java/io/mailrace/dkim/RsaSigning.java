// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.TimeSource;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SignatureException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The RSA side of signing: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 8.2.1). One text is signed by
 * the provider of {@link RsaEngine}; several at once by {@link WideRsa} where the processor can
 * and that is faster. Both give the same octets. Thread-safe; each thread has a {@link Desk}.
 */
final class RsaSigning {
    private static final Logger LOG = LoggerFactory.getLogger(RsaSigning.class);
    /** Together they must be clearly faster: few texts wait at once on a quiet server. */
    private static final int MOST_NEEDED = 6;
    private static final int TRIALS = 24;
    private static final byte[] TRIAL = "trial".getBytes(StandardCharsets.US_ASCII);
    /** DigestInfo of SHA-256 (RFC 8017 9.2 note 1). */
    private static final byte[] SHA_256_INFO = HexFormat.of()
            .parseHex("3031300d060960864801650304020105000420");

    /** A text to be signed with a key. */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    record Task(DkimKey.Rsa key, byte[] text) {}

    /** As {@link WideRsa#sign}. */
    interface Wide {
        byte[][] sign(WideKey[] keys, byte[][] encoded);
    }

    private record Prepared(PrivateKey ofProvider, @Nullable WideKey wide) {}

    private final RsaEngine engine;
    private final Supplier<Wide> wides;
    /** By identity: keys compare by their encoded form, which costs more than the rest. */
    private final IdentityHashMap<DkimKey.Rsa, Prepared> keys = new IdentityHashMap<>();
    private final String why;
    /** So many texts are signed faster together than one by one; 0: never. */
    private volatile int fewest;

    /**
     * Prepares the keys; with {@code rsa-wide = auto} this measures for a tenth of a second, and
     * tries each key, which takes a fraction of a millisecond.
     */
    RsaSigning(RsaEngine engine, DkimConfig.Wide wide, Collection<DkimKey.Rsa> rsaKeys,
            TimeSource time) {
        this(engine, wide, rsaKeys, time, () -> new WideRsa()::sign);
    }

    /** @param wides gives each desk its own */
    RsaSigning(RsaEngine engine, DkimConfig.Wide wide, Collection<DkimKey.Rsa> rsaKeys,
            TimeSource time, Supplier<Wide> wides) {
        this.engine = engine;
        this.wides = wides;
        for (DkimKey.Rsa key : rsaKeys) {
            keys.put(key, new Prepared(engine.prepare(key), wide == DkimConfig.Wide.OFF
                    ? null
                    : WideKey.of(key.key()).orElse(null)));
        }
        List<DkimKey.Rsa> fit = rsaKeys.stream().filter(key -> prepared(key).wide() != null)
                .toList();
        String obstacle = wide == DkimConfig.Wide.OFF ? "configured"
                : fit.isEmpty() ? "no key of 2048 bits of the usual form" : WideCalls.obstacle();
        why = obstacle == null ? tried(fit, time) : obstacle;
    }

    /** How many texts are best signed together: {@link WideRsa#WIDTH}, or 1. */
    int together() {
        return fewest > 0 ? WideRsa.WIDTH : 1;
    }

    /** One sentence for the log. */
    String why() {
        return why;
    }

    Desk desk() {
        return new Desk();
    }

    private Prepared prepared(DkimKey.Rsa key) {
        Prepared prepared = keys.get(key);
        if (prepared == null) {
            throw new IllegalStateException("not a key of this signer: " + key);
        }
        return prepared;
    }

    private String tried(List<DkimKey.Rsa> fit, TimeSource time) {
        try {
            Desk desk = desk();
            for (int from = 0; from < fit.size(); from += WideRsa.WIDTH) {
                desk.leaveOutWrong(fit.subList(from, Math.min(fit.size(), from + WideRsa.WIDTH)));
            }
            return fit.stream().filter(key -> prepared(key).wide() != null).findFirst()
                    .map(key -> measured(desk, key, time)).orElse("no key passed its trial");
        } catch (RuntimeException | Error failed) {
            fewest = 0;
            return "failed at its trial: " + failed;
        }
    }

    private String measured(Desk desk, DkimKey.Rsa key, TimeSource time) {
        List<Task> eight = Collections.nCopies(WideRsa.WIDTH, new Task(key, TRIAL));
        byte[] expected = desk.sign(key, TRIAL);
        long one = Long.MAX_VALUE;
        long together = Long.MAX_VALUE;
        for (int i = 0; i < TRIALS; i++) {
            long start = time.nanos();
            desk.sign(key, TRIAL);
            long between = time.nanos();
            List<byte[]> signatures = desk.signTogether(eight);
            long end = time.nanos();
            if (!signatures.stream().allMatch(found -> Arrays.equals(found, expected))) {
                return "wrong at its trial";
            }
            one = Math.min(one, between - start);
            together = Math.min(together, end - between);
        }
        // Rounded down by half, for the code of both is still warming up.
        long needed = Math.max(2, Math.round((double) together / Math.max(1, one)));
        String figures = "one takes " + one / 1000 + " us, eight " + together / 1000 + " us with "
                + WideCalls.best().code().name();
        if (needed > MOST_NEEDED) {
            return figures;
        }
        fewest = (int) needed;
        return figures + ": from " + needed + " on";
    }

    /** What one thread needs. */
    final class Desk {
        private final java.security.Signature signature = engine.newSignature();
        private final MessageDigest digest = sha256();
        private DkimKey.@Nullable Rsa readyFor;
        private @Nullable Wide wide;

        @SuppressWarnings("ReferenceEquality") // see keys
        byte[] sign(DkimKey.Rsa key, byte[] text) {
            try {
                if (readyFor != key) {
                    readyFor = null;
                    signature.initSign(prepared(key).ofProvider());
                    readyFor = key;
                }
                signature.update(text);
                return signature.sign();
            } catch (InvalidKeyException | SignatureException broken) {
                throw new IllegalStateException("RSA signing failed with " + key, broken);
            }
        }

        /** The signatures in the order of the texts. */
        List<byte[]> sign(List<Task> tasks) {
            byte[][] signatures = new byte[tasks.size()][];
            List<Integer> fit = new ArrayList<>();
            for (int i = 0; i < tasks.size(); i++) {
                if (prepared(tasks.get(i).key()).wide() != null) {
                    fit.add(i);
                }
            }
            for (int least = fewest; least > 0 && fit.size() >= least; least = fewest) {
                List<Integer> now = fit.subList(0, Math.min(fit.size(), WideRsa.WIDTH));
                List<byte[]> found = signSoundly(now.stream().map(tasks::get).toList());
                for (int i = 0; i < found.size(); i++) {
                    signatures[now.get(i)] = found.get(i);
                }
                now.clear();
            }
            for (int i = 0; i < signatures.length; i++) {
                if (signatures[i] == null || signatures[i].length == 0) {
                    Task task = tasks.get(i);
                    signatures[i] = sign(task.key(), task.text());
                }
            }
            return Arrays.asList(signatures);
        }

        /** Up to eight; empty where it went wrong, and then it was the last time. */
        private List<byte[]> signSoundly(List<Task> tasks) {
            try {
                List<byte[]> signatures = signTogether(tasks);
                for (int i = 0; i < signatures.size(); i++) {
                    if (signatures.get(i).length == 0) {
                        fewest = 0;
                        LOG.error("rsa wide=off until the next start or reload, key={} why=\"a"
                                + " signature was wrong: the processor or the memory of this"
                                + " machine is not to be trusted\"", tasks.get(i).key());
                    }
                }
                return signatures;
            } catch (RuntimeException | Error failed) {
                fewest = 0;
                LOG.error("rsa wide=off until the next start or reload", failed);
                return Collections.nCopies(tasks.size(), new byte[0]);
            }
        }

        /** A key that is not what it says is signed with by the provider, if at all. */
        private void leaveOutWrong(List<DkimKey.Rsa> some) {
            List<byte[]> signatures = signTogether(
                    some.stream().map(key -> new Task(key, TRIAL)).toList());
            for (int i = 0; i < some.size(); i++) {
                if (signatures.get(i).length == 0) {
                    LOG.warn("dkim key={} wide=false why=\"its numbers do not fit together\"",
                            some.get(i));
                    keys.put(some.get(i), new Prepared(prepared(some.get(i)).ofProvider(), null));
                }
            }
        }

        /** Up to eight; one is empty when its result was wrong. */
        private List<byte[]> signTogether(List<Task> tasks) {
            if (wide == null) {
                wide = wides.get();
            }
            WideKey[] wideKeys = new WideKey[tasks.size()];
            byte[][] encoded = new byte[tasks.size()][];
            for (int i = 0; i < wideKeys.length; i++) {
                WideKey key = prepared(tasks.get(i).key()).wide();
                if (key == null) {
                    throw new IllegalStateException("not for this key: " + tasks.get(i).key());
                }
                wideKeys[i] = key;
                encoded[i] = encoded(digest.digest(tasks.get(i).text()));
            }
            return Arrays.asList(wide.sign(wideKeys, encoded));
        }
    }

    /** EMSA-PKCS1-v1_5 (RFC 8017 9.2) of a SHA-256 hash, for a key of 2048 bits. */
    private static byte[] encoded(byte[] hash) {
        byte[] encoded = new byte[WideRsa.OCTETS];
        int hashAt = encoded.length - hash.length;
        int infoAt = hashAt - SHA_256_INFO.length;
        Arrays.fill(encoded, 2, infoAt - 1, (byte) 0xFF);
        encoded[1] = 1;
        System.arraycopy(SHA_256_INFO, 0, encoded, infoAt, SHA_256_INFO.length);
        System.arraycopy(hash, 0, encoded, hashAt, hash.length);
        return encoded;
    }

    /** The JDK's by name: it uses the CPU's instructions for it, which not every provider does. */
    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256", "SUN");
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every JDK has SHA-256", absent);
        }
    }
}
