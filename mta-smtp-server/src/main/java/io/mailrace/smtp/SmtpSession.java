// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.Submission;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The dialogue with one client (RFC 5321, RFC 6409), without I/O: bytes and other events go in,
 * what is to be done comes out through {@link Outside}. Exactly one reply for each command, in
 * order: while an answer is not yet known (a login, a commit) no further byte is taken. Holds at
 * most one unfinished line, one transaction and one header; content bytes go on to the spool.
 * Confined to the event loop of its connection.
 */
final class SmtpSession {
    /*
     * Modes. COMMAND and AUTH read lines, DATA and CHUNK read content, DISCARD swallows a refused
     * chunk: its octets were announced, so they must never be taken for commands. In VERIFYING and
     * COMMITTING nothing is read. After STARTTLS, in STARTING_TLS, a byte in the clear is an attack
     * (RFC 3207 4.2, CVE-2011-0411). CLOSED takes nothing any more.
     * Long because the dialogue is to be read in one piece: what a line says and what
     * becomes of content bytes is elsewhere, what may follow what is here.
     */
    enum Mode {
        COMMAND, AUTH, VERIFYING, STARTING_TLS, DATA, CHUNK, DISCARD, COMMITTING, CLOSED
    }

    private static final int MAX_HELO = 255;
    private static final long RATE_GRACE_NANOS = Duration.ofSeconds(30).toNanos();

    private final SessionTerms terms;
    private ClientOrigin origin;
    private final Outside outside;
    private final TimeSource time;
    private AuthExchange auth;
    private Mode mode = Mode.COMMAND;
    private final LineBuffer lines = new LineBuffer();
    /** Bytes in hand after the line being worked on. */
    private int following;

    private String helo = "";
    private boolean extended;
    private String tls = "";

    private @Nullable MailTransaction transaction;
    private @Nullable MessageIntake intake;
    private final HeaderBuffer header = new HeaderBuffer();
    private boolean chunks;
    private boolean lastChunk;
    private long chunkLeft;
    private SmtpReply discardReply = Replies.OK;
    private long discarded;

    private final ClientPatience patience;
    private boolean stopping;

    private long waitingSince;
    private long contentSince;

    SmtpSession(SessionTerms terms, ClientOrigin origin, Outside outside, TimeSource time) {
        this.terms = terms;
        this.origin = origin;
        this.outside = outside;
        this.time = time;
        patience = new ClientPatience(terms.limits());
        auth = new AuthExchange(terms.loginFailed(), this.outside);
        waitingSince = time.nanos();
    }

    // Events

    /** The connection is there, with TLS when the listener says so from the start. */
    void opened(String tlsFromTheStart, Optional<Identity> certified) {
        if (mode == Mode.CLOSED) {
            return;
        }
        tls = tlsFromTheStart;
        auth.encrypted(certified);
        waitingSince = time.nanos();
        greet();
        if (stopping) {
            end(Replies.STOPPING);
        }
    }

    private void greet() {
        outside.reply(SmtpReply.of(220, terms.hostname() + " ESMTP Mailrace"));
    }

    /** Takes bytes as long as the session listens; returns how many it took. */
    int receive(byte[] bytes, int from, int to) {
        int at = from;
        while (at < to && listens()) {
            at = switch (mode) {
                case COMMAND, AUTH -> receiveLine(bytes, at, to);
                case DATA -> receiveData(bytes, at, to);
                case CHUNK -> receiveChunk(bytes, at, to);
                case DISCARD -> discardChunk(at, to);
                case STARTING_TLS -> {
                    close();
                    yield to;
                }
                case VERIFYING, COMMITTING, CLOSED -> throw new IllegalStateException(
                        "not listening");
            };
        }
        return at - from;
    }

    /** Whether bytes may be given now. */
    boolean listens() {
        return switch (mode) {
            case COMMAND, AUTH, DISCARD, STARTING_TLS -> true;
            case DATA, CHUNK -> messageInHand().writable();
            case VERIFYING, COMMITTING, CLOSED -> false;
        };
    }

    boolean betweenMessages() {
        return mode == Mode.COMMAND && transaction == null;
    }

