// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;

import jakarta.mail.BodyPart;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeBodyPart;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;

/**
 * A notification as a mail program shows it, read by a MIME parser that is not ours.
 *
 * @param human text of its first part, decoded
 * @param languages of that text
 * @param encoding of that text on the wire
 * @param fields of RFC 3464, as written
 * @param original what is returned of the message
 * @param bytes as they leave us
 */
record ReadDsn(Envelope envelope, String subject, InternetAddress from, String human,
        List<String> languages, String encoding, String fields, String original, String bytes) {

    static ReadDsn of(SpoolFixture fixture, Envelope envelope) {
        byte[] bytes = fixture.read(envelope);
        assertThat(envelope.facts().sizeBytes()).isEqualTo(bytes.length);
        try {
            MimeMessage message = new MimeMessage(Session.getInstance(new Properties()),
                    new ByteArrayInputStream(bytes));
            MimeMultipart parts = (MimeMultipart) message.getContent();
            assertThat(parts.getCount()).isEqualTo(3);
            assertThat(parts.isComplete()).isTrue();
            MimeBodyPart human = (MimeBodyPart) parts.getBodyPart(0);
            return new ReadDsn(envelope, message.getSubject(),
                    (InternetAddress) message.getFrom()[0], (String) human.getContent(),
                    List.of(human.getContentLanguage()), human.getEncoding(),
                    text(parts.getBodyPart(1)), text(parts.getBodyPart(2)),
                    new String(bytes, StandardCharsets.UTF_8));
        } catch (MessagingException | IOException unreadable) {
            throw new AssertionError("no MIME message", unreadable);
        }
    }

    private static String text(BodyPart part) throws MessagingException, IOException {
        return new String(part.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
