// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.Spool;
import io.netty.channel.EventLoopGroup;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;

/** Takes in mail. */
public final class SmtpServer {
    private SmtpServer() {}

    /**
     * Opens every listener.
     *
     * @throws SmtpServerException when an address cannot be bound or the certificate or the users
     *         file cannot be used
     */
    public static SmtpServer start(SmtpServerConfig config, Spool spool, EventLoopGroup loops,
            TimeSource time, Metrics metrics) {
        return new SmtpServer();
    }

    /** Where each listener is bound, by name. */
    public Map<String, InetSocketAddress> addresses() {
        return Map.of();
    }

    /** Closes the listeners; sessions go on to the end of their transaction. */
    public void stopAccepting() {}

    /** Whether listeners are open. */
    public boolean accepting() {
        return false;
    }

    /** Stops accepting, waits for transactions in flight, then closes every connection. Blocks. */
    public void close(Duration limit) {}
}
