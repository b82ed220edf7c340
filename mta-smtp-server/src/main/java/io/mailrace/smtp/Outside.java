// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.IncomingContent;
import java.util.Optional;

/**
 * What a {@link SmtpSession} asks of the world. On its event loop; answers come back into the
 * session only after the call returned.
 */
interface Outside {
    /** How far it has come. */
    enum Stage {
        STARTTLS, MAIL, RCPT
    }

    /**
     * What a client wants to do.
     *
     * @param identity empty when it did not log in
     * @param size the declared size of the message in octets, 0 when none was
     * @param recipients how many were taken so far
     */
    record Ask(Stage stage, Optional<Identity> identity, long size, int recipients) {}

    /** Sends a reply after those before it. */
    void reply(SmtpReply reply);

    /** Ends the connection after the replies given; nothing more will be asked. */
    void close();

    /** Ends the connection at once, whatever was said: it cannot go on. */
    void cutOff();

    /** Begins the handshake, then calls {@link SmtpSession#tlsEstablished}. */
    void startTls();

    /** Checks a login, then calls {@link SmtpSession#verdict}. */
    void verify(SaslDialogue.Credentials login);

    /** What a SCRAM login of that name is held against, whether there is such a user or not. */
    ScramSecret scramSecret(String user);

    /** Whether somebody can log in by SCRAM. */
    boolean offersScram();

    /** Who has that name, without a password; empty when nobody has. */
    Optional<Identity> userNamed(String name);

    /** The client is somebody else from now on; false when that one has too many connections. */
    boolean become(ClientOrigin client);

    /** Begins a content in the spool. */
    IncomingContent newContent();

    /** Whether this may go on now: empty when it may, else the answer, which is no error. */
    Optional<SmtpReply> admit(Ask ask);

    /** The memory of a transaction, still empty; the session closes it. */
    IntakeBudget.Grant newRoom(String owner);

    /** Notes a refusal somebody may ask about. */
    void rejected(Event.Intake from, String stage, SmtpReply reply);

    /** The session reads again after it waited for a commit. */
    void listensAgain();
}
