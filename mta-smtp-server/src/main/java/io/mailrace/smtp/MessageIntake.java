// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.RoutingHints;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.IncomingContent;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.LongPredicate;

/**
 * One message on its way from the client into the spool: checks it, puts our fields into its
 * header and learns its {@link ContentFacts}, all while it streams. Holds at most one field name
 * and two values; the bytes are the {@link IncomingContent}'s. Once the message is refused, its
 * bytes are only counted. Confined to its session; ends with {@link #finish} or {@link #discard}.
 */
final class MessageIntake implements ContentScanner.Sink {
    private static final byte[] CRLF = {'\r', '\n'};

    /** Two chunks: what a content has in memory at most once its header is over. */
    private static final long MAX_CONTENT = 2L * Content.CHUNK_BYTES;

    private final IncomingContent content;
    private final LongPredicate room;
    private final SubmissionConfig limits;
    private final String hostname;
    private final String date;
    private final ContentScanner scanner;
    private final HeaderScanner header;
    private Optional<SmtpReply> refusal = Optional.empty();
    private boolean discarded;
    private long octets;
    private String messageId = "";

    /**
     * @param room whether there is memory for so many octets of this message
     * @param received our Received line, stored before everything else
     */
    MessageIntake(IncomingContent content, LongPredicate room, boolean chunks, byte[] received,
            SubmissionConfig limits, String hostname, String date) {
        this.content = content;
        this.room = room;
        header = new HeaderScanner(this::store, content.routedFields());
        this.limits = limits;
        this.hostname = hostname;
        this.date = date;
        scanner = chunks ? ContentScanner.ofChunks(this) : ContentScanner.ofData(this);
        content.append(received, 0, received.length);
    }

    /** Takes bytes of the client; returns the index after the last that belongs to the message. */
    int receive(byte[] bytes, int from, int to) {
        int end = scanner.scan(bytes, from, to);
        if (scanner.malformed()) {
            refuse(Replies.BARE_LINE_ENDS);
        }
        return end;
    }

    @Override
    public void content(byte[] bytes, int offset, int length) {
        octets += length;
        if (octets > limits.maxSize()) {
            refuse(Replies.TOO_LARGE);
        } else if (refusal.isEmpty() && !room.test(needs(octets, header.ended()))) {
            refuse(Replies.BUSY);
        }
        if (refusal.isPresent()) {
            return;
        }
        int at = offset;
        if (!header.ended()) {
            at = header.scan(bytes, offset, offset + length);
            checkHeader();
            if (!header.ended()) {
                return;
            }
            endHeader();
        }
        store(bytes, at, offset + length - at);
    }

    /** Memory for so much of a message; a header may be kept whole until it is over. */
    static long needs(long octets, boolean headerOver) {
        return headerOver ? Math.min(octets, MAX_CONTENT) : octets;
    }

    private void checkHeader() {
        if (header.octets() > limits.maxHeader()) {
            refuse(Replies.LONG_HEADER);
        } else if (header.received() > limits.maxReceived()) {
            refuse(Replies.LOOP);
        }
    }

    private void endHeader() {
        messageId = header.messageId();
        if (limits.addMissingHeaders()) {
            if (!header.hasDate()) {
                store("Date: " + date + "\r\n");
            }
            if (!header.hasMessageId()) {
                messageId = "<" + content.id() + "@" + hostname + ">";
                store("Message-ID: " + messageId + "\r\n");
            }
        }
        if (header.brokenOff()) {
            store(CRLF, 0, CRLF.length);
            byte[] held = header.heldBytes();
            store(held, 0, held.length);
        }
    }

    private void store(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        store(bytes, 0, bytes.length);
    }

    private void store(byte[] bytes, int offset, int length) {
        if (length > 0 && refusal.isEmpty()) {
            content.append(bytes, offset, length);
        }
    }

    private void refuse(SmtpReply reply) {
        if (refusal.isEmpty()) {
            refusal = Optional.of(reply);
            discard();
        }
    }

    /** Whether the end of data was found; never for chunks. */
    boolean ended() {
        return scanner.ended();
    }

    /** Octets received, refused ones included. */
    long octets() {
        return octets;
    }

    /** Whether more bytes may be fed. */
    boolean writable() {
        return refusal.isPresent() || content.writable();
    }

    /** Why the message will not be taken, as far as is known yet. */
    Optional<SmtpReply> refusal() {
        return refusal;
    }

    /** Completes the message; empty when it can be accepted. */
    Optional<SmtpReply> finish() {
        if (scanner.awaitsLf()) {
            refuse(Replies.BARE_LINE_ENDS);
        }
        if (!scanner.atLineStart()) {
            // The last chunk may end inside a line (RFC 3030); DATA towards a peer cannot.
            scanner.scan(CRLF, 0, CRLF.length);
        }
        if (scanner.longLine() && limits.refuseLongLines()) {
            refuse(Replies.LONG_LINE);
        }
        if (refusal.isEmpty() && !header.ended()) {
            header.finish();
            endHeader();
            store(CRLF, 0, CRLF.length);
        }
        return refusal;
    }

    /** Call after {@link #finish}. */
    ContentFacts facts() {
        return new ContentFacts(content.sizeBytes(), scanner.eightBit(), header.utf8(),
                scanner.leadingDot(), scanner.longLine(), FromDomain.of(header.from()), messageId,
                header.tag());
    }

    /** Call after {@link #finish}. */
    RoutingHints hints() {
        return header.hints();
    }

    IncomingContent content() {
        return content;
    }

    /** Drops what was stored. May be called more than once, not after the content's acceptance. */
    void discard() {
        if (!discarded) {
            discarded = true;
            content.discard();
        }
    }
}