    /** The spool takes content again. The client was not slow while we did not read. */
    void writableAgain() {
        if (mode == Mode.DATA || mode == Mode.CHUNK) {
            long now = time.nanos();
            contentSince += now - waitingSince;
            waitingSince = now;
        }
    }

    /**
     * The handshake is done: all that was said before it is forgotten (RFC 3207 4.2).
     *
     * @param certified whom the client's certificate names
     */
    void tlsEstablished(String protocolAndCipher, Optional<Identity> certified) {
        if (mode != Mode.STARTING_TLS) {
            return;
        }
        mode = Mode.COMMAND;
        tls = protocolAndCipher;
        // a certificate that is shown after XCLIENT is the balancer's, not the client's
        auth.encrypted(origin.spokenFor() ? Optional.empty() : certified);
        helo = "";
        extended = false;
        abandon();
        nextCommand();
    }

    void verdict(LoginCheck.Verdict verdict) {
        if (mode != Mode.VERIFYING) {
            return;
        }
        mode = Mode.COMMAND;
        follow(auth.verdict(verdict));
        nextCommand();
    }

    /** {@link #deadlineNanos} has passed. */
    void timedOut() {
        end(Replies.IDLE);
    }

    /** The connection is gone. What is being committed is committed all the same. */
    void lost() {
        if (mode == Mode.CLOSED) {
            return; // perhaps out of COMMITTING: then the commit gives the room back
        }
        if (mode != Mode.COMMITTING) {
            abandon();
        }
        mode = Mode.CLOSED;
    }

    /** The server stops: idle sessions end now, the others after their transaction. */
    void stop() {
        stopping = true;
        if ((mode == Mode.COMMAND || mode == Mode.AUTH) && transaction == null) {
            end(Replies.STOPPING);
        }
    }

    /** The server has waited long enough. */
    void stopNow() {
        end(Replies.STOPPING);
    }

    /** When the client will have been silent or slow for too long; far away while we are busy. */
    long deadlineNanos() {
        long silent = waitingSince + terms.limits().idleTimeout().toNanos();
        return switch (mode) {
            case COMMAND, AUTH -> silent;
            case DATA, CHUNK -> listens()
                    ? Math.min(silent, rateDeadline(messageInHand().octets()))
                    : Long.MAX_VALUE;
            case DISCARD -> Math.min(silent, rateDeadline(discarded));
            case VERIFYING, STARTING_TLS, COMMITTING, CLOSED -> Long.MAX_VALUE;
        };
    }

    private long rateDeadline(long octets) {
        long rate = terms.limits().minRate();
        return rate == 0
                ? Long.MAX_VALUE
                : contentSince + Math.max(graceNanos(), (long) (1e9 * octets / rate));
    }

    /** What begins now has no deadline before so many nanoseconds are over. */
    long graceNanos() {
        return Math.min(terms.limits().idleTimeout().toNanos(), RATE_GRACE_NANOS);
    }

    // Lines

    private int receiveLine(byte[] bytes, int from, int to) {
        int end = lines.take(bytes, from, to, mode == Mode.AUTH);
        following = to - end;
        if (lines.tooLong()) {
            tell("command", Replies.LINE_TOO_LONG);
            end(mode == Mode.AUTH ? Replies.AUTH_LINE_TOO_LONG : Replies.LINE_TOO_LONG);
        } else if (lines.complete()) {
            takeLine(lines.bytes(), lines.from(), lines.to());
        }
        return end;
    }

    /** Takes a line without its LF; a CR must end it. */
    private void takeLine(byte[] bytes, int from, int to) {
        boolean crlf = to > from && bytes[to - 1] == '\r';
        // Without its CR the LF counts as part of the line: a control character.
        CommandLine command = CommandLine.parse(bytes, from, crlf ? to - 1 : to);
        CommandLine checked = crlf ? command : new CommandLine(command.verb(), "", false);
        if (mode == Mode.AUTH) {
            mode = Mode.COMMAND;
            follow(auth.next(checked.wellFormed()
                    ? Optional.of(new String(bytes, from, to - 1 - from,
                            StandardCharsets.ISO_8859_1))
                    : Optional.empty()));
        } else {
            command(checked);
        }
        nextCommand();
    }

