// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Content;
import io.mailrace.core.Disposition;
import io.mailrace.core.Lane;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SmtpReply;
import io.mailrace.dkim.Signature;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.Memos;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One try to deliver one taken envelope: its signature and, recipient by recipient, what became of
 * it. Confined to its dispatcher's event loop, but for the time it is being signed.
 */
final class Attempt {
    private final Envelope envelope;
    private final MailQueue queue;
    private final Content content;
    private final @Nullable Disposition[] dispositions;
    /** Recipients that a reply about nobody else bounced; null while there are none. */
    private @Nullable BitSet refused;
    private Signature signature = Signature.NONE;
    private @Nullable SmtpReply unsigned;
    private int undecided;
    private int handBacks;
    private boolean reached;
    private boolean hostsSecure;
    private Optional<Warmup.Pass> pass = Optional.empty();
    private List<Memos.Addition> additions = List.of();
    private boolean started;
    private long startedNanos;
    private long begunNanos;
    private @Nullable PoolShare from;
    private List<Limit> permits = List.of();
    private long permitsNanos;

    Attempt(Envelope envelope, MailQueue queue, Content content) {
        this.envelope = envelope;
        this.queue = queue;
        this.content = content;
        undecided = envelope.recipients().size();
        dispositions = new Disposition[undecided];
    }

    Envelope envelope() {
        return envelope;
    }

    MailQueue queue() {
        return queue;
    }

    Lane lane() {
        return queue.key().lane();
    }

    Content content() {
        return content;
    }

    Signature signature() {
        return signature;
    }

    void signed(Signature with) {
        signature = with;
    }

    /** It could not be signed though a key is configured: it must not leave. */
    void unsigned(SmtpReply why) {
        unsigned = why;
    }

    Optional<SmtpReply> whyUnsigned() {
        return Optional.ofNullable(unsigned);
    }

    /** Octets on the wire, dot-stuffing and final dot aside (RFC 1870 section 3). */
    long sizeBytes() {
        return signature.header().length + content.sizeBytes();
    }

    /** Whether its own domain's hosts are named so that it can be relied on. */
    boolean hostsSecure() {
        return hostsSecure;
    }

    void hostsSecure(boolean are) {
        hostsSecure = are;
    }

    /** A connection has it, and took its source's right to send a message at that time. */
    void begin(PoolShare share, long nowNanos) {
        from = share;
        begunNanos = nowNanos;
        if (!started) {
            started = true;
            startedNanos = nowNanos;
        }
    }

    long startedNanos() {
        return startedNanos;
    }

    /** Where it waited for the connection that had it last; null: none had it. */
    @Nullable
    PoolShare from() {
        return from;
    }

    long begunNanos() {
        return begunNanos;
    }

    /** It took one of each of these limits on mail at that time, beside what it took before. */
    void permits(List<Limit> more, long takenNanos) {
        if (permits.isEmpty()) {
            permits = more;
            permitsNanos = takenNanos;
        } else {
            permits = Stream.concat(permits.stream(), more.stream()).toList();
        }
    }

    /** It does not go now: what it took of limits on mail is there for others. */
    void giveBackPermits() {
        permits.forEach(limit -> limit.giveBack(permitsNanos));
        permits = List.of();
    }

    boolean started() {
        return started;
    }

    /** It goes from a source that is warmed up, within what that may send. */
    void pass(Optional<Warmup.Pass> with) {
        pass = with;
    }

    Optional<Warmup.Pass> pass() {
        return pass;
    }

    /** What is counted when it is settled. */
    List<Memos.Addition> additions() {
        return additions;
    }

    void additions(List<Memos.Addition> with) {
        additions = with;
    }

    /** A server is asked to take it. */
    void reach() {
        reached = true;
    }

    /** Whether a server was asked in this attempt; else we decided everything ourselves. */
    boolean reached() {
        return reached;
    }

    /** No server has seen this mail before. */
    boolean first() {
        return !envelope.tried();
    }

    /** How often a connection gave it back before anything happened to it. */
    int handBacks() {
        return handBacks;
    }

    void handedBack() {
        handBacks++;
    }

    boolean decided() {
        return undecided == 0;
    }

    boolean decided(int recipient) {
        return dispositions[recipient] != null;
    }

    @Nullable
    Disposition disposition(int recipient) {
        return dispositions[recipient];
    }

    int recipients() {
        return dispositions.length;
    }

    /** Decides one recipient; the first decision stands. */
    void decide(int recipient, Disposition disposition) {
        if (dispositions[recipient] == null) {
            dispositions[recipient] = disposition;
            undecided--;
        }
    }

    /** As {@link #decide}, by a reply that was about this recipient alone. */
    void decideAlone(int recipient, Disposition disposition) {
        if (disposition instanceof Disposition.Bounced && !decided(recipient)) {
            BitSet those = refused == null ? new BitSet() : refused;
            those.set(recipient);
            refused = those;
        }
        decide(recipient, disposition);
    }

    /** Whether it bounced by a reply that was about this recipient, not about the message. */
    boolean refusedAlone(int recipient) {
        return refused != null && refused.get(recipient);
    }

    /** Decides every recipient that is still open. */
    void decideRest(Disposition disposition) {
        for (int i = 0; i < dispositions.length; i++) {
            decide(i, disposition);
        }
    }

    /** The peer took it for somebody. */
    boolean delivered() {
        for (Disposition disposition : dispositions) {
            if (disposition instanceof Disposition.Delivered) {
                return true;
            }
        }
        return false;
    }

    /** The domain receivers judge it by: that of the author, else of the sender. */
    String authorDomain() {
        String from = envelope.facts().fromDomain();
        return from.isEmpty() ? envelope.sender().domain() : from;
    }

    /** The peer took it, or refused it for good, for somebody. */
    boolean progressed() {
        for (Disposition disposition : dispositions) {
            if (disposition != null && !(disposition instanceof Disposition.Deferred)) {
                return true;
            }
        }
        return false;
    }

    boolean anyDecided() {
        return undecided < dispositions.length;
    }

    /** One outcome for each recipient; all must be decided. */
    List<RecipientOutcome> outcomes() {
        List<RecipientOutcome> outcomes = new ArrayList<>(dispositions.length);
        for (int i = 0; i < dispositions.length; i++) {
            Disposition disposition = dispositions[i];
            if (disposition == null) {
                throw new IllegalStateException("recipient without outcome");
            }
            outcomes.add(new RecipientOutcome(envelope.recipients().get(i).address(),
                    disposition));
        }
        return outcomes;
    }
}
