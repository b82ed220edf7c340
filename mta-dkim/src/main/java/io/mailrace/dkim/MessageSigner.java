// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;

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

    @Override
    void close();
}
