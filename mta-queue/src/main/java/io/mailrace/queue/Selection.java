// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Lane;
import io.mailrace.core.SpoolId;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Which envelopes an operation is about: those for which all of it holds. Immutable.
 *
 * @param lane empty: any
 * @param tenant empty: any
 * @param domain of the recipients, {@code *.example.com} for all below it; empty: any
 * @param pool empty: any
 * @param tag what the application called the mail; empty: any
 * @param author domain of the From address; empty: any
 * @param id of one message; empty: any
 * @param olderThan accepted, or released (RFC 4865), at least that long ago; zero: whenever
 * @param youngerThan the same, less than that long ago; zero: whenever
 * @param where a further condition on the queue, such as the site its mail goes to
 * @param whereText what {@code where} means, as {@code key=value}; empty when it always holds
 */
public record Selection(Optional<Lane> lane, String tenant, String domain, String pool, String tag,
        String author,
        Optional<SpoolId> id, Duration olderThan, Duration youngerThan, Predicate<QueueKey> where,
        String whereText) {
    /** Every envelope. */
    public static final Selection ALL = new Selection(Optional.empty(), "", "", "", "",
            "", Optional.empty(), Duration.ZERO, Duration.ZERO, key -> true, "");

    /** Mail whose author is of that domain. */
    public static Selection ofAuthor(String domain) {
        return new Selection(Optional.empty(), "", "", "", "", domain, Optional.empty(),
                Duration.ZERO, Duration.ZERO, key -> true, "");
    }

    /** Whether nothing is asked for, so that it means everything. */
    public boolean isAll() {
        return text().equals(EVERYTHING);
    }

    private static final String EVERYTHING = "everything";

    /** Whether envelopes of that queue may be meant. */
    boolean mayMean(QueueKey key) {
        return lane.map(key.lane()::equals).orElse(true)
                && (tenant.isEmpty() || tenant.equals(key.tenant()))
                && (pool.isEmpty() || pool.equals(key.pool()))
                && (domain.isEmpty() || key.toSmartHost() || covers(key.destination()))
                && where.test(key);
    }

    /** Whether every envelope of that queue is meant, whatever it is. Any thread. */
    public boolean meansAllOf(QueueKey key) {
        return id.isEmpty() && olderThan.isZero() && youngerThan.isZero() && !needsEnvelope(key)
                && mayMean(key);
    }

    /** Whether the envelope itself must be read to decide, its queue and times being right. */
    boolean needsEnvelope(QueueKey key) {
        return !tag.isEmpty() || !author.isEmpty() || (!domain.isEmpty() && key.toSmartHost());
    }

    /** What is in the envelope only. */
    boolean means(Envelope envelope) {
        return (tag.isEmpty() || tag.equals(envelope.facts().tag()))
                && (author.isEmpty() || author.equals(envelope.facts().fromDomain()))
                && (domain.isEmpty() || envelope.recipients().stream()
                        .allMatch(one -> covers(one.address().domain())));
    }

    /** What is in the schedule. */
    boolean means(long ofId, long acceptedEpochMillis, long nowEpochMillis) {
        long age = nowEpochMillis - acceptedEpochMillis;
        return (id.isEmpty() || id.get().value() == ofId)
                && (olderThan.isZero() || age >= olderThan.toMillis())
                && (youngerThan.isZero() || age < youngerThan.toMillis());
    }

    private boolean covers(String name) {
        return domain.startsWith("*.")
                ? name.length() >= domain.length() && name.endsWith(domain.substring(1))
                : domain.equals(name);
    }

    /** The conditions as people write them: {@code tenant=billing older-than=2h}. */
    public String text() {
        StringBuilder text = new StringBuilder();
        lane.ifPresent(one -> add(text, "lane", one.word()));
        add(text, "tenant", tenant);
        add(text, "domain", domain);
        add(text, "pool", pool);
        add(text, "tag", tag);
        add(text, "author", author);
        id.ifPresent(one -> add(text, "id", one.toString()));
        add(text, "older-than", olderThan.isZero() ? "" : olderThan.toSeconds() + "s");
        add(text, "younger-than", youngerThan.isZero() ? "" : youngerThan.toSeconds() + "s");
        if (!whereText.isEmpty()) {
            text.append(text.isEmpty() ? "" : " ").append(whereText);
        }
        return text.isEmpty() ? EVERYTHING : text.toString();
    }

    private static void add(StringBuilder text, String key, String value) {
        if (!value.isEmpty()) {
            text.append(text.isEmpty() ? "" : " ").append(key).append('=').append(value);
        }
    }
}
