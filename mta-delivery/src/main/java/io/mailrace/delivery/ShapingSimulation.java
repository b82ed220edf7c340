// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Event;
import io.mailrace.core.Metrics;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/**
 * A source with more mail than it can ever send to one receiver, in simulated time: the gates,
 * rates, rules and measures are those of delivery, the receiver is a {@link ReceiverModel}. Hours
 * take a moment. Each run is confined to its thread.
 */
public final class ShapingSimulation {
    private static final String SOURCE = "a";
    private static final String DOMAIN = "sender.test";
    private static final long TRIP_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long MOMENT = TimeUnit.MILLISECONDS.toNanos(1);

    /**
     * What came of it.
     *
     * @param later refusals with 4xx, or with a 5xx that means later
     * @param failed refusals for good
     * @param allowed what the receiver would have taken by the even rate of its reputation
     */
    public record Result(long offered, long accepted, long later, long failed, double allowed,
            double reputation, boolean blocked) {

        /** Share of messages that were put off. */
        public double laterShare() {
            return offered == 0 ? 0 : (double) later / offered;
        }

        /** Share of what was allowed that was used; above 1 when something was saved up. */
        public double usedShare() {
            return allowed == 0 ? 0 : accepted / allowed;
        }
    }

    /** Time that moves only when told to. */
    private static final class SimulatedTime implements TimeSource {
        private long nanos;

        @Override
        public long epochMillis() {
            return 1_800_000_000_000L + TimeUnit.NANOSECONDS.toMillis(nanos);
        }

        @Override
        public long nanos() {
            return nanos;
        }
    }

    /** Nothing outlives a simulation. */
    private static final class ForgottenMemos implements Memos {
        @Override
        public Map<String, byte[]> beginningWith(String prefix) {
            return new TreeMap<>();
        }

        @Override
        public void each(String prefix, BiConsumer<String, byte[]> visitor) {
            // there is nothing
        }

        @Override
        public void write(List<Change> changes, List<Event> events, Executor where,
                CommitListener listener) {
            where.execute(listener::committed);
        }
    }

    private final SimulatedTime time = new SimulatedTime();
    private final Providers providers;
    private final Provider provider;
    private final boolean rulesAct;
    private final Measures measures;
    private final EgressPath path;
    private final ReceiverModel receiver;

    /**
     * @param provider whose rules and limits hold; must be of the configuration
     * @param adaptive whether the rate follows the replies, whatever the configuration says
     * @param rulesAct whether rules put measures in force
     */
    public ShapingSimulation(DeliveryConfig config, String provider, boolean adaptive,
            boolean rulesAct, ReceiverModel.Rules receives) {
        providers = config.providers();
        Provider configured = providers.named(provider).orElseThrow();
        Provider.Limits of = configured.limits();
        this.provider = new Provider(configured.name(), configured.matchMx(),
                new Provider.Limits(of.connections(), of.messagesPerConnection(),
                        of.recipientsPerTransaction(), of.rates(), of.connectionRates(), of.tls(),
                        adaptive, of.adaptivePause()),
                configured.rules());
        this.rulesAct = rulesAct;
        Memos memos = new ForgottenMemos();
        measures = new Measures(time, memos, new DeliveryMeters(new Metrics()));
        Gates gates = new Gates(time, memos);
        EgressSource source = new EgressSource(SourceConfig.plain(SOURCE, "mta.test"), time);
        SourceGate gate = gates.of(source, this.provider, provider);
        path = new EgressPath(gate, measures, provider, time);
        receiver = new ReceiverModel(receives, time);
    }

    /** Sends as much as it may for that long, and goes on from there when called again. */
    public Result run(Duration length) {
        long end = time.nanos + length.toNanos();
        double allowedBefore = receiver.allowedSoFar(SOURCE);
        long offered = 0;
        long accepted = 0;
        long later = 0;
        long failed = 0;
        PriorityQueue<Long> busyUntil = new PriorityQueue<>();
        while (time.nanos < end) {
            while (!busyUntil.isEmpty() && busyUntil.peek() <= time.nanos) {
                busyUntil.poll();
            }
            int connections = Math.min(path.gate().most(), path.narrowing().connections());
            boolean free = busyUntil.size() < connections;
            SourceGate.Wait wait = free ? mayGo() : null;
            if (!free) {
                time.nanos = Math.max(time.nanos + 1, busyUntil.peek() == null
                        ? time.nanos + MOMENT
                        : busyUntil.peek());
            } else if (wait != null) {
                long until = time.nanos + Math.max(MOMENT, wait.nanos());
                time.nanos = busyUntil.isEmpty() ? until
                        : Math.min(until,
                                Math.max(time.nanos + 1, busyUntil.peek()));
            } else {
                offered++;
                busyUntil.add(time.nanos + TRIP_NANOS);
                SmtpReply reply = receiver.offer(SOURCE, DOMAIN, true);
                if (reply.isPositive()) {
                    accepted++;
                    path.accepted();
                } else if (refused(reply)) {
                    failed++;
                } else {
                    later++;
                }
            }
        }
        time.nanos = Math.max(time.nanos, end);
        return new Result(offered, accepted, later, failed,
                receiver.allowedSoFar(SOURCE) - allowedBefore, receiver.reputation(SOURCE),
                receiver.blocked(SOURCE));
    }

    private SourceGate.@org.jspecify.annotations.Nullable Wait mayGo() {
        SourceGate.Wait mail = measures.aboutMail()
                ? measures.domainStop(provider.name(), provider.name(), DOMAIN)
                : null;
        return mail != null ? mail : path.take();
    }

    /** Whether it failed for good. */
    private boolean refused(SmtpReply reply) {
        Ruling ruling = providers.judge(provider, Stage.END_OF_DATA, reply);
        path.refused(ruling.category(), !ruling.fails());
        ruling.rule().filter(rule -> rulesAct).ifPresent(rule -> measures.fire(ruling.source(),
                rule, reply, new Measures.Place(provider.name(), provider.name(), SOURCE,
                        Optional.empty(), DOMAIN, path.gate().most(),
                        path.gate().most(), 1)));
        return ruling.fails();
    }
}