    /** After each command: is the session to end, and from when on is the client silent? */
    private void nextCommand() {
        waitingSince = time.nanos();
        if (stopping && mode == Mode.COMMAND && transaction == null) {
            end(Replies.STOPPING);
        }
    }

    // Commands

    private void command(CommandLine command) {
        if (!command.wellFormed()) {
            refuse(Replies.BAD_CHARACTERS);
            if (command.verb() == CommandLine.Verb.BDAT) {
                // Octets follow that nobody can count.
                close();
            }
            return;
        }
        String argument = command.argument();
        switch (command.verb()) {
            case EHLO -> hello(argument, true);
            case HELO -> hello(argument, false);
            case MAIL -> mail(argument);
            case RCPT -> rcpt(argument);
            case DATA -> data(argument);
            case BDAT -> bdat(argument);
            case RSET -> reset(argument);
            case NOOP -> harmless(Replies.OK);
            case QUIT -> end(Replies.BYE);
            case VRFY -> harmless(argument.isEmpty()
                    ? Replies.NEEDS_NAME
                    : Replies.CANNOT_VERIFY);
            case HELP -> harmless(Replies.HELP);
            case STARTTLS -> startTls(argument);
            case AUTH -> auth(argument);
            case XCLIENT -> xclient(argument);
            case EXPN, ETRN, TURN, ATRN, SEND, SOML, SAML -> refuse(Replies.NOT_OFFERED);
            case GET, POST, PUT, HEAD, CONNECT, OPTIONS -> end(Replies.NOT_SMTP);
            case UNKNOWN -> refuse(Replies.UNKNOWN_COMMAND);
        }
    }

    private void hello(String name, boolean ehlo) {
        if (name.isEmpty() || name.length() > MAX_HELO) {
            refuse(Replies.NEEDS_NAME);
            return;
        }
        if (!helo.isEmpty() && tooMuchJunk()) {
            return;
        }
        helo = Ascii.clean(name, MAX_HELO);
        extended = ehlo;
        abandon();
        List<String> offer = ehlo
                ? terms.extensions(!tls.isEmpty(), offered(), rights(),
                        origin.speaksForOthers(), time.epochMillis())
                : List.of(terms.hostname());
        outside.reply(new SmtpReply(250, Optional.empty(), offer));
    }

    private void mail(String argument) {
        if (helo.isEmpty()) {
            refuse(Replies.NEEDS_HELLO);
            return;
        }
        if (transaction != null) {
            refuse(Replies.NESTED_MAIL);
            return;
        }
        if (!mayRelay()) {
            tellAndRefuse("mail", whyNotRelay());
            return;
        }
        MailCommand.Offer offer = new MailCommand.Offer(extended, limits().binarymime(),
                rights().maxHold(), time.epochMillis());
        switch (MailCommand.parse(argument, offer)) {
            case MailCommand.Refused(SmtpReply reply) -> refuse(reply);
            case MailCommand.Begin begin -> begin(begin);
        }
    }

    private void begin(MailCommand.Begin begin) {
        if (!rights().maySendAs(begin.sender())) {
            tellAndRefuse("mail", Replies.SENDER_NOT_HIS);
            return;
        }
        if (begin.size() > limits().maxSize()) {
            tellAndRefuse("mail", Replies.TOO_LARGE);
            return;
        }
        if (begin.options().requireTls() && tls.isEmpty()) {
            tellAndRefuse("mail", Replies.REQUIRETLS_NEEDS_TLS);
            return;
        }
        if (toldNotNow("mail", outside.admit(new Outside.Ask(Outside.Stage.MAIL,
                auth.identity(), begin.size(), 0)))) {
            return;
        }
        Lane wanted = Lane.ofPriority(begin.options().priority());
        boolean lowered = wanted != Lane.DEFAULT && !rights().mayChoose(wanted);
        transaction = new MailTransaction(begin.sender(), lowered
                ? begin.options().withPriority(0)
                : begin.options(), begin.size(),
                outside.newRoom(auth.identity().map(Identity::user).orElse(origin.text())));
        patience.messageBegins();
        outside.reply(lowered ? Replies.PRIORITY_CHANGED : Replies.SENDER_OK);
    }

