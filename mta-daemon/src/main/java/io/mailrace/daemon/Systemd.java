// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the service manager is told: starting, ready, reloading, stopping, a line for people, and
 * that the daemon lives (sd_notify(3)). Without NOTIFY_SOCKET it tells nobody and has no thread.
 * Any thread; a message waits a few seconds at most.
 *
 * <p>The thread {@code service-notify} comes around at least every {@value #LONGEST_TURN_MILLIS}
 * ms. It feeds the watchdog only while {@link Liveness} finds nothing stuck, and asks for more time
 * while a start or a stop takes long, for {@value #LONGEST_START_MINUTES} minutes at most.
 */
final class Systemd implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Systemd.class);
    private static final int MAX_STATUS = 500;
    private static final long LONGEST_TURN_MILLIS = 10_000;
    private static final long SHORTEST_TURN_MILLIS = 20;
    private static final int LONGEST_START_MINUTES = 60;
    private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);
    /** What is asked for at once; renewed each turn. */
    private static final Duration MORE_TIME = Duration.ofSeconds(60);
    /** Without a watchdog a thread that hangs is still worth a line, and /healthz/live tells. */
    private static final Duration STUCK_WITHOUT_WATCHDOG = Duration.ofSeconds(60);

    private enum Phase {
        STARTING, READY, STOPPING, ENDED
    }

    private final Optional<NotifySocket> socket;
    private final Optional<Duration> watchdog;
    private final TimeSource time;
    private Phase phase = Phase.STARTING;
    private long phaseSinceNanos;
    private long phaseLimitNanos = TimeUnit.MINUTES.toNanos(LONGEST_START_MINUTES);
    private String doing = "Starting";
    private String told = "";
    private @Nullable Thread thread;
    private @Nullable Liveness liveness;
    private volatile Supplier<String> status = () -> "";

    private Systemd(Optional<NotifySocket> socket, Optional<Duration> watchdog, TimeSource time) {
        this.socket = socket;
        this.watchdog = watchdog;
        this.time = time;
        phaseSinceNanos = time.nanos();
    }

    /** Tells nobody. */
    static Systemd none() {
        return new Systemd(Optional.empty(), Optional.empty(), TimeSource.system());
    }

    /** The service manager the environment names; what it does not make sense of, it says. */
    static Systemd of(Map<String, String> environment, TimeSource time) {
        String address = environment.getOrDefault("NOTIFY_SOCKET", "");
        if (address.isEmpty()) {
            return none();
        }
        Optional<NotifySocket> socket = Optional.empty();
        try {
            socket = NotifySocket.of(address);
        } catch (IllegalStateException impossible) {
            LOG.warn("service manager not told", impossible);
        }
        if (socket.isEmpty()) {
            LOG.warn("NOTIFY_SOCKET={} cannot be used: neither a path nor @name",
                    Ascii.clean(address, MAX_STATUS));
            return none();
        }
        return new Systemd(socket, watchdog(environment), time);
    }

    /** Whether we are watched, and how long we may be silent; sd_watchdog_enabled(3). */
    static Optional<Duration> watchdog(Map<String, String> environment) {
        String micros = environment.getOrDefault("WATCHDOG_USEC", "");
        String process = environment.getOrDefault("WATCHDOG_PID", "");
        boolean other = !process.isEmpty()
                && !process.equals(Long.toString(ProcessHandle.current().pid()));
        if (micros.isEmpty() || other) {
            return Optional.empty();
        }
        boolean number = micros.length() <= 16 && micros.chars().allMatch(c -> c >= '0'
                && c <= '9');
        if (!number || Long.parseLong(micros) == 0) {
            LOG.warn("WATCHDOG_USEC={} is no time", Ascii.clean(micros, MAX_STATUS));
            return Optional.empty();
        }
        return Optional.of(Duration.ofNanos(TimeUnit.MICROSECONDS.toNanos(
                Long.parseLong(micros))));
    }

    /** After how long a silence a thread counts as stuck. */
    Duration stuckAfter() {
        return watchdog.map(every -> every.dividedBy(2)).orElse(STUCK_WITHOUT_WATCHDOG);
    }

    /** The daemon begins to start: it is told so until {@link #ready}. */
    synchronized void starting(String what) {
        doing = what;
        tell("STATUS=" + line(what));
        begin();
    }

    private void begin() {
        if (socket.isPresent() && thread == null) {
            thread = Thread.ofPlatform().name("service-notify").daemon(true).start(this::run);
        }
    }

    /**
     * Listeners are open and the spool is usable.
     *
     * @param status a line for people, asked for now and then; must not block
     */
    synchronized void ready(Liveness watched, Supplier<String> status) {
        liveness = watched;
        this.status = status;
        enter(Phase.READY, Duration.ZERO, "");
        told = line(status.get());
        tell("READY=1\nSTATUS=" + told);
        begin();
    }

    /** A reload runs; the daemon is ready again when this is closed. */
    synchronized Reloading reloading() {
        tell("RELOADING=1\nMONOTONIC_USEC=" + TimeUnit.NANOSECONDS.toMicros(time.nanos())
                + "\nSTATUS=Reloading");
        return () -> {
            synchronized (this) {
                told = line(status.get());
                tell("READY=1\nSTATUS=" + told);
            }
        };
    }

    /** While it is open a reload runs. */
    @FunctionalInterface
    interface Reloading extends AutoCloseable {
        @Override
        void close();
    }

    /** The orderly stop begins. */
    synchronized void stopping(Duration limit) {
        if (phase == Phase.STARTING || phase == Phase.READY) {
            enter(Phase.STOPPING, limit, "Stopping: transactions in flight are finished");
            tell("STOPPING=1\nSTATUS=" + line(doing) + "\n" + moreTime());
        }
    }

    /** The start failed; shown by systemctl status beside the exit code. */
    synchronized void failed(String why) {
        enter(Phase.ENDED, Duration.ZERO, "");
        tell("STATUS=" + line("Not started: " + why));
    }

    /** Nothing more is told. */
    @Override
    public synchronized void close() {
        if (phase != Phase.ENDED) {
            enter(Phase.ENDED, Duration.ZERO, "");
            tell("STATUS=Stopped");
        }
    }

    private void enter(Phase next, Duration limit, String what) {
        phase = next;
        phaseSinceNanos = time.nanos();
        phaseLimitNanos = limit.toNanos();
        doing = what;
        notifyAll();
    }

    private void run() {
        boolean goesOn = true;
        while (goesOn) {
            try {
                goesOn = pause();
                if (goesOn) {
                    turn();
                }
            } catch (InterruptedException end) {
                return;
            } catch (RuntimeException bug) {
                LOG.error("service manager not told", bug);
            }
        }
    }

    private synchronized boolean pause() throws InterruptedException {
        long millis = Math.min(LONGEST_TURN_MILLIS, watchdog.map(
                every -> every.toMillis() / 4).orElse(LONGEST_TURN_MILLIS));
        long end = time.nanos()
                + TimeUnit.MILLISECONDS.toNanos(Math.max(SHORTEST_TURN_MILLIS, millis));
        Phase before = phase;
        for (long rest = end - time.nanos(); rest > 0 && phase == before; rest = end
                - time.nanos()) {
            wait(TimeUnit.NANOSECONDS.toMillis(rest) + 1);
        }
        return phase != Phase.ENDED;
    }

    private void turn() {
        @Nullable
        Liveness watched;
        synchronized (this) {
            watched = phase == Phase.READY ? liveness : null;
            if (watched == null) {
                turnUnready();
                return;
            }
        }
        Optional<String> stuck = watched.stuck();
        String line = stuck.map(name -> "Stuck: " + name + " has not come around for "
                + stuckAfter().toSeconds() + " s; the log says where").orElseGet(this::describe);
        synchronized (this) {
            if (phase == Phase.READY) {
                turnReady(stuck.isEmpty() && watchdog.isPresent(), line(line));
            }
        }
    }

    /** The line for people; a bug in it must not look like a daemon that hangs. */
    private String describe() {
        try {
            return status.get();
        } catch (RuntimeException bug) {
            LOG.error("status unknown", bug);
            return "";
        }
    }

    /** Starting or stopping: not watched, but within a limit that has to be moved. */
    private void turnUnready() {
        long nanos = time.nanos() - phaseSinceNanos;
        if (phase != Phase.ENDED && nanos < phaseLimitNanos) {
            tell("STATUS=" + line(doing + ", for " + nanos / SECOND_NANOS + " s") + "\n"
                    + moreTime());
        }
    }

    private void turnReady(boolean feed, String line) {
        boolean news = !line.equals(told);
        told = line;
        if (feed || news) {
            tell((feed ? "WATCHDOG=1" : "") + (feed && news ? "\n" : "")
                    + (news ? "STATUS=" + line : ""));
        }
    }

    private static String moreTime() {
        return "EXTEND_TIMEOUT_USEC=" + MORE_TIME.toNanos() / 1000;
    }

    private static String line(String text) {
        return Ascii.clean(text, MAX_STATUS);
    }

    private void tell(String message) {
        if (socket.isPresent() && !socket.get().send(message)) {
            LOG.warn("service manager does not listen message=\"{}\"", message.replace('\n', ' '));
        }
    }
}
