// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says whether a login is right, and who shows a certificate. Any thread; never blocks: hashing
 * runs behind a bounded {@link HashQueue}, and the answer comes on the executor given. Remembers at
 * most {@value #MAX_REMEMBERED} good logins.
 */
final class LoginCheck implements AutoCloseable {
    /*
     * What guessing can learn and cost. A name that is not there is hashed against a dummy, so it
     * takes as long as a wrong password and is answered in the same words; for SCRAM it is asked
     * with a salt made of the name and a secret that outlives the process. Each hash takes memory:
     * the number of threads bounds it, the queue bounds the wait. Who is braked is not hashed for.
     * Only good logins are remembered, under a keyed digest whose key dies with the process, and
     * each for the user's line in the file: a change of one user keeps what is known of the others.
     * The same login from many connections at once, an application that has just started, is hashed
     * once.
     */
    private static final int MAX_REMEMBERED = 50_000;
    private static final int MAX_SHARING = 10_000;
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

    /** What became of a look at the file. */
    enum Reload {
        UNCHANGED, TAKEN, KEPT
    }

    /** How the users file is read. */
    @FunctionalInterface
    interface Reader {
        UserTable read(Path file, Set<String> pools) throws IOException;
    }

    private record Remembered(String line, Identity identity) {}

    /** Somebody who waits for a verdict. */
    private record Waiter(String user, InetAddress client, InetAddress origin, Executor where,
            Consumer<Verdict> answer) {
        void tell(Verdict verdict) {
            where.execute(() -> answer.accept(verdict));
        }
    }

    private final UsersConfig config;
    private final Set<String> pools;
    private final FileWatch watch;
    private final Reader reader;
    private final PasswordHash dummy;
    private final byte[] secret = new byte[32];
    /** What unknown users are made of, the same after a restart. */
    private final byte[] lasting;
    private final HashQueue queue;
    private final LoginBrake brake;
    private final Cache<String, Remembered> good;
    private final Map<String, List<Waiter>> sharing = new ConcurrentHashMap<>();
    private final LongAdder hashings = new LongAdder();
    private volatile UserTable table;

    private LoginCheck(UsersConfig config, Set<String> pools, FileWatch watch, Reader reader,
            UserTable table, byte[] lasting, TimeSource time) {
        this.reader = reader;
        this.lasting = lasting;
        this.config = config;
        this.pools = pools;
        this.watch = watch;
        this.table = table;
        SecureRandom random = new SecureRandom();
        random.nextBytes(secret);
        dummy = PasswordHash.ofNobody(random);
        queue = new HashQueue(config.hashQueue());
        brake = new LoginBrake(config, time);
        good = Caffeine.newBuilder().maximumSize(MAX_REMEMBERED).ticker(time::nanos)
                .expireAfterWrite(config.verdictCache()).executor(Runnable::run).build();
    }

    /**
     * Reads the users file; one that is not there means that nobody can log in yet.
     *
     * @param pools that exist
     * @param lasting secret octets that are the same after a restart
     */
    static LoginCheck open(UsersConfig config, Set<String> pools, byte[] lasting,
            TimeSource time) throws IOException {
        return open(config, pools, UserTable::read, lasting, time);
    }

    static LoginCheck open(UsersConfig config, Set<String> pools, Reader reader, byte[] lasting,
            TimeSource time) throws IOException {
        FileWatch watch = new FileWatch(List.of(config.file()));
        UserTable table = reader.read(config.file(), pools);
        if (table.users().isEmpty()) {
            LOG.warn("users=none file={} hint=\"mailrace user add NAME\"", config.file());
        }
        return new LoginCheck(config, pools, watch, reader, table, lasting.clone(), time);
    }

    /** Answers once: on {@code where}, or at once when nothing is to be hashed. */
    void check(SaslDialogue.Credentials login, InetAddress client, Executor where,
            Consumer<Verdict> answer) {
        Waiter waiter = new Waiter(login.name(), client, ConnectionLimits.origin(client), where,
                answer);
        Optional<Verdict> braked = braked(brake.ruling(waiter.origin(), login.name()), waiter);
        answerOr(braked, waiter, () -> {
            switch (login) {
                case SaslDialogue.Credentials.Password password -> password(password, waiter);
                case SaslDialogue.Credentials.Proof proof -> proof(proof, waiter);
            }
        });
    }

    private static void answerOr(Optional<Verdict> known, Waiter waiter, Runnable otherwise) {
        known.ifPresentOrElse(waiter.answer(), otherwise);
    }

    /** A braked user is told what a wrong password is told: 535. */
    private static Optional<Verdict> braked(LoginBrake.Ruling ruling, Waiter waiter) {
        return switch (ruling) {
            case FREE -> Optional.empty();
            case LATER -> Optional.of(new Verdict.Busy());
            case ADDRESS_BRAKED -> {
                tell("braked by=address", waiter);
                yield Optional.of(new Verdict.Braked());
            }
            case USER_BRAKED -> {
                tell("braked by=user", waiter);
                yield Optional.of(new Verdict.Wrong());
            }
        };
    }

    /** Read by fail2ban: the address comes before anything a client can choose. */
    private static void tell(String what, Waiter waiter) {
        LOG.warn("auth={} client={} user=\"{}\"", what, ClientOrigin.text(waiter.client()),
                Ascii.clean(waiter.user(), 100).replace('"', '?'));
    }

    private void password(SaslDialogue.Credentials.Password login, Waiter waiter) {
        String digest = digest(login);
        Optional<Identity> known = remembered(login.name(), digest);
        if (known.isPresent()) {
            brake.remember(waiter.origin(), login.name());
            waiter.answer().accept(new Verdict.Right(known.get()));
            return;
        }
        switch (join(digest, waiter)) {
            case JOINED -> {
            }
            case FULL -> waiter.answer().accept(new Verdict.Busy());
            case FIRST -> {
                Optional<Verdict> held = braked(brake.begin(waiter.origin(), login.name()),
                        waiter);
                if (held.isEmpty() && !queue.offer(waiter.origin(),
                        () -> hash(login, digest, waiter))) {
                    brake.undecided(waiter.origin(), login.name());
                    held = Optional.of(new Verdict.Busy());
                }
                if (held.isPresent()) {
                    forget(digest).forEach(other -> other.tell(new Verdict.Busy()));
                    waiter.answer().accept(held.get());
                }
            }
        }
    }

    /** Whether somebody waits for the same verdict already. */
    private enum Place {
        FIRST, JOINED, FULL
    }

    private Place join(String digest, Waiter waiter) {
        Place[] place = {Place.FIRST};
        sharing.compute(digest, (d, waiting) -> {
            if (waiting == null) {
                return new ArrayList<>();
            }
            place[0] = waiting.size() < MAX_SHARING ? Place.JOINED : Place.FULL;
            if (place[0] == Place.JOINED) {
                waiting.add(waiter);
            }
            return waiting;
        });
        return place[0];
    }

    private Optional<Identity> remembered(String user, String digest) {
        Remembered known = good.getIfPresent(digest);
        UserTable.Entry entry = table.users().get(user);
        return known != null && entry != null && known.line().equals(entry.line())
                ? Optional.of(known.identity())
                : Optional.empty();
    }

    /** On a thread of the queue. */
    private void hash(SaslDialogue.Credentials.Password login, String digest, Waiter waiter) {
        Verdict verdict = hashed(login, digest);
        switch (verdict) {
            case Verdict.Right right -> brake.right(waiter.origin(), login.name());
            case Verdict.Wrong wrong -> {
                brake.wrong(waiter.origin(), login.name());
                tell("failed", waiter);
            }
            case Verdict.Busy busy -> brake.undecided(waiter.origin(), login.name());
            case Verdict.Braked never -> throw new IllegalStateException("a hash brakes nobody");
        }
        waiter.tell(verdict);
        for (Waiter other : forget(digest)) {
            if (verdict instanceof Verdict.Wrong) {
                brake.sharedWrong(other.origin(), login.name());
                tell("failed", other);
            } else if (verdict instanceof Verdict.Right) {
                brake.remember(other.origin(), login.name());
            }
            other.tell(verdict);
        }
    }

    /** Who has that name; nothing is proven by it. */
    Optional<Identity> find(String name) {
        return Optional.ofNullable(table.users().get(name))
                .map(entry -> new Identity(name, entry.rights()));
    }

    private Verdict hashed(SaslDialogue.Credentials.Password login, String digest) {
        try {
            UserTable.Entry entry = table.users().get(login.name());
            hashings.increment();
            // a name nobody has takes as long as one of the others
            PasswordHash hash = entry != null ? entry.hash()
                    : table.someHash(number(login.name())).orElse(dummy);
            boolean right = hash.matches(login.octets());
            if (entry == null || !right) {
                return new Verdict.Wrong();
            }
            Identity identity = new Identity(login.name(), entry.rights());
            good.put(digest, new Remembered(entry.line(), identity));
            return new Verdict.Right(identity);
        } catch (RuntimeException | OutOfMemoryError trouble) {
            LOG.error("auth=error", trouble);
            return new Verdict.Busy();
        }
    }

    /** Nobody outside can tell which of the users it leads to. */
    private int number(String name) {
        return ByteBuffer.wrap(ScramSecret.hmac(lasting,
                ("like " + name).getBytes(StandardCharsets.UTF_8))).getInt();
    }

    private List<Waiter> forget(String digest) {
        List<Waiter> others = sharing.remove(digest);
        return others == null ? List.of() : others;
    }

    /** Costs three digests: done at once. */
    private void proof(SaslDialogue.Credentials.Proof login, Waiter waiter) {
        answerOr(braked(brake.begin(waiter.origin(), login.name()), waiter), waiter, () -> {
            UserTable.Entry entry = table.users().get(login.name());
            if (entry != null && login.holds()) {
                brake.right(waiter.origin(), login.name());
                waiter.answer().accept(new Verdict.Right(
                        new Identity(login.name(), entry.rights())));
                return;
            }
            brake.wrong(waiter.origin(), login.name());
            tell("failed", waiter);
            waiter.answer().accept(new Verdict.Wrong());
        });
    }

    private String digest(SaslDialogue.Credentials.Password login) {
        byte[] name = login.name().getBytes(StandardCharsets.UTF_8);
        byte[] all = Arrays.copyOf(name, name.length + 1 + login.octets().length);
        System.arraycopy(login.octets(), 0, all, name.length + 1, login.octets().length);
        return Base64.getEncoder().encodeToString(ScramSecret.hmac(secret, all));
    }

    /** What a SCRAM login of that name is held against, whether there is such a user or not. */
    ScramSecret scramSecret(String user) {
        UserTable.Entry entry = table.users().get(user);
        return (entry == null ? Optional.<ScramSecret>empty() : entry.fields().scram())
                .orElseGet(() -> ScramSecret.made(lasting, user, table.someSecret(number(user))));
    }

    /** Whether somebody can log in by SCRAM. */
    boolean offersScram() {
        return table.scram();
    }

    /** Whom a certificate names that was checked in the handshake. */
    Optional<Identity> certified(X509Certificate certificate) {
        return table.identityOf(ClientCertificate.names(certificate));
    }

    /** How many passwords were hashed. */
    long hashings() {
        return hashings.sum();
    }

    /**
     * Reads the file again if it changed; a bad one leaves the users as they were. One that could
     * not be read is tried again at the next call, changed or not. Blocks.
     */
    Reload reloadIfChanged() {
        if (!watch.changed()) {
            return Reload.UNCHANGED;
        }
        if (Files.notExists(config.file())) {
            LOG.error("users=kept file={} why=\"it is gone\"", config.file());
            return Reload.KEPT;
        }
        try {
            UserTable fresh = reader.read(config.file(), pools);
            table = fresh;
            watch.read();
            LOG.info("users=reloaded file={} count={}", config.file(), fresh.users().size());
            return Reload.TAKEN;
        } catch (UserTable.BadFile bad) {
            watch.read();
            LOG.error("users=kept file={} why=\"{}\"", config.file(), bad.getMessage());
        } catch (IOException unreadable) {
            // told once, though it is tried every few seconds
            if (!FileWatch.mayPass(unreadable) || watch.again(unreadable.toString())) {
                LOG.error("users=kept file={} why=\"{}\"", config.file(), unreadable.toString());
            }
        } catch (RuntimeException | Error trouble) {
            watch.again(trouble.toString());
            throw trouble;
        }
        return Reload.KEPT;
    }

    @Override
    public void close() {
        queue.close();
    }
}
