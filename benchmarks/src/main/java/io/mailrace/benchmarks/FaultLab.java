// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.DaemonConfig;
import io.mailrace.queue.QueueConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * A daemon on a faulty disk with its clients and receivers, for one row of {@link FaultProgram}:
 * keeps which numbers were acknowledged, what clients saw and what did not hold. Confined to one
 * thread.
 */
final class FaultLab implements AutoCloseable {
    static final int DOMAINS = 10;
    static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration STALL = Duration.ofSeconds(20);
    private static final Duration QUIET = Duration.ofSeconds(2);
    static final Duration STOP_LIMIT = Duration.ofSeconds(60);
    private static final long BODY_BYTES = 4096;
    private static final int SESSIONS = 8;
    private static final int PER_SECOND = 100;
    private static final int PER_CONNECTION = 20;
    /** Numbers of one source: more than it can submit. */
    private static final long NUMBERS = 100_000;

    /**
     * How a row ended.
     *
     * @param problems what did not hold; none: the row holds
     */
    record Verdict(String saw, String mail, String recovery, List<String> problems) {}

    private final TemporaryFolder folder;
    private final SinkNetwork network;
    private final Optional<FaultDisk> disk;
    private final DaemonProcess daemon;
    private final BitSet acknowledged = new BitSet();
    private final List<String> saw = new ArrayList<>();
    private final List<String> mail = new ArrayList<>();
    private final List<String> recovery = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();
    private long nextNumber;
    private boolean copiesAllowed;
    private Optional<Path> mount = Optional.empty();
    private boolean lossAllowed;

    private FaultLab(TemporaryFolder folder, SinkNetwork network, Optional<FaultDisk> disk,
            DaemonProcess daemon) {
        this.folder = folder;
        this.network = network;
        this.disk = disk;
        this.daemon = daemon;
    }

    /** Ready for mail, on a disk where its first start is synced already. */
    static FaultLab start(boolean faultyDisk, boolean keep, String configuration)
            throws IOException, InterruptedException {
        TemporaryFolder folder = TemporaryFolder.make(keep);
        SinkNetwork network = SinkNetwork.start(DOMAINS);
        Optional<FaultDisk> disk = faultyDisk
                ? Optional.of(FaultDisk.make(folder.path()))
                : Optional.empty();
        var setup = new DaemonProcess.Setup(List.of(),
                disk.map(FaultDisk::environment).orElse(Map.of()), configuration);
        DaemonProcess daemon = DaemonProcess.startRelay(folder.path(), network, setup);
        var lab = new FaultLab(folder, network, disk, daemon);
        try {
            daemon.awaitReady();
            if (faultyDisk) {
                daemon.stop(STOP_LIMIT);
                lab.disk().forget();
                daemon.restart();
                daemon.awaitReady();
            }
            return lab;
        } catch (IOException | RuntimeException failed) {
            lab.close();
            throw failed;
        }
    }

    /** The queue's part of the daemon's configuration. */
    QueueConfig config() {
        return DaemonConfig.load(folder.path().resolve("mailrace.conf")).queue();
    }

    Path folder() {
        return folder.path();
    }

    SinkNetwork network() {
        return network;
    }

    DaemonProcess daemon() {
        return daemon;
    }

    FaultDisk disk() {
        return disk.orElseThrow();
    }

    /** For the column of what clients saw. */
    void saw(String what) {
        saw.add(what);
    }

    /** For the column of what became of mail, before the lab's own account. */
    void mail(String what) {
        mail.add(what);
    }

    /** For the column of how it recovered. */
    void recovered(String how) {
        recovery.add(how);
    }

    /** Something that must hold. */
    void check(boolean holds, String what) {
        if (!holds) {
            problems.add(what);
        }
    }

    /** The row ends lives, so mail in flight may come twice. */
    void allowCopies() {
        copiesAllowed = true;
    }

    /** Damage takes mail: the row checks itself that it is told. */
    void allowLoss() {
        lossAllowed = true;
    }

    /** Submits messages while all is well: each must be acknowledged. */
    void send(int count) throws InterruptedException {
        try (var source = source(count, 0)) {
            boolean done = source.await(PATIENCE);
            acknowledged.or(source.acknowledged());
            check(done && source.acknowledgedCount() == count, "of " + count + " messages only "
                    + source.acknowledgedCount() + " were acknowledged: " + source.lastTrouble());
        }
    }

    /** Submits messages which receivers will not take for now. */
    void backlog(int count) throws InterruptedException {
        network.refuse(true);
        send(count);
    }

    private LoadSource source(long count, long perSecond) {
        long first = nextNumber;
        nextNumber += Math.min(count, NUMBERS);
        return new LoadSource(new LoadSource.Options(daemon.address(),
                (int) Math.min(count, SESSIONS), count, BODY_BYTES, PER_CONNECTION, DOMAINS,
                perSecond, Optional.empty()), first);
    }

    /** Clients that go on submitting until {@link Load#end}. */
    Load load() {
        return new Load(source(NUMBERS, PER_SECOND));
    }

    /** Clients at work during a fault. */
    final class Load {
        private final LoadSource source;
        private int before;

        Load(LoadSource source) {
            this.source = source;
        }

