// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says whether a user name and password are right. Any thread; never blocks: hashing runs on
 * {@value #THREADS} threads named {@code password} behind a bounded queue, and the answer comes on
 * the executor given. Remembers good logins and braked addresses, at most {@value #MAX_REMEMBERED}
 * of each.
 */
final class LoginCheck implements AutoCloseable {
    /*
     * What guessing can learn and cost. A name that is not there is hashed against a dummy, so it
     * takes as long as a wrong password and is answered in the same words. Each hash takes memory:
     * the number of threads bounds it, the queue bounds the wait. An address with too many
     * failures is turned away before any hashing. Only good logins are remembered, under a keyed
     * digest whose key dies with the process, and each for one reading of the users file.
     */
    static final int THREADS = 2;
    private static final int MAX_REMEMBERED = 50_000;
    private static final Logger LOG = LoggerFactory.getLogger(LoginCheck.class);

    /** What was found. */
    sealed interface Verdict {
        record Right(Identity identity) implements Verdict {}

        record Wrong() implements Verdict {}

        /** Nobody had time to look. */
        record Busy() implements Verdict {}

        /** The address failed too often. */
        record Braked() implements Verdict {}
    }

    /** One reading of the file, numbered. */
    private record Reading(long number, UserTable table) {}

    private record Remembered(long reading, Identity identity) {}

    private final UsersConfig config;
    private final FileWatch watch;
    private final PasswordHash dummy;
    private final SecretKeySpec key;
    private final ThreadPoolExecutor pool;
    private final Cache<String, Remembered> good;
    private final Cache<InetAddress, AtomicInteger> failures;
    private volatile Reading reading;

    private LoginCheck(UsersConfig config, FileWatch watch, UserTable table, TimeSource time) {
        this.config = config;
        this.watch = watch;
        reading = new Reading(0, table);
        SecureRandom random = new SecureRandom();
        byte[] secret = new byte[32];
        random.nextBytes(secret);
        key = new SecretKeySpec(secret, "HmacSHA256");
        dummy = PasswordHash.of(secret, random);
        pool = new ThreadPoolExecutor(THREADS, THREADS, 1, TimeUnit.MINUTES,
                new ArrayBlockingQueue<>(config.hashQueue()),
                Thread.ofPlatform().daemon().name("password-", 0).factory());
        pool.allowCoreThreadTimeOut(true);
        Ticker ticker = time::nanos;
        good = Caffeine.newBuilder().maximumSize(MAX_REMEMBERED).ticker(ticker)
                .expireAfterWrite(config.verdictCache()).executor(Runnable::run).build();
        failures = Caffeine.newBuilder().maximumSize(MAX_REMEMBERED).ticker(ticker)
                .expireAfterWrite(config.failureWindow()).executor(Runnable::run).build();
    }

    /** Reads the users file; one that is not there means that nobody can log in yet. */
    static LoginCheck open(UsersConfig config, TimeSource time) throws IOException {
        FileWatch watch = new FileWatch(List.of(config.file()));
        UserTable table = UserTable.read(config.file());
        if (table.users().isEmpty()) {
            LOG.warn("users=none file={} hint=\"mailrace user add NAME\"", config.file());
        }
        return new LoginCheck(config, watch, table, time);
    }

    /** Answers once, on {@code where}, or at once from memory. */
    void check(SaslDialogue.Credentials login, InetAddress client, Executor where,
            Consumer<Verdict> answer) {
        InetAddress origin = ConnectionLimits.origin(client);
        AtomicInteger failed = failures.getIfPresent(origin);
        if (failed != null && failed.get() >= config.maxFailures()) {
            answer.accept(new Verdict.Braked());
            return;
        }
        Reading now = reading;
        String digest = digest(login);
        Remembered known = good.getIfPresent(digest);
        if (known != null && known.reading() == now.number()) {
            answer.accept(new Verdict.Right(known.identity()));
            return;
        }
        try {
            pool.execute(() -> {
                Verdict verdict = hash(login, now, digest, client, origin);
                where.execute(() -> answer.accept(verdict));
            });
        } catch (RejectedExecutionException full) {
            answer.accept(new Verdict.Busy());
        }
    }

    /** Who has that name; nothing is proven by it. */
    Optional<Identity> find(String name) {
        return Optional.ofNullable(reading.table().users().get(name))
                .map(entry -> new Identity(name, entry.rights()));
    }

    private Verdict hash(SaslDialogue.Credentials login, Reading now, String digest,
            InetAddress client, InetAddress origin) {
        try {
            UserTable.Entry entry = now.table().users().get(login.name());
            boolean right = (entry == null ? dummy : entry.hash()).matches(login.password());
            if (entry != null && right) {
                Identity identity = new Identity(login.name(), entry.rights());
                good.put(digest, new Remembered(now.number(), identity));
                return new Verdict.Right(identity);
            }
        } catch (RuntimeException | OutOfMemoryError trouble) {
            LOG.error("auth=error", trouble);
            return new Verdict.Busy();
        }
        failures.get(origin, a -> new AtomicInteger()).incrementAndGet();
        LOG.warn("auth=failed client={} user=\"{}\"", client.getHostAddress(),
                Ascii.clean(login.name(), 100).replace('"', '?'));
        return new Verdict.Wrong();
    }

    private String digest(SaslDialogue.Credentials login) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            mac.update(login.name().getBytes(StandardCharsets.UTF_8));
            mac.update((byte) 0);
            return Base64.getEncoder().encodeToString(mac.doFinal(login.password()));
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every Java has HmacSHA256", absent);
        }
    }

    /** Reads the file again if it changed; a bad one leaves the users as they were. Blocks. */
    void reloadIfChanged() {
        if (!watch.changed()) {
            return;
        }
        if (Files.notExists(config.file())) {
            LOG.error("users=kept file={} why=\"it is gone\"", config.file());
            return;
        }
        try {
            UserTable fresh = UserTable.read(config.file());
            reading = new Reading(reading.number() + 1, fresh);
            good.invalidateAll();
            LOG.info("users=reloaded file={} count={}", config.file(), fresh.users().size());
        } catch (UserTable.BadFile bad) {
            LOG.error("users=kept file={} why=\"{}\"", config.file(), bad.getMessage());
        } catch (IOException unreadable) {
            LOG.error("users=kept file={} why=\"{}\"", config.file(), unreadable.toString());
        }
    }

    @Override
    public void close() {
        pool.shutdownNow();
    }
}
