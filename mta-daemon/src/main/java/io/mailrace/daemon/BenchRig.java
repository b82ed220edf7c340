// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.mailrace.dkim.DkimKeyGenerator;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A relay under load on loopback: the real daemon as a process of its own, with a spool of its own
 * on a given disk, clients before it and receivers behind it in this process. So the relay's CPU
 * can be told from theirs, though all share the machine. Whatever was acknowledged is accounted
 * for. Confined to one thread, but for {@link #close}, which any thread may call.
 */
public final class BenchRig implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(60);
    private static final Duration STALL = Duration.ofSeconds(20);
    /** How long a copy may take that is on its way when nothing waits any more. */
    private static final Duration COPIES = Duration.ofSeconds(2);
    private static final Duration DRAIN_LIMIT = Duration.ofMinutes(5);
    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    private static final long WINDOW_BYTES = 48L << 20;
    private static final long WINDOW = 5000;
    /** With fixed moments this many may wait; beyond, clients wait and are late. */
    private static final long OPEN_WINDOW = 200_000;
    private static final long OPEN_WINDOW_BYTES = 512L << 20;
    private static final int CORES = Runtime.getRuntime().availableProcessors();

    /**
     * How a process is started beside what the options say.
     *
     * @param program the class that is the relay; it is given a configuration file and must behave
     *        as {@link BenchDaemon} does
     * @param before words before the command, such as {@code taskset -c 0}
     * @param options of the JVM; those of this process when empty
     * @param environment more variables
     * @param spool where the spool is when not in the rig's own folder
     */
    public record Launch(String program, List<String> before, List<String> options,
            Map<String, String> environment, Optional<Path> spool) {
        public static final Launch PLAIN = new Launch(BenchDaemon.class.getName(),
                List.of(), List.of(), Map.of(), Optional.empty());

        /** Another relay. */
        public static Launch of(Class<?> program) {
            return new Launch(program.getName(), List.of(), List.of(), Map.of(),
                    Optional.empty());
        }

        /** Ours, with words before its command. */
        public static Launch after(List<String> before) {
            return new Launch(BenchDaemon.class.getName(), before, List.of(), Map.of(),
                    Optional.empty());
        }

        /** The same with these options of the JVM instead of those of this process. */
        public Launch with(List<String> jvmOptions) {
            return new Launch(program, before, jvmOptions, environment, spool);
        }
    }

    /** What became of everything submitted since the start. */
    public record Account(long submitted, long acknowledged, long delivered, long lost,
            long duplicates, long corrupt, long refused, long lostLines, String lastTrouble) {
        public boolean good() {
            return lost == 0 && duplicates == 0 && corrupt == 0;
        }
    }

    private final BenchOptions options;
    private final TimeSource time = TimeSource.system();
    private final BenchLedger ledger;
    private final BenchMessage messages;
    private final Path folder;
    private final EventLoopGroup loops = new MultiThreadIoEventLoopGroup(Math.max(2, CORES / 2),
            new DefaultThreadFactory("bench", true), NioIoHandler.newFactory());
    private final BenchReceivers receivers;
    private final BenchProcess relay;
    private @Nullable BenchSource source;
    private String lastTrouble = "";
    private boolean closed;

    private BenchRig(BenchOptions options, Launch launch)
            throws IOException, InterruptedException {
        this.options = options;
        ledger = new BenchLedger(options.recipients());
        messages = new BenchMessage(options.sizeBytes());
        folder = Files.createTempDirectory(options.folder(), "mailrace-bench-");
        BenchReceivers made = null;
        try {
            made = BenchReceivers.start(options, new BenchSink(ledger, time), loops);
            receivers = made;
            Path config = folder.resolve("mailrace.conf");
            Files.writeString(config, config(launch.spool().orElse(folder.resolve("spool"))));
            relay = BenchProcess.start(config, launch, START_LIMIT, time);
        } catch (IOException | InterruptedException | RuntimeException failed) {
            if (made != null) {
                made.close();
            }
            loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
            delete(folder);
            throw failed;
        }
    }

    /** Everything listens when this returns. */
    public static BenchRig start(BenchOptions options) throws IOException, InterruptedException {
        return start(options, Launch.PLAIN);
    }

    /** As {@link #start(BenchOptions)}, with the relay's process as told. */
    public static BenchRig start(BenchOptions options, Launch launch)
            throws IOException, InterruptedException {
        return new BenchRig(options, launch);
    }

    private String config(Path spool) throws IOException {
        Files.writeString(folder.resolve("users"), "");
        String text = """
                hostname = mta1.bench.test
                listeners { relay { bind = "127.0.0.1:0", relay-from = ["127.0.0.0/8"]
                                    tls = %1$s } }
                users { file = "%2$s/users" }
                submission { max-connections-per-address = 4000 }
                spool { path = "%3$s", durability = %4$s, min-free = 64m, min-free-inodes = 100 }
                retry { default { intervals = [1s, 2s, 5s], max-age = 1h } }
                dns { servers = ["127.0.0.1:%5$d"] }
                delivery { port = %6$d, allow-destinations = ["127.0.0.0/8"], tls = %7$s
                           park-first = 1s, park-max = 5s }
                admin { socket = "%2$s/admin.sock", bind = "" }
                log { level = warn, events = %8$s }
                """.formatted(options.tlsIn() ? "starttls" : "off", folder, spool,
                options.async() ? "async" : "sync", receivers.dnsPort(), receivers.port(),
                options.tlsOut() ? "opportunistic" : "off", options.events() ? "stdout" : "off");
        if (options.tlsIn()) {
            SimulatedCertificate.write("mta1.bench.test", folder.resolve("cert.pem"),
                    folder.resolve("key.pem"));
            text += "tls { certificate = \"" + folder + "/cert.pem\", key = \"" + folder
                    + "/key.pem\" }\n";
        }
        if (options.dkim()) {
            DkimKeyGenerator.generate(DkimKeyGenerator.Kind.RSA_2048, BenchMessage.DOMAIN, "s1",
                    folder.resolve("dkim.pem"));
            text += "dkim { \"" + BenchMessage.DOMAIN + "\" = [ { selector = s1, key = \"" + folder
                    + "/dkim.pem\" } ] }\n";
        }
        return text + options.settings();
    }

    /** Where the relay takes mail. */
    public InetSocketAddress address() {
        return relay.address();
    }

    /** The relay's process. */
    public long pid() {
        return relay.process().pid();
    }

    /** Lets the clients in; they submit as fast as they are answered. */
    public void begin() throws IOException, InterruptedException {
        begin(0);
    }

    /** Lets the clients in; all are connected when this returns. */
    public void begin(double perSecond) throws IOException, InterruptedException {
        if (source != null) {
            throw new IllegalStateException("the clients are in already");
        }
        Optional<SslContext> tls = options.tlsIn()
                ? Optional.of(SslContextBuilder.forClient()
                        .trustManager(InsecureTrustManagerFactory.INSTANCE).build())
                : Optional.empty();
        long window = perSecond > 0
                ? Math.max(window(options),
                        Math.min(OPEN_WINDOW, OPEN_WINDOW_BYTES / options.sizeBytes()))
                : window(options);
        var opened = new BenchSource(new BenchSource.Options(relay.address(), options.sessions(),
                tls, options.recipients(), perSecond, window, options.clients()),
                messages, ledger, time, loops);
        source = opened;
        if (!await(() -> opened.readyCount() >= options.sessions(), CONNECT_LIMIT)) {
            throw new IOException("the relay does not let the clients in: "
                    + opened.lastTrouble() + "\n" + relay.log());
        }
    }

    /** How many deliveries may be on their way: enough to keep every part busy, in bounds. */
    static long window(BenchOptions options) {
        return Math.max(2L * options.sessions() * options.recipients(),
                Math.min(WINDOW, WINDOW_BYTES / options.sizeBytes()));
    }

    /** Waits, and tells what happened meanwhile. */
    public BenchPhase measure(Duration length) throws InterruptedException {
        ledger.startTimes();
        BenchSnapshot from = snapshot();
        await(() -> false, length);
        BenchSnapshot to = snapshot();
        long now = time.nanos();
        if (source != null) {
            source.endTimes(now);
        }
        ledger.endTimes(now);
        return BenchPhase.between(from, to, ledger.inFlight(), ledger.toReply(),
                ledger.toDelivery());
    }

    private BenchSnapshot snapshot() {
        return BenchSnapshot.of(time.nanos(), ledger.counts(), relay.process(),
                new AdminClient(folder.resolve("admin.sock")));
    }

    /** Deliveries that arrived so far. */
    public long delivered() {
        return ledger.counts().delivered();
    }

    /**
     * Waits until so many deliveries arrived.
     *
     * @throws IOException when nothing arrives any more
     */
    public void awaitDelivered(long count) throws IOException, InterruptedException {
        long last = -1;
        long moved = time.nanos();
        while (delivered() < count) {
            if (delivered() != last) {
                last = delivered();
                moved = time.nanos();
            } else if (time.nanos() - moved > STALL.toNanos()) {
                throw new IOException("nothing arrives: " + relay.log());
            }
            pause();
        }
    }

    /**
     * Sends the clients home and waits until all that was acknowledged has arrived and the relay
     * has nothing more to deliver, or nothing moves any more; and a little longer, since a copy
     * comes last.
     */
    public Account finish() throws InterruptedException {
        BenchSource leaving = source;
        if (leaving != null) {
            leaving.close();
            await(() -> leaving.openCount() == 0, STALL);
            lastTrouble = leaving.lastTrouble();
            source = null;
        }
        long last = -1;
        long moved = time.nanos();
        long end = moved + DRAIN_LIMIT.toNanos();
        while (ledger.inFlight() > 0 && time.nanos() - moved < STALL.toNanos()
                && time.nanos() < end && relay.process().isAlive()) {
            if (ledger.inFlight() != last) {
                last = ledger.inFlight();
                moved = time.nanos();
            }
            pause();
        }
        if (relay.process().isAlive()) {
            if (!await(this::nothingQueued, STALL)) {
                lastTrouble = "mail stays in the queues though all has arrived";
            }
            await(() -> false, COPIES);
        }
        BenchLedger.Counts counts = ledger.counts();
        return new Account(counts.submitted(), counts.acknowledged(), counts.delivered(),
                ledger.missing(), counts.duplicates(), counts.corrupt(), counts.refused(),
                counts.lostLines(), lastTrouble);
    }

    /** Whether the relay says so; one that is never asked, such as a yardstick, has no queues. */
    private boolean nothingQueued() {
        Path socket = folder.resolve("admin.sock");
        if (!Files.exists(socket) || !relay.process().isAlive()) {
            return true;
        }
        String page = BenchSnapshot.metrics(new AdminClient(socket));
        return !page.isEmpty()
                && BenchSnapshot.metric(page, "queue_envelopes_waiting") == ledger.waiting()
                && BenchSnapshot.metric(page, "queue_envelopes_taken") == 0;
    }

    private boolean await(BooleanSupplier condition, Duration limit) throws InterruptedException {
        long end = time.nanos() + limit.toNanos();
        while (!condition.getAsBoolean()) {
            long left = end - time.nanos();
            if (left <= 0) {
                return false;
            }
            LockSupport.parkNanos(Math.min(left, TICK_NANOS));
            interruptible();
        }
        return true;
    }

    private static void pause() throws InterruptedException {
        LockSupport.parkNanos(TICK_NANOS / 5);
        interruptible();
    }

    private static void interruptible() throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
    }

    /** What the relay said on its log. */
    public String log() {
        return relay.log();
    }

    /**
     * Stops the relay in good order; only {@link #close} is left then.
     *
     * @throws IOException when it does not end well in time
     */
    public void endRelay(Duration limit) throws IOException, InterruptedException {
        relay.end(limit);
    }

    /** Ends the relay at once and removes all files. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        relay.close();
        receivers.close();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
        delete(folder);
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException left) {
            // a temporary folder that stays is not worth a failure
        }
    }
}
