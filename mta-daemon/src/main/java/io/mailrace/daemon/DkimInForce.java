// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigProblem;
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
    private record Keys(DkimConfig config, MessageSigner signer, SigningFacts facts,
            long generation) {}

    /** How a signer is opened; see {@link DkimSigners#open}. */
    @FunctionalInterface
    interface Opener {
        MessageSigner open(DkimConfig config, TimeSource time);
    }

    private final Opener opener;
    private final TimeSource time;
    private volatile Keys keys;

    /**
     * Opens the signer.
     *
     * @throws ConfigException when this machine lacks what the configuration asks for
     */
    DkimInForce(DkimConfig config, Opener opener, TimeSource time) {
        this.opener = opener;
        this.time = time;
        keys = open(config, 0);
    }

    private Keys open(DkimConfig config, long generation) {
        try {
            return new Keys(config, opener.open(config, time), config.facts(), generation);
        } catch (IllegalStateException lacking) {
            throw new ConfigException(List.of(new ConfigProblem("configuration", 0,
                    String.valueOf(lacking.getMessage()))));
        }
    }

    /**
     * Signs with others from now on. The old signer finishes what it is at. One at a time.
     *
     * @throws ConfigException as at the start; then the old keys go on signing
     */
    void replace(DkimConfig config) {
        Keys before = keys;
        keys = open(config, before.generation() + 1);
        before.signer().close();
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
    public long generation() {
        return keys.generation();
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
