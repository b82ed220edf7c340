// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

/** The server cannot start: an address, a certificate or the users file cannot be used. */
public final class SmtpServerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SmtpServerException(String message, Throwable cause) {
        super(message, cause);
    }
}