    private void rcpt(String argument) {
        MailTransaction mail = transaction;
        if (mail == null) {
            refuse(Replies.NEEDS_MAIL);
            return;
        }
        if (chunks) {
            refuse(Replies.CHUNKS_BEGUN);
            return;
        }
        switch (RcptCommand.parse(argument, extended, mail.options().smtputf8(),
                terms.hostname())) {
            case RcptCommand.Refused(SmtpReply reply) -> refuse(reply);
            case RcptCommand.Add add when mail.recipients().size() < terms.limits()
                    .maxRecipients() ->
                take(mail, add.recipient());
            case RcptCommand.Add tooMany -> refuseRecipient(Replies.TOO_MANY_RECIPIENTS);
        }
    }

    private void take(MailTransaction mail, Recipient recipient) {
        Optional<SmtpReply> notNow = mail.hasRoomForRecipient()
                ? outside.admit(new Outside.Ask(Outside.Stage.RCPT, auth.identity(), 0,
                        mail.recipients().size()))
                : Optional.of(Replies.BUSY);
        if (notNow.isEmpty()) {
            mail.add(recipient);
            outside.reply(Replies.RECIPIENT_OK);
        } else if (mail.recipients().isEmpty()) {
            toldNotNow("rcpt", notNow);
        } else {
            // the message is to go to those who were accepted
            tell("rcpt", notNow.get());
            refuseRecipient(notNow.get());
        }
    }

    /** One recipient too many is the client's to send again (RFC 5321 4.5.3.1.10): no error. */
    private void refuseRecipient(SmtpReply reply) {
        if (patience.bearsRecipient()) {
            outside.reply(reply);
        } else {
            tell("rcpt", Replies.FAR_TOO_MANY_RECIPIENTS);
            end(Replies.FAR_TOO_MANY_RECIPIENTS);
        }
    }

    private void data(String argument) {
        Optional<SmtpReply> wrong = argument.isEmpty()
                ? wrongForContent()
                : Optional.of(Replies.NO_ARGUMENT);
        if (wrong.isEmpty() && chunks) {
            wrong = Optional.of(Replies.CHUNKS_BEGUN);
        }
        if (wrong.isEmpty() && mailInHand().isBinary()) {
            wrong = Optional.of(Replies.BINARY_NEEDS_BDAT);
        }
        if (wrong.isPresent()) {
            refuse(wrong.get());
            return;
        }
        if (!mailInHand().hasRoomForContent() && toldNotNow("data", Optional.of(Replies.BUSY))) {
            return;
        }
        openContent(false);
        mode = Mode.DATA;
        outside.reply(Replies.SEND_CONTENT);
    }

    private void bdat(String argument) {
        Optional<BdatCommand> chunk = BdatCommand.parse(argument);
        if (chunk.isEmpty()) {
            end(Replies.BAD_CHUNK);
            return;
        }
        long size = chunk.get().size();
        lastChunk = chunk.get().last();
        chunkLeft = size;
        discarded = 0;
        waitingSince = time.nanos();
        Optional<SmtpReply> wrong = wrongForContent();
        long soFar = intake == null ? 0 : intake.octets();
        if (wrong.isEmpty() && size > limits().maxSize() - soFar) {
            wrong = Optional.of(Replies.TOO_LARGE);
            tell("bdat", Replies.TOO_LARGE);
        }
        if (wrong.isEmpty() && intake == null && !mailInHand().hasRoomForContent()) {
            wrong = Optional.of(Replies.BUSY);
            tell("bdat", Replies.BUSY);
        }
        if (wrong.isPresent()) {
            discardReply = wrong.get();
            contentSince = waitingSince;
            abandon();
            mode = Mode.DISCARD;
            endDiscard();
            return;
        }
        if (intake == null) {
            openContent(true);
        }
        mode = Mode.CHUNK;
        endChunk();
    }

    private Optional<SmtpReply> wrongForContent() {
        if (transaction == null) {
            return Optional.of(Replies.NEEDS_MAIL);
        }
        return transaction.recipients().isEmpty()
                ? Optional.of(Replies.NO_RECIPIENTS)
                : Optional.empty();
    }

