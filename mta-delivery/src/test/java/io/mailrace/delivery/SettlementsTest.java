// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Content;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Metrics;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.EventJournal;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.MailQueues;
import io.mailrace.queue.Memos;
import io.mailrace.queue.Settlement;
import io.mailrace.queue.SetOperations;
import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolCare;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.SpoolPressure;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.Test;

class SettlementsTest {
    private final RecordingSpool spool = new RecordingSpool();
    private final Settlements settlements = new Settlements(spool, new FakeTimeSource(),
            new DeliveryMeters(new Metrics()));
    private int told;

    /** Keeps what is to be settled; the test says how it ends. */
    private static final class RecordingSpool implements Spool {
        final List<Settlement> settled = new ArrayList<>();
        final List<CommitListener> listeners = new ArrayList<>();

        @Override
        public void settle(Settlement settlement, Executor where, CommitListener listener) {
            settled.add(settlement);
            listeners.add(listener);
        }

        @Override
        public IncomingContent newContent(Executor loop, Runnable writable) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Content content(Envelope envelope) {
            return new TestMail.Bytes(new byte[0]);
        }

        @Override
        public Executor readers() {
            return Runnable::run;
        }

        @Override
        public MailQueues queues() {
            throw new UnsupportedOperationException();
        }

        @Override
        public SetOperations operations() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Memos memos() {
            throw new UnsupportedOperationException();
        }

        @Override
        public SpoolCare care() {
            throw new UnsupportedOperationException();
        }

        @Override
        public EventJournal journal() {
            throw new UnsupportedOperationException();
        }

        @Override
        public SpoolPressure pressure() {
            return SpoolPressure.NONE;
        }

        @Override
        public Optional<String> refusal() {
            return Optional.empty();
        }

        @Override
        public void close() {}
    }

    private Attempt delivered() {
        Attempt attempt = TestMail.attempt("a@example.com", List.of(new Recipient(
                TestMail.address("b@example.net"))), MailOptions.NONE, TestMail.facts(
                        new byte[0], false, false),
                new byte[0]);
        attempt.decideRest(new Disposition.Delivered(SmtpReply.of(250, "taken")));
        return attempt;
    }

    private void settle(Attempt attempt) {
        settlements.settle(attempt, Event.Route.NONE, false, Runnable::run, () -> told++);
    }

    private boolean settleAgain(Attempt attempt) {
        return settlements.settleRemembered(attempt.queue(), attempt.envelope(), Runnable::run,
                () -> told++);
    }

    @Test
    void settle_committed_isForgotten() {
        Attempt attempt = delivered();
        settle(attempt);
        assertThat(settlements.underWay()).isEqualTo(1);
        spool.listeners.getFirst().committed();
        assertThat(settlements.underWay()).isZero();
        assertThat(told).isEqualTo(1);
        assertThat(settleAgain(attempt)).isFalse();
    }

    /** The spool makes the envelope due again; it must not be sent a second time. */
    @Test
    void settle_failed_isSettledAgainInsteadOfSent() {
        Attempt attempt = delivered();
        settle(attempt);
        spool.listeners.getFirst().failed(new SpoolException("disk"));
        assertThat(settleAgain(attempt)).isTrue();
        assertThat(spool.settled).hasSize(2);
        assertThat(spool.settled.get(1).outcomes()).isEqualTo(spool.settled.get(0).outcomes());
        spool.listeners.get(1).committed();
        assertThat(settleAgain(attempt)).isFalse();
        assertThat(told).isEqualTo(2);
    }

    @Test
    void settleRemembered_laterAttemptOfTheSame_isAnother() {
        Attempt attempt = delivered();
        settle(attempt);
        Envelope old = attempt.envelope();
        Envelope next = new Envelope(old.id(), old.ordinal(), old.queue(), old.sender(),
                old.recipients(), old.options(), old.facts(), old.attempts() + 1, true,
                old.acceptedEpochMillis(), old.dueEpochMillis(), old.expiresEpochMillis());
        assertThat(settlements.settleRemembered(attempt.queue(), next, Runnable::run,
                () -> told++)).isFalse();
    }
}
