// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/** Where an attempt is; the rows of {@link ReplyClassifier}'s table. In the order of the way. */
enum Stage {
    DNS("looking up the next hop"),
    SIGNING("signing"),
    BIND("binding the source address"),
    CONNECT("connecting"),
    GREETING("waiting for the greeting"),
    EHLO("waiting for the reply to EHLO"),
    HELO("waiting for the reply to HELO"),
    STARTTLS("waiting for the reply to STARTTLS"),
    TLS("in the TLS handshake"),
    AUTH("logging in"),
    IDLE("between messages"),
    RSET("waiting for the reply to RSET"),
    MAIL("waiting for the reply to MAIL"),
    RCPT("waiting for the reply to RCPT"),
    DATA("waiting for the reply to DATA"),
    CONTENT("sending the message"),
    END_OF_DATA("waiting for the reply to the end of data"),
    QUIT("waiting for the reply to QUIT");

    private final String words;

    Stage(String words) {
        this.words = words;
    }

    /** As part of a sentence. */
    String words() {
        return words;
    }
}