    private void reset(String argument) {
        if (!argument.isEmpty()) {
            refuse(Replies.NO_ARGUMENT);
            return;
        }
        boolean useful = transaction != null;
        abandon();
        if (useful) {
            outside.reply(Replies.OK);
        } else {
            harmless(Replies.OK);
        }
    }

    private void startTls(String argument) {
        if (!tls.isEmpty()) {
            refuse(Replies.TLS_TWICE);
        } else if (terms.listener().tls() != ListenerConfig.Tls.STARTTLS) {
            refuse(Replies.NOT_OFFERED);
        } else if (!argument.isEmpty()) {
            refuse(Replies.NO_ARGUMENT);
        } else if (following > 0) {
            tell("starttls", Replies.INJECTION);
            end(Replies.INJECTION);
        } else {
            startTlsIfAdmitted();
        }
    }

    private void startTlsIfAdmitted() {
        Optional<SmtpReply> notNow = outside.admit(new Outside.Ask(Outside.Stage.STARTTLS,
                auth.identity(), 0, 0));
        if (notNow.isPresent()) {
            harmless(notNow.get());
            return;
        }
        outside.reply(Replies.START_TLS);
        mode = Mode.STARTING_TLS;
        outside.startTls();
    }

    // AUTH (RFC 4954)

    private void auth(String argument) {
        Optional<SmtpReply> wrong = wrongForAuth();
        if (wrong.isPresent()) {
            refuse(wrong.get());
        } else {
            follow(auth.begin(argument));
        }
    }

    private List<String> offered() {
        return terms.listener().auth() == ListenerConfig.Auth.NONE || tls.isEmpty() || auth.said()
                ? List.of()
                : auth.mechanisms();
    }

    private Optional<SmtpReply> wrongForAuth() {
        if (terms.listener().auth() == ListenerConfig.Auth.NONE) {
            return Optional.of(Replies.NOT_OFFERED);
        }
        if (tls.isEmpty()) {
            return Optional.of(Replies.AUTH_NEEDS_TLS);
        }
        if (!extended) {
            return Optional.of(Replies.NEEDS_HELLO);
        }
        if (auth.said()) {
            return Optional.of(Replies.AUTH_TWICE);
        }
        return transaction == null ? Optional.empty() : Optional.of(Replies.AUTH_IN_MAIL);
    }

    private void follow(AuthExchange.Next next) {
        switch (next) {
            case AuthExchange.Next.Ask(SmtpReply challenge) -> {
                mode = Mode.AUTH;
                outside.reply(challenge);
            }
            case AuthExchange.Next.Check(SaslDialogue.Credentials login) -> {
                mode = Mode.VERIFYING;
                outside.verify(login);
            }
            case AuthExchange.Next.Over(SmtpReply reply) -> outside.reply(reply);
            case AuthExchange.Next.Broken(SmtpReply reply) -> refuse(reply);
            case AuthExchange.Next.Wrong(SmtpReply reply) -> {
                tell("auth", reply);
                outside.reply(reply);
            }
            case AuthExchange.Next.TooMany(SmtpReply reply) -> {
                tell("auth", reply);
                end(reply);
            }
        }
    }

    // XCLIENT (Postfix's XCLIENT_README)

    private void xclient(String argument) {
        if (!origin.speaksForOthers()) {
            tellAndRefuse("xclient", Replies.NO_XCLIENT);
            return;
        }
        if (transaction != null) {
            refuse(Replies.AUTH_IN_MAIL);
            return;
        }
        switch (XclientCommand.parse(argument)) {
            case XclientCommand.Refused(SmtpReply reply) -> refuse(reply);
            case XclientCommand.Become become -> become(become);
        }
    }

    private void become(XclientCommand.Become become) {
        Optional<Identity> user = become.login().flatMap(outside::userNamed);
        if (become.login().isPresent()
                && (!terms.listener().xclientLogin() || user.isEmpty())) {
            tellAndRefuse("xclient", Replies.NO_XCLIENT_LOGIN);
            return;
        }
        ClientOrigin next = become.of(origin, terms.listener());
        if (!outside.become(next)) {
            tell("xclient", Replies.TOO_MANY_CONNECTIONS);
            end(Replies.TOO_MANY_CONNECTIONS);
            return;
        }
        origin = next;
        helo = "";
        extended = false;
        auth = new AuthExchange(terms.loginFailed(), outside);
        user.ifPresent(auth::vouchedFor);
        greet();
    }

