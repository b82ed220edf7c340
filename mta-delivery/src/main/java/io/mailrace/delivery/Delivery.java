// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.Spool;
import io.netty.channel.EventLoopGroup;
import java.time.Duration;

/** Entry of the module. */
public final class Delivery {
    private Delivery() {}

    /** Starts. */
    public static Delivery start(DeliveryConfig config, Spool spool, MessageSigner signer,
            EventLoopGroup loops, TimeSource time, Metrics metrics) {
        return new Delivery();
    }

    /** Why mail waits. */
    public String why(QueueKey queue) {
        return "";
    }

    /** Stops. */
    public void close(Duration limit) {}
}
