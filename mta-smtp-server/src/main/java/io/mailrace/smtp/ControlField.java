// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.util.Optional;

/**
 * The {@code X-Mailrace-} fields by which an application says what shall become of its mail. They
 * are taken out, as is every other field with that beginning.
 */
public enum ControlField {
    /** What the application calls this kind of mail. */
    TAG("Tag"),
    /** The lane it shall travel in. */
    LANE("Lane"),
    /** In whose name it is sent. */
    TENANT("Tenant"),
    /** The pool of sources it shall leave by. */
    POOL("Pool"),
    /** When it shall be sent at the earliest: seconds from now, or a date. */
    NOT_BEFORE("Not-Before");

    static final String PREFIX = "x-mailrace-";
    /** So many of them one message may have. */
    static final int MAX_READ = 20;

    private final String title;

    ControlField(String title) {
        this.title = title;
    }

    /** The name of the field. */
    String fieldName() {
        return "X-Mailrace-" + title;
    }

    /** The word in the users file and the configuration. */
    String word() {
        return Ascii.lower(title);
    }

    /** @param rest of a field name behind the prefix, in lower case */
    static Optional<ControlField> of(String rest) {
        for (ControlField one : values()) {
            if (Ascii.equalsIgnoreCase(one.title, rest)) {
                return Optional.of(one);
            }
        }
        return Optional.empty();
    }
}
