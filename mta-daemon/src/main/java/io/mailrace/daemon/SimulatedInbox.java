// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.netty.buffer.ByteBuf;
import java.util.List;

/** Where the mail of simulated providers goes. Called by several event loops at once. */
public interface SimulatedInbox {

    /** A transaction with its accepted recipients; its content follows. */
    Incoming begin(String sender, List<String> recipients);

    /** One content on its way in; confined to one event loop. Dropped when the line is lost. */
    interface Incoming {
        /** The next bytes, without dot-stuffing. The buffer belongs to the caller. */
        void write(ByteBuf bytes);

        /**
         * The content is complete and taken.
         *
         * @param answered false when the line is cut instead of the 250: the sender cannot know
         *        that it was taken and must send it again
         */
        void end(boolean answered);
    }
}
