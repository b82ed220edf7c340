// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.net.InetSocketAddress;
import java.util.Optional;

/** The server cannot start: an address, a certificate or the users file cannot be used. */
public final class SmtpServerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Optional<Bind> bind;

    /**
     * Where a listener could not be opened.
     *
     * @param name of the listener
     */
    public record Bind(String name, InetSocketAddress address) {}

    public SmtpServerException(String message, Throwable cause) {
        super(message, cause);
        bind = Optional.empty();
    }

    SmtpServerException(Bind bind, Throwable cause) {
        super("listener " + bind.name() + " cannot listen on " + bind.address() + ": "
                + cause.getMessage(), cause);
        this.bind = Optional.of(bind);
    }

    /** The listener that could not be opened; empty when it was something else. */
    public Optional<Bind> bind() {
        return bind;
    }
}
