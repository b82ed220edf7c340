// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import io.mailrace.queue.SpoolException;
import java.security.SecureRandom;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A few octets nobody knows that outlive the process: what is made of them is the same after a
 * restart. Made at the first start and kept as a memo of the spool, which only its own user can
 * read. Blocks: for the start only.
 */
final class LastingSecret {
    private static final Logger LOG = LoggerFactory.getLogger(LastingSecret.class);
    private static final String NAME = "smtp/unknown-users";
    static final int BYTES = 32;

    private LastingSecret() {}

    /** What is kept, or a new one; when that cannot be written, the next start makes another. */
    static byte[] in(Memos memos) {
        byte[] kept = memos.beginningWith(NAME).get(NAME);
        if (kept != null && kept.length == BYTES) {
            return kept;
        }
        byte[] made = new byte[BYTES];
        new SecureRandom().nextBytes(made);
        memos.write(List.of(Memos.Change.put(NAME, made)), List.of(), Runnable::run,
                new CommitListener() {
                    @Override
                    public void committed() {
                        LOG.debug("secret=made");
                    }

                    @Override
                    public void failed(SpoolException why) {
                        LOG.warn("secret=lost why=\"{}\"", why.getMessage());
                    }
                });
        return made;
    }
}