    private boolean mayRelay() {
        return origin.relaysFrom() || auth.identity().isPresent();
    }

    private SmtpReply whyNotRelay() {
        if (terms.listener().auth() == ListenerConfig.Auth.NONE) {
            return Replies.NO_RELAY;
        }
        return tls.isEmpty() ? Replies.NEEDS_TLS : Replies.NEEDS_AUTH;
    }

    // Content

    private void openContent(boolean asChunks) {
        MailTransaction mail = mailInHand();
        IncomingContent content = outside.newContent();
        String protocol = ReceivedField.protocol(extended, mail.options().smtputf8(),
                !tls.isEmpty(), auth.identity().isPresent());
        String date = terms.dates().text(time.epochMillis());
        byte[] received = ReceivedField.of(intakeNow(), protocol, terms.hostname(), content.id(),
                mail, date);
        intake = new MessageIntake(content, mail::hasRoom, asChunks, received, header,
                terms.messages(),
                new MessageIntake.Sent(mail.sender(), mail.distinctRecipients(), mail.options(),
                        rights(), auth.identity().isPresent() ? rights().control()
                                : terms.limits().controlHeaders(),
                        time.epochMillis(), date));
        chunks = asChunks;
        contentSince = time.nanos();
        discarded = 0;
    }

    private int receiveData(byte[] bytes, int from, int to) {
        MessageIntake message = messageInHand();
        int at = message.receive(bytes, from, to);
        waitingSince = time.nanos();
        if (message.ended()) {
            finishMessage();
        } else if (message.refusal().isPresent()) {
            mailInHand().keepOnlyRecipients();
            discarded += at - from;
            if (discarded > discardLimit()) {
                tell("data", message.refusal().get());
                end(message.refusal().get());
            }
        }
        return at;
    }

    private int receiveChunk(byte[] bytes, int from, int to) {
        int end = (int) Math.min(to, from + chunkLeft);
        messageInHand().receive(bytes, from, end);
        if (messageInHand().refusal().isPresent()) {
            mailInHand().keepOnlyRecipients();
        }
        waitingSince = time.nanos();
        chunkLeft -= end - from;
        endChunk();
        return end;
    }

    private void endChunk() {
        if (chunkLeft > 0) {
            return;
        }
        mode = Mode.COMMAND;
        Optional<SmtpReply> refusal = messageInHand().refusal();
        if (refusal.isPresent()) {
            refuseContent("bdat", refusal.get());
        } else if (lastChunk) {
            finishMessage();
        } else {
            outside.reply(Replies.CHUNK_OK);
        }
    }

    private int discardChunk(int from, int to) {
        int end = (int) Math.min(to, from + chunkLeft);
        chunkLeft -= end - from;
        discarded += end - from;
        waitingSince = time.nanos();
        endDiscard();
        return end;
    }

    private void endDiscard() {
        if (chunkLeft == 0) {
            mode = Mode.COMMAND;
            answer(discardReply);
            nextCommand();
        } else if (discarded + chunkLeft > discardLimit()) {
            end(discardReply);
        }
    }

    /** A refused message is read to its end so that the reply is seen, but not for ever. */
    private long discardLimit() {
        return 2 * limits().maxSize();
    }

    private void refuseContent(String stage, SmtpReply reply) {
        abandon();
        tell(stage, reply);
        answer(reply);
        nextCommand();
    }

    /** Refuses content: with 4xx it may come again, but not for ever. */
    private void answer(SmtpReply reply) {
        if (reply.code() < 500) {
            harmless(reply);
        } else {
            refuse(reply);
        }
    }

