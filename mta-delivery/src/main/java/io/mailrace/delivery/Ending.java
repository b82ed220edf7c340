// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.SmtpReply;
import java.util.Optional;

/**
 * How a connection ended.
 *
 * @param stage where
 * @param failure what went wrong; empty when it was closed in order
 * @param reply the peer's words, or ours
 * @param lookedAhead commands of a further message stood behind a content
 */
record Ending(Stage stage, Optional<ReplyClassifier.Failure> failure,
        ReplyClassifier.Effect effect, SmtpReply reply, boolean lookedAhead) {
    static final Ending ORDERLY = new Ending(Stage.QUIT, Optional.empty(),
            ReplyClassifier.Effect.CLOSE, SmtpReply.of(221, "2.0.0", "closed"), false);
}