        /** Lets it run for some time, until the condition holds: whether it did. */
        boolean until(Duration limit, BooleanSupplier condition) {
            return await(limit, condition);
        }

        void during(Duration time) {
            before = source.acknowledgedCount();
            await(time, () -> false);
        }

        int acknowledgedDuring() {
            return source.acknowledgedCount() - before;
        }

        LoadSource source() {
            return source;
        }

        /** Lets each client finish; what it saw goes into the table. */
        void end() {
            source.stop();
            acknowledged.or(source.acknowledged());
            var text = new StringBuilder().append(source.acknowledgedCount()).append(" taken");
            if (source.refused() > 0) {
                text.append(", ").append(source.refused()).append(" refused");
            }
            if (source.lostLines() > 0) {
                text.append(", ").append(source.lostLines()).append(" lines lost or refused");
            }
            if (!source.lastTrouble().isEmpty()) {
                text.append(" (").append(source.lastTrouble()).append(')');
            }
            saw(text.toString());
            check(!source.lastRefusal().matches("5\\d\\d .*"), "a permanent refusal: "
                    + source.lastRefusal());
        }
    }

    /** Waits until a message is taken again; says how long that took. */
    void awaitAccepting() throws InterruptedException {
        long begun = System.nanoTime();
        while (System.nanoTime() - begun < PATIENCE.toNanos()) {
            try (var source = source(1, 0)) {
                if (source.await(PATIENCE) && source.acknowledgedCount() == 1) {
                    acknowledged.or(source.acknowledged());
                    recovered(String.format(Locale.ROOT, "took mail again after %.1f s",
                            (System.nanoTime() - begun) / 1e9));
                    return;
                }
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
        }
        check(false, "takes no mail " + PATIENCE.toSeconds() + " s after the fault was mended");
    }

    static boolean await(Duration limit, BooleanSupplier condition) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (System.nanoTime() < deadline) {
            if (condition.getAsBoolean()) {
                return true;
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
        return condition.getAsBoolean();
    }

    /** kill -9; what lies in the sockets then belongs to the life that ended. */
    void kill() {
        allowCopies();
        daemon.kill();
        await(PATIENCE, () -> network.sink().openConnections() == 0);
        network.sink().nextLife();
    }

    void restart() throws IOException {
        daemon.restart();
        daemon.awaitReady();
    }

    /** Power off and on. */
    void cut(PowerCut.Mode mode) throws IOException {
        kill();
        check(disk().count(FaultDisk.Counter.UNSEEN) == 0, "the disk did not see every change");
        recovered("cut: " + disk().cut(mode, System.nanoTime()));
    }

    int missing() {
        return network.sink().missing(acknowledged).cardinality();
    }

    int acknowledgedCount() {
        return acknowledged.cardinality();
    }

    /** Receivers take everything again; waits until all has come, and accounts for it. */
    Verdict finish() throws IOException, InterruptedException {
        network.refuse(false);
        if (daemon.alive()) {
            drain();
        }
        LoadSink sink = network.sink();
        int lost = missing();
        check(lost == 0 || lossAllowed, "lost " + lost + numbers());
        check(sink.corrupt() == 0, "corrupt " + sink.corrupt());
        check(sink.reports() == 0, "bounced " + sink.reports());
        check(copiesAllowed || sink.copies().isEmpty(), "copies without a kill: "
                + sink.copies().size());
        if (daemon.alive()) {
            int code = daemon.stop(STOP_LIMIT);
            check(code == 0 || code == 143, "exit code " + code + " after SIGTERM");
        } else {
            check(false, "the daemon is dead");
        }
        mail.add(acknowledged.cardinality() + " acknowledged, lost " + lost + ", copies "
                + sink.copies().size()
                + (lost > 0 && lossAllowed ? " (destroyed by the damage)" : ""));
        return new Verdict(String.join("; ", saw), String.join("; ", mail),
                String.join("; ", recovery), problems);
    }

    private void drain() {
        int last = -1;
        long lastMove = System.nanoTime();
        while (daemon.alive()) {
            long quiet = System.nanoTime() - lastMove;
            boolean empty = missing() == 0 || quiet > QUIET.toNanos() && lossAllowed
                    && daemon.admin().metric("queue_envelopes_waiting").orElse(1) == 0;
            if (quiet > (empty ? QUIET : STALL).toNanos()) {
                return;
            }
            int now = network.sink().arrivals();
            if (now != last) {
                last = now;
                lastMove = System.nanoTime();
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    private String numbers() {
        var first = new TreeSet<Integer>();
        network.sink().missing(acknowledged).stream().limit(5).forEach(first::add);
        return first.isEmpty() ? "" : " (numbers " + first + " ...)";
    }

    /** The lines of the daemon's log that contain the text. */
    List<String> logLines(String text) throws IOException {
        return daemon.log().lines().filter(l -> l.contains(text)).toList();
    }

    /** A file system mounted for the row. */
    void unmountAtEnd(Path mounted) {
        mount = Optional.of(mounted);
    }

    @Override
    public void close() throws IOException {
        daemon.close();
        if (mount.isPresent()) {
            unmount(mount.get());
        }
        network.close();
        folder.close();
    }

    private static void unmount(Path mounted) throws IOException {
        try {
            DiskRows.mount("umount", mounted.toString());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
