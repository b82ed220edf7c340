// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.FromDomain;
import io.mailrace.core.LintReport;
import io.mailrace.core.LintRule;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RoutingHints;
import io.mailrace.core.SigningFacts;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.Draft;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.LintPolicy;
import io.mailrace.queue.RouteTerms;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongPredicate;

/**
 * One message on its way from the client into the spool: takes its header in whole, takes out what
 * is meant for us, makes the edits of its routes, holds it to the rules for senders, puts in what
 * is missing, and learns its {@link ContentFacts}. The body streams. Holds the header, see
 * {@link HeaderBuffer}; the bytes are the {@link IncomingContent}'s. Once the message is refused,
 * its bytes are only counted. Confined to its session; ends with {@link #finish} or {@link
 * #discard}.
 */
final class MessageIntake implements ContentScanner.Sink {
    private static final byte[] CRLF = {'\r', '\n'};
    private static final int MAX_MESSAGE_ID = 1000;
    private static final int MAX_LINE = 998;
    /** So far ahead may mail be dated by who may date it and has no bound of his own. */
    private static final Duration USUAL_HOLD = Duration.ofDays(30);

    /**
     * What is known of a message before its first byte.
     *
     * @param recipients 1 or more, without repeats
     * @param rights of the sender
     * @param controls what he may say about its way
     * @param date for a Date field
     */
    record Sent(MailAddress sender, List<Recipient> recipients, MailOptions options,
            UserRights rights, Set<ControlField> controls, long epochMillis, String date) {
        ControlValues.Rights controlRights(Set<String> pools) {
            Duration hold = rights.maxHold().isZero() ? USUAL_HOLD : rights.maxHold();
            return new ControlValues.Rights(controls, rights.lanesHeMayAsk(), pools, epochMillis,
                    epochMillis + hold.toMillis());
        }
    }

    /** Two chunks: what a content has in memory at most once its header is over. */
    private static final long MAX_CONTENT = 2L * Content.CHUNK_BYTES;

    private final IncomingContent content;
    private final LongPredicate room;
    private final MessagePolicy policy;
    private final SubmissionConfig limits;
    private final Sent sent;
    private final ContentScanner scanner;
    private final HeaderBuffer buffer;
    /** Announced as BINARYMIME: what comes after the header may be octets, not lines. */
    private final boolean binary;
    /** It is octets: a bare CR, a bare LF or a NUL was in it. Known at the end. */
    private boolean octetsOnly;
    private boolean longHeaderLine;
    /** Octets that have come of the empty line after the header, which ends even that of such. */
    private int emptyLine;
    private Optional<SmtpReply> refusal = Optional.empty();
    private boolean discarded;
    private long octets;
    private boolean headerEnded;
    private boolean utf8Header;
    /** The header came with octets above 127, so the scanner cannot tell of the body alone. */
    private boolean looksAtBody;
    private boolean eightBitBody;
    private String messageId = "";
    private String fromDomain = "";
    private List<String> fromDomains = List.of();
    private String tag = "";
    private String tenant;
    private MailOptions options;
    private RoutingHints hints = RoutingHints.NONE;
    private SenderLint lint = new SenderLint(LintPolicy.OFF, SigningFacts.NONE);

    /**
     * @param room whether there is memory for so many octets of this message
     * @param received our Received line, stored before everything else
     * @param buffer of the connection, for this message alone until it is over
     */
    MessageIntake(IncomingContent content, LongPredicate room, boolean chunks, byte[] received,
            HeaderBuffer buffer, MessagePolicy policy, Sent sent) {
        this.content = content;
        this.room = room;
        this.buffer = buffer;
        this.policy = policy;
        this.sent = sent;
        limits = policy.limits();
        tenant = sent.rights().tenant();
        options = sent.options();
        binary = options.body() == MailOptions.Body.BINARY_MIME;
        if (binary && !chunks) {
            throw new IllegalStateException("BINARYMIME without BDAT"); // RFC 3030 3
        }
        buffer.clear();
        scanner = chunks ? ContentScanner.ofChunks(this) : ContentScanner.ofData(this);
        content.append(received, 0, received.length);
    }

