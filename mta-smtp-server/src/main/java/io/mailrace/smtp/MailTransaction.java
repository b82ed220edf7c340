// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What MAIL and RCPT said so far, and the memory the message may take. Only recipients are added to
 * it; a new MAIL begins a new one, so that no command can leave half of an old transaction behind.
 * Holds at most {@code max-recipients} recipients, in the order given, repeats included. Confined
 * to its session, which closes it.
 */
final class MailTransaction implements AutoCloseable {
    private static final long RECIPIENT_BYTES = 512;
    private static final long ROOM_UNDECLARED = 32 << 10;
    private static final long ROOM_AT_FIRST = 128 << 10;

    private final MailAddress sender;
    private final MailOptions options;
    private final long declaredSize;
    private final IntakeBudget.Grant room;
    private final List<Recipient> recipients = new ArrayList<>(1);

    /**
     * @param declaredSize of the content in octets, 0 when none was
     * @param room still empty
     */
    MailTransaction(MailAddress sender, MailOptions options, long declaredSize,
            IntakeBudget.Grant room) {
        this.sender = sender;
        this.options = options;
        this.declaredSize = declaredSize;
        this.room = room;
    }

    /** Whether there is memory for one recipient more. */
    boolean hasRoomForRecipient() {
        return hasRoom(RECIPIENT_BYTES);
    }

    /** Whether there is memory for the content to begin. */
    boolean hasRoomForContent() {
        return hasRoom(declaredSize == 0 ? ROOM_UNDECLARED
                : Math.min(declaredSize, ROOM_AT_FIRST));
    }

    /** Whether there is memory for so many octets of content. */
    boolean hasRoom(long octets) {
        return room.covers(RECIPIENT_BYTES * recipients.size() + octets);
    }

    /** Gives back what a content took that is only counted from now on. */
    void keepOnlyRecipients() {
        room.close();
        hasRoom(0);
    }

    /** Gives all memory back. */
    @Override
    public void close() {
        room.close();
    }

    /** Whether the content was announced as BINARYMIME, which only BDAT can bring (RFC 3030 3). */
    boolean isBinary() {
        return options.body() == MailOptions.Body.BINARY_MIME;
    }

    void add(Recipient recipient) {
        recipients.add(recipient);
    }

    MailAddress sender() {
        return sender;
    }

    MailOptions options() {
        return options;
    }

    /** A view. */
    List<Recipient> recipients() {
        return Collections.unmodifiableList(recipients);
    }

    /** The recipients, each address once, with what was said of it first. */
    List<Recipient> distinctRecipients() {
        if (recipients.size() == 1) {
            return List.copyOf(recipients);
        }
        Map<MailAddress, Recipient> byAddress = new LinkedHashMap<>();
        recipients.forEach(r -> byAddress.putIfAbsent(r.address(), r));
        return List.copyOf(byAddress.values());
    }
}
