// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.queue.IncomingContent;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/** Runs a session without sockets, as its connection would: holds what is not taken yet. */
final class SessionDriver implements Outside {
    final RecordingSpool spool = new RecordingSpool();
    final FakeTimeSource time = new FakeTimeSource();
    private static final UserTable USERS = Fixture.userTable();
    private final UserRates rates = new UserRates(time);
    final SmtpSession session;
    final List<SmtpReply> replies = new ArrayList<>();
    final List<String> lines = new ArrayList<>();
    final List<String> told = new ArrayList<>();
    final LongAdder accepted;
    final LongAdder loginsFailed;
    boolean closed;
    boolean tlsAsked;
    boolean answersLogins = true;
    IntakeBudget budget = new IntakeBudget(64 << 20);
    /** Whom the session took its client for, in order. */
    final List<ClientOrigin> became = new ArrayList<>();
    boolean tooManyOfThose;
    private final boolean implicit;
    private final Deque<Runnable> loop = new ArrayDeque<>();
    private final ByteArrayOutputStream held = new ByteArrayOutputStream();

    SessionDriver(SmtpServerConfig config, String listener) {
        SessionTerms terms = Fixture.terms(config, listener);
        implicit = terms.listener().tls() == ListenerConfig.Tls.IMPLICIT;
        accepted = terms.accepted();
        loginsFailed = terms.loginFailed();
        session = new SmtpSession(terms, ClientOrigin.of(InetAddress.getLoopbackAddress(),
                terms.listener()), this, time);
    }

    static SessionDriver relay() {
        return opened("relay");
    }

    static SessionDriver opened(String listener) {
        SessionDriver driver = new SessionDriver(Fixture.config(), listener);
        driver.open();
        return driver;
    }

    void open() {
        open(Optional.empty());
    }

    void open(Optional<Identity> certified) {
        session.opened(implicit ? "TLSv1.3 TEST" : "", certified);
    }

    /** Text with CRLF after each line. */
    SessionDriver say(String... commands) {
        return feed(String.join("\r\n", commands) + "\r\n");
    }

    SessionDriver feed(String bytes) {
        byte[] all = Fixture.latin1(bytes);
        return feed(all, 0, all.length);
    }

    SessionDriver feed(byte[] bytes, int from, int to) {
        if (closed) {
            return this;
        }
        held.write(bytes, from, to - from);
        pump();
        return this;
    }

    /** Gives the session what it takes and runs what it waits for, until neither moves. */
    void pump() {
        boolean moved = true;
        while (moved) {
            moved = false;
            while (!loop.isEmpty()) {
                loop.remove().run();
                moved = true;
            }
            byte[] all = held.toByteArray();
            if (all.length > 0 && !closed && session.listens()) {
                int taken = session.receive(all, 0, all.length);
                if (taken <= 0) {
                    throw new AssertionError("listens, but takes nothing");
                }
                held.reset();
                held.writeBytes(Arrays.copyOfRange(all, taken, all.length));
                moved = true;
            }
        }
    }

    String replyText() {
        return String.join("\n", lines);
    }

    List<Integer> codes() {
        return replies.stream().map(SmtpReply::code).toList();
    }

    String lastLine() {
        return lines.getLast();
    }

    RecordingSpool.Stored onlyMessage() {
        if (spool.stored.size() != 1) {
            throw new AssertionError(spool.stored.size() + " messages: " + replyText());
        }
        return spool.stored.getFirst();
    }

    @Override
    public void reply(SmtpReply reply) {
        if (closed) {
            throw new AssertionError("reply after the end: " + reply);
        }
        replies.add(reply);
        for (int i = 0; i < reply.lines().size(); i++) {
            lines.add(reply.code() + (i < reply.lines().size() - 1 ? "-" : " ")
                    + reply.status().map(s -> s + " ").orElse("") + reply.lines().get(i));
        }
    }

    @Override
    public void close() {
        closed = true;
    }

    @Override
    public void cutOff() {
        closed = true;
    }

    @Override
    public void startTls() {
        tlsAsked = true;
    }

    void establishTls() {
        session.tlsEstablished("TLSv1.3 TEST", Optional.empty());
        pump();
    }

    @Override
    public void verify(SaslDialogue.Credentials login) {
        UserTable.Entry entry = USERS.users().get(login.name());
        boolean right = entry != null && switch (login) {
            case SaslDialogue.Credentials.Password password -> Arrays.equals(password.octets(),
                    Fixture.PASSWORD.getBytes(StandardCharsets.UTF_8));
            case SaslDialogue.Credentials.Proof proof -> proof.holds();
        };
        if (answersLogins) {
            loop.add(() -> session.verdict(right
                    ? new LoginCheck.Verdict.Right(new Identity(login.name(), entry.rights()))
                    : new LoginCheck.Verdict.Wrong()));
        }
    }

    @Override
    public ScramSecret scramSecret(String user) {
        UserTable.Entry entry = USERS.users().get(user);
        return (entry == null ? Optional.<ScramSecret>empty() : entry.fields().scram())
                .orElseGet(() -> ScramSecret.made(new byte[32], user, Optional.empty()));
    }

    @Override
    public boolean offersScram() {
        return USERS.scram();
    }

    @Override
    public Optional<Identity> userNamed(String name) {
        return Optional.ofNullable(USERS.users().get(name))
                .map(entry -> new Identity(name, entry.rights()));
    }

    @Override
    public boolean become(ClientOrigin client) {
        became.add(client);
        return !tooManyOfThose;
    }

    @Override
    public IncomingContent newContent() {
        return spool.newContent(loop::add, () -> {
            session.writableAgain();
            pump();
        });
    }

    @Override
    public Optional<SmtpReply> admit(Ask ask) {
        return spool.refusal().map(why -> Replies.STORAGE_FULL).or(() -> rates.take(ask));
    }

    @Override
    public IntakeBudget.Grant newRoom(String owner) {
        return budget.open(owner);
    }

    @Override
    public void rejected(Event.Intake from, String stage, SmtpReply reply) {
        told.add(stage + " " + reply.code());
    }

    @Override
    public void listensAgain() {}
}