    /** Takes bytes of the client; returns the index after the last that belongs to the message. */
    int receive(byte[] bytes, int from, int to) {
        int end = scanner.scan(bytes, from, to);
        if (scanner.malformed() && !binary) {
            refuse(Replies.BARE_LINE_ENDS);
        }
        if (refusal.isPresent()) {
            buffer.clear(); // what follows is only counted
        }
        return end;
    }

    @Override
    public void content(byte[] bytes, int offset, int length) {
        octets += length;
        if (octets > Math.min(limits.maxSize(), sent.rights().maxSize())) {
            refuse(Replies.TOO_LARGE);
        } else if (refusal.isEmpty() && !room.test(needs(octets, headerEnded, buffer.fields()))) {
            refuse(Replies.BUSY);
        }
        if (refusal.isPresent()) {
            return;
        }
        int at = offset;
        int to = offset + length;
        if (!headerEnded) {
            at = buffer.collect(bytes, offset, to);
            if (buffer.length() > limits.maxHeader()) {
                refuse(Replies.LONG_HEADER);
            } else if (buffer.ended()) {
                endHeader();
            }
        }
        if (binary && headerEnded) {
            takeEmptyLine(bytes, at, to);
        }
        if (looksAtBody && !eightBitBody) {
            eightBitBody = MessageHeader.hasEightBit(bytes, at, to);
        }
        store(bytes, at, to - at);
    }

    /** The header of binary content is text all the same, up to the CRLF that ends it. */
    private void takeEmptyLine(byte[] bytes, int from, int to) {
        for (int at = from; emptyLine < CRLF.length && at < to; at++) {
            if (bytes[at] != CRLF[emptyLine++]) {
                refuse(Replies.BARE_LINE_ENDS);
            }
        }
    }

    /**
     * Memory for so much of a message; a header is kept whole until it is over, in a buffer that
     * doubles, with the places of its fields.
     */
    static long needs(long octets, boolean headerOver, int fields) {
        return headerOver ? Math.min(octets, MAX_CONTENT) : 2 * octets + 8L * fields;
    }

    private void endHeader() {
        headerEnded = true;
        if (binary && buffer.brokenOff()) {
            // Where its octets begin would be a guess.
            refuse(Replies.BINARY_WITHOUT_HEADER);
            return;
        }
        if (binary && !buffer.isText()) {
            refuse(Replies.BARE_LINE_ENDS);
            return;
        }
        longHeaderLine = binary && buffer.hasLineOver(MAX_LINE);
        MessageHeader header = new MessageHeader(buffer, content.routedFields());
        if (header.count(KnownField.RECEIVED) > limits.maxReceived()) {
            refuse(Replies.LOOP);
            return;
        }
        if (!sent.rights().domains().isEmpty() && header.isWhole(KnownField.FROM)) {
            fromDomains = FromDomain.allOf(header.bytes(KnownField.FROM));
        }
        ControlValues controls = ControlValues.of(header, sent.controlRights(policy.pools()));
        controls.refusal().ifPresent(this::refuse);
        controls.notBefore().ifPresent(this::release);
        tag = controls.tag();
        tenant = controls.tenant().orElse(sent.rights().tenant());
        if (refusal.isEmpty() && policy.tenantFull().test(tenant)) {
            refuse(Replies.TOO_MUCH_WAITS);
        }
        hints = sent.rights().route(controls.hints(header.routedValues()));
        RouteTerms terms = content.terms(new Draft(sent.sender(), sent.recipients(),
                sent.options(), tenant, tag, hints));
        if (terms.editsDiffer()) {
            refuse(Replies.FIELDS_DIFFER);
        }
        lint = new SenderLint(terms.lint(), policy.signing());
        header.remove(terms.edits().remove());
        terms.edits().add().forEach(header::add);
        judge(header, controls, terms.bulk());
        utf8Header = header.eightBit();
        looksAtBody = buffer.eightBit();
        header.writeTo(this::store);
        if (buffer.brokenOff()) {
            store(CRLF, 0, CRLF.length);
            byte[] held = buffer.heldBytes();
            store(held, 0, held.length);
        }
        buffer.clear();
    }

