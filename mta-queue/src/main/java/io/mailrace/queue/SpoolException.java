// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import org.jspecify.annotations.Nullable;

/** The machine under the spool failed: disk full, I/O error, damaged data, wrong format. */
public final class SpoolException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final boolean passing;

    public SpoolException(String message) {
        super(message);
        passing = false;
    }

    public SpoolException(String message, Throwable cause) {
        this(message, cause, false);
    }

    private SpoolException(String message, @Nullable Throwable cause, boolean passing) {
        super(message, cause);
        this.passing = passing;
    }

    /** The disk did not answer as it should, which says nothing of what is on it. */
    static SpoolException ofDisk(String message, Throwable cause) {
        return new SpoolException(message, cause, true);
    }

    /** Nobody has the database open, or not yet again. */
    static SpoolException closed() {
        return new SpoolException("spool is closed", null, true);
    }

    /** Whether it may be gone at the next try; otherwise what was read is damaged. */
    boolean mayPass() {
        return passing;
    }
}
