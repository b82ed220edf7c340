// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.SslContext;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Clients that submit {@link BenchMessage}s over kept connections: as fast as they are answered, or
 * at moments fixed beforehand. A moment that passes while a client still waits for its last reply
 * is not forgotten: its message is late, and its time counts from when it was due, so a relay that
 * stands still cannot hide it (coordinated omission). Any thread.
 */
final class BenchSource implements AutoCloseable {
    private static final long RETRY_MILLIS = 50;
    private static final int CONNECT_MILLIS = 10_000;
    private static final long NONE = Long.MIN_VALUE;

    /**
     * @param tls with a context they use STARTTLS
     * @param perSecond messages of all sessions together; 0: as fast as they are answered
     * @param window deliveries that may be on their way before the clients wait
     */
    record Options(InetSocketAddress target, int sessions, Optional<SslContext> tls, int recipients,
            double perSecond, long window, BenchOptions.Clients clients) {}

    private final Options options;
    private final BenchMessage messages;
    private final BenchLedger ledger;
    private final TimeSource time;
    private final Bootstrap bootstrap;
    private final List<Schedule> schedules = new ArrayList<>();
    private final AtomicInteger ready = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private volatile boolean stopping;
    private volatile String lastTrouble = "";

    /** Connects and submits at once. The loops stay the caller's. */
    BenchSource(Options options, BenchMessage messages, BenchLedger ledger, TimeSource time,
            EventLoopGroup loops) {
        this.options = options;
        this.messages = messages;
        this.ledger = ledger;
        this.time = time;
        bootstrap = new Bootstrap().group(loops).channel(NioSocketChannel.class)
                .option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS);
        long start = time.nanos();
        for (int i = 0; i < options.sessions(); i++) {
            schedules.add(new Schedule(start, i));
        }
        schedules.forEach(this::connect);
    }

    /** At the end of the times: tells the ledger how long what has no reply has waited. */
    void endTimes(long nowNanos) {
        for (Schedule schedule : schedules) {
            schedule.unanswered(nowNanos);
        }
    }

    /**
     * The moments of one client: every so many nanoseconds, shifted against the others'. Changed by
     * the event loop of its connection only; any thread may look.
     */
    final class Schedule {
        private final double everyNanos = options.perSecond() > 0
                ? TimeUnit.SECONDS.toNanos(1) * options.sessions() / options.perSecond()
                : 0;
        private final double firstNanos;
        private volatile long sent;
        /** When the message without a reply was due; none: {@link #NONE}. */
        private volatile long openDueNanos = NONE;

        private Schedule(long start, int session) {
            firstNanos = start + everyNanos * (session + 1) / options.sessions();
        }

        /** When the next message is due; now when there is no rate. */
        long dueNanos() {
            return everyNanos == 0 ? time.nanos() : (long) (firstNanos + everyNanos * sent);
        }

        @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
        void sent(long dueNanos) {
            openDueNanos = dueNanos;
            sent++;
        }

        void answered() {
            openDueNanos = NONE;
        }

        /** A connection is gone, perhaps with a message that had no reply. */
        void broken() {
            if (openDueNanos != NONE) {
                ledger.broken(openDueNanos);
                openDueNanos = NONE;
            }
        }

        private void unanswered(long nowNanos) {
            long open = openDueNanos;
            if (open != NONE) {
                ledger.unanswered((double) open, 0, nowNanos);
            }
            if (everyNanos > 0) {
                ledger.unanswered(firstNanos + everyNanos * sent, everyNanos, nowNanos);
            }
        }
    }

    private void connect(Schedule schedule) {
        if (stopping) {
            return;
        }
        open.incrementAndGet();
        Bootstrap one = bootstrap.clone().handler(new ChannelInitializer<SocketChannel>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(new BenchSession(BenchSource.this, schedule));
            }
        });
        one.connect(options.target()).addListener(done -> {
            if (!done.isSuccess()) {
                trouble(String.valueOf(done.cause()));
                closed(schedule, true);
            }
        });
    }

    /** A connection was left by its client, which comes again unless all is over. */
    void left(Schedule schedule) {
        open.decrementAndGet();
        connect(schedule);
    }

    /** A connection is gone; unless all is over its client comes again, a little later. */
    void closed(Schedule schedule, boolean broken) {
        open.decrementAndGet();
        if (broken) {
            ledger.lostLine();
        }
        if (!stopping) {
            bootstrap.config().group().next().schedule(() -> connect(schedule), RETRY_MILLIS,
                    TimeUnit.MILLISECONDS);
        }
    }

    void ready() {
        ready.incrementAndGet();
    }

    /** Sessions that got as far as submitting, connections made again counted again. */
    int readyCount() {
        return ready.get();
    }

    /** Connections not yet ended. */
    int openCount() {
        return open.get();
    }

    void trouble(String what) {
        lastTrouble = what;
    }

    /** The last refusal or failure, for people; empty when there was none. */
    String lastTrouble() {
        return lastTrouble;
    }

    boolean stopping() {
        return stopping;
    }

    boolean mayGo() {
        return ledger.inFlight() < options.window();
    }

    Options options() {
        return options;
    }

    BenchMessage messages() {
        return messages;
    }

    BenchLedger ledger() {
        return ledger;
    }

    TimeSource time() {
        return time;
    }

    /** Each client finishes its message and leaves; {@link #openCount} tells when all did. */
    @Override
    public void close() {
        stopping = true;
    }
}