    /** The later of both counts, when the client named a release in MAIL too. */
    private void release(long epochMillis) {
        long release = Math.max(epochMillis, options.releaseEpochMillis());
        MailOptions.DeliverBy by = options.deliverBy();
        if (by.mode() == MailOptions.DeliverBy.Mode.RETURN && by.epochMillis() <= release) {
            refuse(Replies.controlUnusable(ControlField.NOT_BEFORE));
        }
        if (release > sent.epochMillis()) {
            options = options.withRelease(release);
        }
    }

    private void judge(MessageHeader header, ControlValues controls, boolean bulk) {
        lint.begin(header, controls);
        lint.repeated(header);
        if (!header.has(KnownField.DATE)
                && (limits.addMissingHeaders() || lint.found(LintRule.DATE_MISSING))) {
            header.add("Date", sent.date());
        }
        if (!header.has(KnownField.MESSAGE_ID)
                && (limits.addMissingHeaders() || lint.found(LintRule.MESSAGE_ID_MISSING))) {
            header.add("Message-ID", "<" + content.id() + "@" + policy.hostname() + ">");
        }
        messageId = header.text(KnownField.MESSAGE_ID);
        if (messageId.length() > MAX_MESSAGE_ID) {
            messageId = messageId.substring(0, MAX_MESSAGE_ID);
        }
        fromDomain = FromDomain.of(header.bytes(KnownField.FROM));
        if (lint.looks()) {
            lint.header(header, buffer.brokenOff(), fromDomain, messageId, bulk,
                    sent.options().smtputf8());
            lint.refusal().ifPresent(this::refuse);
        }
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
        octetsOnly = binary && emptyLine == CRLF.length
                && (scanner.malformed() || scanner.awaitsLf());
        if (scanner.awaitsLf() && !octetsOnly) {
            refuse(Replies.BARE_LINE_ENDS);
        }
        if (!scanner.atLineStart() && !octetsOnly) {
            // The last chunk may end inside a line (RFC 3030); DATA towards a peer cannot.
            scanner.scan(CRLF, 0, CRLF.length);
        }
        if (refusal.isEmpty() && !headerEnded) {
            buffer.finish();
            endHeader();
            store(CRLF, 0, CRLF.length);
        }
        // octets have no lines, but the header before them has
        boolean longLine = octetsOnly ? longHeaderLine : scanner.longLine();
        if (longLine && limits.refuseLongLines()) {
            refuse(Replies.LONG_LINE);
        }
        if (refusal.isEmpty() && lint.looks()) {
            lint.body(eightBitBody(), longLine);
            lint.refusal().ifPresent(this::refuse);
        }
        lint.findings().forEach(policy.found());
        return refusal;
    }

    private boolean eightBitBody() {
        return looksAtBody ? eightBitBody : scanner.eightBit();
    }

    /** Call after {@link #finish}. */
    ContentFacts facts() {
        return new ContentFacts(content.sizeBytes(), utf8Header || eightBitBody(), utf8Header,
                scanner.leadingDot(), scanner.longLine(), octetsOnly, fromDomain, messageId,
                tag);
    }

    /** In whose name it is sent; call after {@link #finish}. */
    String tenant() {
        return tenant;
    }

    /** What was asked for, in MAIL and in the header; call after {@link #finish}. */
    MailOptions options() {
        return options;
    }

    /** Who gets it. */
    List<Recipient> recipients() {
        return sent.recipients();
    }

    /** What was found on it; call after {@link #finish}. */
    LintReport lint() {
        return lint.report();
    }

    /** Domains of all mailboxes in From; none when that is not sure or the sender is free. */
    List<String> fromDomains() {
        return fromDomains;
    }

    /** Call after {@link #finish}. */
    RoutingHints hints() {
        return hints;
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
