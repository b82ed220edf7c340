// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.ReceiverModel;
import java.net.InetAddress;
import java.util.Optional;

/**
 * A large receiver of the demo: a {@link ReceiverModel} in real time, whose hours are short, says
 * which recipient it takes. Any thread; short sections under its lock.
 */
final class DemoReceiver implements SimulatedBehaviour {
    /** An hour of the receiver in real time. */
    static final int HOUR_SECONDS = 100;
    private static final int FASTER = 3600 / HOUR_SECONDS;
    /** It saves up five minutes' worth. */
    private static final int SAVED_PER_HOUR = 12;
    /** Of the mail that is expected: what it takes at once, before its rate holds. */
    private static final double AT_ONCE = 0.65;
    /** About 40 messages in a real second: what a longer demo is held up to. */
    private static final int MOST_PER_HOUR = 4000;

    /**
     * Time that runs faster, from the first push-back on: until then nothing comes on top of what
     * is taken at once, so a slow machine is pushed back too.
     */
    private static final class ShortHours implements TimeSource {
        private final TimeSource real;
        private boolean running;
        private long startNanos;

        private ShortHours(TimeSource real) {
            this.real = real;
        }

        private void run() {
            if (!running) {
                running = true;
                startNanos = real.nanos();
            }
        }

        @Override
        public long epochMillis() {
            return real.epochMillis();
        }

        @Override
        public long nanos() {
            return running ? (real.nanos() - startNanos) * FASTER : 0;
        }
    }

    private final ShortHours hours;
    private final ReceiverModel model;
    private final int perHour;
    private Optional<String> lastClient = Optional.empty();

    /**
     * Takes mail at such a rate that what is expected gets there, but not as fast as it comes.
     *
     * @param expected recipients
     * @param byDomain the limit holds for the author's domain; else for the address
     */
    DemoReceiver(ReceiverModel.Replies replies, boolean byDomain, int expected, TimeSource time) {
        perHour = Math.clamp(Math.round(AT_ONCE * SAVED_PER_HOUR * expected),
                SAVED_PER_HOUR, MOST_PER_HOUR);
        hours = new ShortHours(time);
        model = new ReceiverModel(new ReceiverModel.Rules(ReceiverModel.Counting.BUCKET,
                byDomain ? 2 * perHour : perHour, byDomain ? perHour : 0, replies),
                hours);
    }

    @Override
    public synchronized Optional<String> recipient(InetAddress client, String sender,
            String recipient) {
        String address = client.getHostAddress();
        lastClient = Optional.of(address);
        SmtpReply reply = model.offer(address, sender.substring(sender.indexOf('@') + 1),
                !recipient.startsWith("nobody"));
        if (reply.isTransient()) {
            hours.run();
        }
        return reply.isPositive() ? Optional.empty() : Optional.of(wire(reply));
    }

    /** The reply as it is sent, without the last line end. */
    static String wire(SmtpReply reply) {
        String status = reply.status().map(EnhancedStatus::toString).map(s -> s + " ").orElse("");
        var text = new StringBuilder();
        for (int i = 0; i < reply.lines().size(); i++) {
            boolean last = i == reply.lines().size() - 1;
            text.append(reply.code()).append(last ? ' ' : '-').append(status)
                    .append(reply.lines().get(i)).append(last ? "" : "\r\n");
        }
        return text.toString();
    }

    /** Messages it takes in a real second in the long run, at reputation 1. */
    double perSecond() {
        return (double) perHour / HOUR_SECONDS;
    }

    /** Of the address that came last; 1 when none came. */
    synchronized double reputation() {
        return lastClient.map(model::reputation).orElse(1.0);
    }
}
