// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigReader;
import java.time.Duration;

/**
 * How long each stage of a dialogue may last (RFC 5321 4.5.3.2). A reply must be whole by then,
 * however many lines it has.
 */
record DeliveryTimeouts(Duration connect, Duration greeting, Duration ehlo, Duration tls,
        Duration mail, Duration rcpt, Duration data, Duration content, Duration endOfData,
        Duration quit) {
    private static final Duration MIN = Duration.ofMillis(10);
    private static final Duration MAX = Duration.ofHours(1);

    static DeliveryTimeouts from(ConfigReader reader) {
        return new DeliveryTimeouts(reader.duration("connect", MIN, MAX),
                reader.duration("greeting", MIN, MAX), reader.duration("ehlo", MIN, MAX),
                reader.duration("tls", MIN, MAX), reader.duration("mail", MIN, MAX),
                reader.duration("rcpt", MIN, MAX), reader.duration("data", MIN, MAX),
                reader.duration("content", MIN, MAX), reader.duration("end-of-data", MIN, MAX),
                reader.duration("quit", MIN, MAX));
    }

    /** The limit of one stage; for {@link Stage#CONTENT} without progress. */
    Duration of(Stage stage) {
        return switch (stage) {
            case DNS, SIGNING, BIND, CONNECT -> connect;
            case GREETING -> greeting;
            case EHLO, HELO, STARTTLS, AUTH -> ehlo;
            case TLS -> tls;
            case RSET, MAIL -> mail;
            case RCPT -> rcpt;
            case DATA -> data;
            case CONTENT -> content;
            case END_OF_DATA -> endOfData;
            case IDLE, QUIT -> quit;
        };
    }
}
