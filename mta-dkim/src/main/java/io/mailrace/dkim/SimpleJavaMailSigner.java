// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.TimeSource;
import jakarta.mail.Header;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.Enumeration;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.simplejavamail.utils.mail.dkim.Canonicalization;
import org.simplejavamail.utils.mail.dkim.DkimMessage;
import org.simplejavamail.utils.mail.dkim.DkimSigner;

/**
 * Signs with the DKIM library of simple-java-mail what {@link LibraryScope} says it signs
 * correctly, and leaves every other message, and every one the library stumbles over, to the
 * streaming engine: binary content never comes near it. Holds a message of at most {@link
 * LibraryScope#MAX_BYTES} bytes several times while signing. Thread-safe: the library's signer is
 * not, so each signature has one of its own.
 */
final class SimpleJavaMailSigner implements MessageSigner {
    /* The library takes t= from the Date field and knows no clock; its message is asked for both
     * the date and the fields, so a subclass gives it the clock's time and the configured fields.
     * It looks the key up in the DNS before each signature unless told not to.
     * It signs what it would write. Whether that is what we send is checked, byte by byte. */

    private static final int MAX_LINE = 998;

    private final KeyRing keys;
    private final HeaderNames names;
    private final StreamingSigner streaming;
    private final TimeSource time;
    private final Session session = Session.getInstance(new Properties());
    /** The library lower-cases header names the way of the default locale. */
    private final boolean localeFits = "MIME-ID".toLowerCase(Locale.getDefault())
            .equals("mime-id");
    private final LongAdder byLibrary = new LongAdder();

    SimpleJavaMailSigner(KeyRing keys, HeaderNames names, StreamingSigner streaming,
            TimeSource time) {
        this.keys = keys;
        this.names = names;
        this.streaming = streaming;
        this.time = time;
    }

    @Override
    public boolean signs(ContentFacts facts) {
        return streaming.signs(facts);
    }

    @Override
    public Signature sign(Content content, ContentFacts facts) {
        KeyRing.Keys found = keys.find(facts.fromDomain());
        if (found == null || !found.areRsa() || !localeFits || facts.binary()
                || content.sizeBytes() > LibraryScope.MAX_BYTES) {
            return streaming.sign(content, facts);
        }
        byte[] message = bytes(content);
        if (LibraryScope.covers(message)) {
            Signature signature = signByLibrary(message, found);
            if (!signature.signedBy().isEmpty()) {
                byLibrary.increment();
                return signature;
            }
        }
        return streaming.sign(content, facts);
    }

    /** How many messages the library signed. */
    long signedByLibrary() {
        return byLibrary.sum();
    }

    @Override
    public void close() {
        streaming.close();
    }

    private Signature signByLibrary(byte[] message, KeyRing.Keys found) {
        try {
            ByteBuilder header = new ByteBuilder(1024);
            MimeMessage parsed = new MimeMessage(session, new ByteArrayInputStream(message));
            for (DkimKey key : found.all()) {
                byte[] field = key instanceof DkimKey.Rsa rsa
                        ? field(message, parsed, rsa)
                        : new byte[0];
                if (field.length == 0) {
                    return Signature.NONE;
                }
                header.put(field, 0, field.length);
            }
            return new Signature(header.toBytes(), found.signedBy());
        } catch (MessagingException | IOException | RuntimeException stumbled) {
            return Signature.NONE;
        }
    }

    /** One DKIM-Signature field, empty when the library would send other bytes than we do. */
    private byte[] field(byte[] message, MimeMessage parsed, DkimKey.Rsa key)
            throws MessagingException, IOException {
        DkimSigner signer = new DkimSigner(key.domain(), key.selector(), key.key());
        signer.setHeaderCanonicalization(Canonicalization.RELAXED);
        signer.setBodyCanonicalization(Canonicalization.RELAXED);
        signer.setCheckDomainKey(false);
        for (int i = 0; i < names.count(); i++) {
            signer.addHeaderToSign(names.name(i));
        }
        ByteArrayOutputStream written = new ByteArrayOutputStream(message.length + 2048);
        new Steered(parsed, signer, names, time).writeTo(written);
        byte[] all = written.toByteArray();
        int fieldEnd = all.length - message.length;
        boolean same = fieldEnd > 0
                && Arrays.equals(all, fieldEnd, all.length, message, 0, message.length);
        byte[] field = Arrays.copyOf(all, Math.max(0, fieldEnd));
        return same && linesFit(field) ? field : new byte[0];
    }

    private static boolean linesFit(byte[] field) {
        String text = new String(field, StandardCharsets.US_ASCII);
        return text.startsWith(SignatureField.NAME + ":") && text.endsWith("\r\n")
                && text.lines().allMatch(line -> line.length() <= MAX_LINE);
    }

    private static byte[] bytes(Content content) {
        ByteBuilder all = new ByteBuilder((int) content.sizeBytes());
        for (int c = 0; c < content.chunkCount(); c++) {
            byte[] chunk = content.chunk(c);
            all.put(chunk, 0, chunk.length);
        }
        return all.toBytes();
    }

    /** The library's message, with our clock and our choice of fields. */
    private static final class Steered extends DkimMessage {
        private final HeaderNames names;
        private final TimeSource time;

        Steered(MimeMessage message, DkimSigner signer, HeaderNames names, TimeSource time)
                throws MessagingException {
            super(message, signer);
            this.names = names;
            this.time = time;
        }

        @Override
        @SuppressWarnings("JavaUtilDate") // the type the library asks for
        public Date getSentDate() {
            return new Date(time.epochMillis());
        }

        @Override
        public Enumeration<Header> getAllHeaders() throws MessagingException {
            return Collections.enumeration(Collections.list(super.getAllHeaders()).stream()
                    .filter(this::isSigned).toList());
        }

        private boolean isSigned(Header header) {
            byte[] name = header.getName().getBytes(StandardCharsets.ISO_8859_1);
            return names.find(name, 0, name.length) >= 0;
        }
    }
}
