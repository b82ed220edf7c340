// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import java.util.List;

/**
 * Makes DKIM signatures (RFC 6376) with the keys of the author's domain. Thread-safe. Signing is
 * work for the CPU and may read the disk: never on an event loop.
 */
public interface MessageSigner extends AutoCloseable {

    /** Whether there is a key for the message's author domain or for a parent domain of it. */
    boolean signs(ContentFacts facts);

    /**
     * Signs a message once with each key of its domain. Memory use does not depend on the
     * message's size. A message that cannot be signed, whatever its bytes, gives
     * {@link Signature#NONE}; only a content that cannot be read throws.
     *
     * @throws RuntimeException what {@link Content#chunk} throws: local trouble, defer the mail
     */
    Signature sign(Content content, ContentFacts facts);

    /**
     * Another number whenever other keys, or the same in another way, sign from now on: what was
     * signed before is not to be used again. Read it before signing.
     */
    default long generation() {
        return 0;
    }

    /** How many messages {@link #signAll} signs at the least cost for each; at least 1. */
    default int together() {
        return 1;
    }

    /**
     * Signs each message as {@link #sign} would, with less work where several can be signed at
     * once, and tells each job how it went, on this thread. One that fails takes no other with it.
     */
    default void signAll(List<? extends Job> jobs) {
        for (Job job : jobs) {
            Signature signature;
            try {
                signature = sign(job.content(), job.facts());
            } catch (RuntimeException failed) {
                job.failed(failed);
                continue;
            }
            job.signed(signature);
        }
    }

    /** A message to be signed. */
    interface Job {
        /** May throw what reading the content throws. */
        Content content();

        ContentFacts facts();

        void signed(Signature signature);

        /** Local trouble: defer the mail. */
        void failed(RuntimeException why);
    }

    @Override
    void close();
}
