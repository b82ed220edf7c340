// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.SigningFacts;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.dkim.DkimSigners;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import java.util.List;

/**
 * The DKIM keys that sign now; a reload puts others in their place between two messages. Any
 * thread.
 */
final class DkimInForce implements MessageSigner, SigningFacts {
    private record Keys(DkimConfig config, MessageSigner signer, SigningFacts facts) {}

    private final TimeSource time;
    private volatile Keys keys;

    /** Opens the signer; see {@link DkimSigners#open}. */
    DkimInForce(DkimConfig config, TimeSource time) {
        this.time = time;
        keys = open(config);
    }

    private Keys open(DkimConfig config) {
        return new Keys(config, DkimSigners.open(config, time), config.facts());
    }

    /** Signs with others from now on. The old signer finishes what it is at. */
    void replace(DkimConfig config) {
        MessageSigner before = keys.signer();
        keys = open(config);
        before.close();
    }

    DkimConfig config() {
        return keys.config();
    }

    @Override
    public boolean signs(ContentFacts facts) {
        return keys.signer().signs(facts);
    }

    @Override
    public Signature sign(Content content, ContentFacts facts) {
        return keys.signer().sign(content, facts);
    }

    @Override
    public int together() {
        return keys.signer().together();
    }

    @Override
    public void signAll(List<? extends Job> jobs) {
        keys.signer().signAll(jobs);
    }

    @Override
    public boolean signsAny() {
        return keys.facts().signsAny();
    }

    @Override
    public boolean signs(String fromDomain) {
        return keys.facts().signs(fromDomain);
    }

    @Override
    public boolean covers(String field) {
        return keys.facts().covers(field);
    }

    @Override
    public void close() {
        keys.signer().close();
    }
}