    private void finishMessage() {
        MessageIntake message = messageInHand();
        Optional<SmtpReply> refusal = message.finish();
        if (refusal.isEmpty() && !rights().mayWriteAs(message.fromDomains())) {
            refusal = Optional.of(Replies.FROM_NOT_HIS);
        }
        mode = Mode.COMMAND;
        if (refusal.isPresent()) {
            refuseContent("data", refusal.get());
            return;
        }
        MailTransaction mail = mailInHand();
        message.content().accept(new Submission(mail.sender(), message.recipients(),
                message.options(), message.facts(), message.tenant(), intakeNow(), message.hints(),
                message.lint()),
                new CommitListener() {
                    @Override
                    public void committed() {
                        terms.accepted().increment();
                        patience.messageAccepted();
                        afterCommit(message, SmtpReply.of(250, "2.0.0",
                                "queued as " + message.content().id()));
                    }

                    @Override
                    public void failed(SpoolException why) {
                        tell("commit", Replies.NOT_STORED);
                        afterCommit(message, Replies.NOT_STORED);
                    }
                });
        // not before: had it thrown, nobody would be told, and nobody would give the room back
        mode = Mode.COMMITTING;
    }

    private void afterCommit(MessageIntake message, SmtpReply reply) {
        if (intake != message) {
            return; // answered before: what is in hand now is another one
        }
        intake = null;
        abandon();
        if (mode != Mode.COMMITTING) {
            return;
        }
        mode = Mode.COMMAND;
        try {
            outside.reply(reply);
            nextCommand();
            outside.listensAgain();
        } catch (RuntimeException | Error broken) {
            // else the client would wait for its reply, and we for its next command
            lost();
            outside.cutOff();
            throw broken;
        }
    }

    // Replies and ends

    /** Whether it cannot be done now: no fault of the client's, unless it asks on and on. */
    private boolean toldNotNow(String what, Optional<SmtpReply> why) {
        why.ifPresent(reply -> {
            tell(what, reply);
            harmless(reply);
        });
        return why.isPresent();
    }

    /** A refusal that is the client's fault: too many of them end the session. */
    private void refuse(SmtpReply reply) {
        if (patience.bearsError()) {
            outside.reply(reply);
        } else {
            tell("command", Replies.TOO_MANY_ERRORS);
            end(Replies.TOO_MANY_ERRORS);
        }
    }

    private void tellAndRefuse(String stage, SmtpReply reply) {
        tell(stage, reply);
        refuse(reply);
    }

    /** A command that leads nowhere. */
    private void harmless(SmtpReply reply) {
        if (!tooMuchJunk()) {
            outside.reply(reply);
        }
    }

    private boolean tooMuchJunk() {
        if (patience.bearsJunk()) {
            return false;
        }
        tell("command", Replies.TOO_MANY_ERRORS);
        end(Replies.TOO_MANY_ERRORS);
        return true;
    }

    private void tell(String stage, SmtpReply reply) {
        outside.rejected(intakeNow(), stage, reply);
    }

    private void end(SmtpReply last) {
        if (mode != Mode.CLOSED) {
            outside.reply(last);
            close();
        }
    }

    private void close() {
        if (mode != Mode.CLOSED) {
            lost();
            outside.close();
        }
    }

    /** Forgets the transaction and drops its content. */
    private void abandon() {
        if (intake != null) {
            intake.discard();
        }
        if (transaction != null) {
            transaction.close();
        }
        header.clear();
        intake = null;
        transaction = null;
        chunks = false;
    }

    private Event.Intake intakeNow() {
        String user = auth.identity().map(Identity::user).orElse("");
        return new Event.Intake(terms.listenerName(), origin.text(), user, helo, tls);
    }

    private UserRights rights() {
        return auth.identity().map(Identity::rights).orElse(UserRights.WITHOUT_LOGIN);
    }

    /** The bounds of the server, and the size of the user's own. */
    private SubmissionConfig limits() {
        return terms.limits().within(rights().maxSize());
    }

    private MailTransaction mailInHand() {
        if (transaction == null) {
            throw new IllegalStateException("content without a transaction");
        }
        return transaction;
    }

    private MessageIntake messageInHand() {
        if (intake == null) {
            throw new IllegalStateException("content bytes without a content");
        }
        return intake;
    }

    Mode mode() {
        return mode;
    }

    /** Where the client comes from, as far as is known. */
    ClientOrigin origin() {
        return origin;
    }
}
