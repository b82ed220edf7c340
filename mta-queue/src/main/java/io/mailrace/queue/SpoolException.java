// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/** The machine under the spool failed: disk full, I/O error, damaged data, wrong format. */
public final class SpoolException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SpoolException(String message) {
        super(message);
    }

    public SpoolException(String message, Throwable cause) {
        super(message, cause);
    }
}
