// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

/** The daemon cannot start here and now; the message tells the operator what to change. */
class StartException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    StartException(String message) {
        super(message);
    }

    StartException(String message, Throwable cause) {
        super(message, cause);
    }
}
