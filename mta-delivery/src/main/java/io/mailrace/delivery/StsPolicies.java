// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Name;
import org.xbill.DNS.Type;

/**
 * The MTA-STS policies of recipients' domains (RFC 8461 3). A policy once seen holds until its age
 * is over, over restarts too, whatever DNS or HTTPS say meanwhile: else an attacker could make it
 * disappear (10.2). The first mail for a domain waits for its policy; later ones use what is known
 * while it is looked up again. Any thread; never blocks after the start; at most a configured
 * number of policies is kept, and as many domains that have none: these never drive out a policy.
 */
final class StsPolicies {
    private static final Logger LOG = LoggerFactory.getLogger(StsPolicies.class);
    private static final String PREFIX = "sts/";
    private static final String PATH = "/.well-known/mta-sts.txt";
    /** A failed fetch is not repeated before that (RFC 8461 3.3). */
    private static final Duration PAUSE = Duration.ofMinutes(5);
    /**
     * A policy is fetched again after that though its id is the same, so that it never ends; one
     * that does not hold for two days, when half of its time is over.
     */
    private static final Duration REFRESH = Duration.ofDays(1);

    /** Who fetches policy files. */
    interface Fetch {
        CompletableFuture<String> text(String host, String path);
    }

    /**
     * What is known of a domain.
     *
     * @param policy null: none
     * @param id of the record it was fetched for
     * @param checkNanos when the record is asked for again
     * @param trouble why a policy that is announced was not read at the last try
     */
    private record Known(@Nullable StsPolicy policy, String id, long fetchedEpochMillis,
            long checkNanos, Optional<Https.Failed> trouble) {}

    /** A policy in force. */
    record Found(StsPolicy policy, Optional<Https.Failed> trouble) {
        static final Found NONE = new Found(new StsPolicy(StsPolicy.Mode.NONE, List.of(), 0),
                Optional.empty());
    }

    private final DnsClient dns;
    private final DnsTtl ttl;
    private final TimeSource time;
    private final Memos memos;
    private final Fetch fetch;
    private final Cache<String, Known> cache;
    private final Cache<String, Known> without;
    private final Map<String, CompletableFuture<Found>> asking = new ConcurrentHashMap<>();
    private final LongAdder fetched;
    private final LongAdder failed;

    /** Reads what is on disk: blocks. */
    StsPolicies(DeliveryConfig config, DnsClient dns, TimeSource time, Memos memos, Fetch fetch,
            Metrics metrics) {
        this.dns = dns;
        this.time = time;
        this.memos = memos;
        this.fetch = fetch;
        ttl = DnsTtl.of(config.dns(), time);
        fetched = metrics.counter("delivery_sts_policies_total", "MTA-STS policies by result of "
                + "the fetch", Map.of("result", "fetched"));
        failed = metrics.counter("delivery_sts_policies_total", "MTA-STS policies by result of "
                + "the fetch", Map.of("result", "failed"));
        cache = Caffeine.newBuilder().maximumSize(config.dns().cacheSize())
                .executor(Runnable::run).evictionListener(this::forget).build();
        without = Caffeine.newBuilder().maximumSize(config.dns().cacheSize())
                .executor(Runnable::run).build();
        memos.each(PREFIX, (name, value) -> restore(name.substring(PREFIX.length()), value));
    }

    private void forget(@Nullable String domain, @Nullable Known known, RemovalCause why) {
        if (domain != null) {
            write(Memos.Change.remove(PREFIX + domain));
        }
    }

    private void restore(String domain, byte[] value) {
        String[] parts = new String(value, StandardCharsets.UTF_8).split("\n", 3);
        try {
            cache.put(domain, new Known(StsPolicy.parse(parts[2]), parts[1],
                    Long.parseLong(parts[0]), time.nanos(), Optional.empty()));
        } catch (RuntimeException unreadable) {
            LOG.warn("stored policy not readable domain={} reason=\"{}\"", domain,
                    unreadable.getMessage());
        }
    }

    private @Nullable Known kept(String domain) {
        Known policy = cache.getIfPresent(domain);
        return policy != null ? policy : without.getIfPresent(domain);
    }

    private void keep(String domain, Known known) {
        if (known.policy() == null) {
            without.put(domain, known);
        } else {
            cache.put(domain, known);
            without.invalidate(domain);
        }
    }

    /** The policy in force; mode none when there is none. Never completes exceptionally. */
    CompletableFuture<Found> of(String domain) {
        Known known = kept(domain);
        if (known != null && known.checkNanos() - time.nanos() > 0) {
            return CompletableFuture.completedFuture(inForce(known));
        }
        CompletableFuture<Found> mine = new CompletableFuture<>();
        CompletableFuture<Found> others = asking.putIfAbsent(domain, mine);
        if (others == null) {
            look(domain, known).whenComplete((found, bug) -> {
                Known now = found != null ? found : later(known, PAUSE, Optional.empty());
                if (bug != null) {
                    LOG.warn("policy not looked up domain={} reason=\"{}\"", domain,
                            bug.toString());
                }
                keep(domain, now);
                asking.remove(domain, mine);
                mine.complete(inForce(now));
            });
        }
        if (known != null && valid(known)) {
            return CompletableFuture.completedFuture(inForce(known));
        }
        return others == null ? mine : others;
    }

    /** Whether a question about the domain is under way. */
    boolean asking(String domain) {
        return asking.containsKey(domain);
    }

    /** The policy in force as far as known, without asking anybody. */
    StsPolicy known(String domain) {
        Known known = kept(domain);
        return known == null ? Found.NONE.policy() : inForce(known).policy();
    }

    private Found inForce(Known known) {
        StsPolicy policy = known.policy();
        return policy != null && valid(known) ? new Found(policy, known.trouble())
                : new Found(Found.NONE.policy(), known.trouble());
    }

    private boolean valid(Known known) {
        StsPolicy policy = known.policy();
        return policy != null
                && time.epochMillis() - known.fetchedEpochMillis() < policy.maxAgeSeconds() * 1000;
    }

    /** Whether it holds so long yet that it need not be fetched again. */
    private boolean fresh(Known known) {
        StsPolicy policy = known.policy();
        return policy != null && time.epochMillis() - known.fetchedEpochMillis() < Math.min(
                REFRESH.toMillis(), policy.maxAgeSeconds() * 1000 / 2);
    }

    private CompletableFuture<Known> look(String domain, @Nullable Known known) {
        Name name = DnsNames.of("_mta-sts." + domain);
        if (name == null) {
            return CompletableFuture.completedFuture(later(known, Duration.ofHours(1),
                    Optional.empty()));
        }
        return DnsChain.follow(dns, name, Type.TXT).thenCompose(result -> {
            if (!result.trouble().isEmpty()) {
                return CompletableFuture.completedFuture(later(known, PAUSE, Optional.empty()));
            }
            Optional<String> id = StsRecord.id(result.records());
            long until = ttl.untilNanos(result.ttlSeconds());
            if (id.isEmpty()) {
                return CompletableFuture.completedFuture(known == null
                        ? new Known(null, "", 0, until, Optional.empty())
                        : new Known(known.policy(), known.id(), known.fetchedEpochMillis(), until,
                                Optional.empty()));
            }
            if (known != null && known.id().equals(id.get()) && fresh(known)) {
                return CompletableFuture.completedFuture(read(known.policy(), known.id(),
                        known.fetchedEpochMillis(), until));
            }
            return fetch(domain, id.get(), known, until);
        });
    }

    private CompletableFuture<Known> fetch(String domain, String id, @Nullable Known known,
            long until) {
        return fetch.text("mta-sts." + domain, PATH).handle((text, refused) -> {
            Https.Failed why;
            try {
                if (text != null) {
                    StsPolicy policy = StsPolicy.parse(text);
                    fetched.increment();
                    long now = time.epochMillis();
                    write(Memos.Change.put(PREFIX + domain, (now + "\n" + id + "\n"
                            + policy.text()).getBytes(StandardCharsets.UTF_8)));
                    return read(policy, id, now, until);
                }
                Throwable cause = refused instanceof CompletionException ? refused.getCause()
                        : refused;
                why = cause instanceof Https.Failed said ? said
                        : new Https.Failed(TlsResult.STS_POLICY_FETCH_ERROR,
                                String.valueOf(cause));
            } catch (IllegalArgumentException broken) {
                why = new Https.Failed(TlsResult.STS_POLICY_INVALID, String.valueOf(
                        broken.getMessage()));
            }
            failed.increment();
            LOG.info("policy not fetched domain={} reason=\"{}\"", domain, why.why());
            if (why.unasked()) {
                // that says nothing of the domain: its next mail asks again
                return known != null && valid(known) ? later(known, PAUSE, known.trouble())
                        : later(known, Duration.ZERO, Optional.of(why));
            }
            return later(known, PAUSE, Optional.of(why));
        });
    }

    /** It is looked at again when half of its time is over, or before: then it is fetched anew. */
    private Known read(@Nullable StsPolicy policy, String id, long fetchedEpochMillis,
            long until) {
        long half = policy == null ? 0
                : fetchedEpochMillis + policy.maxAgeSeconds() * 1000 / 2 - time.epochMillis();
        long check = ttl.untilNanos(TimeUnit.MILLISECONDS.toSeconds(half));
        return new Known(policy, id, fetchedEpochMillis, check - until < 0 ? check : until,
                Optional.empty());
    }

    private Known later(@Nullable Known known, Duration pause,
            Optional<Https.Failed> trouble) {
        long next = time.nanos() + pause.toNanos();
        return known == null ? new Known(null, "", 0, next, trouble)
                : new Known(known.policy(), known.id(), known.fetchedEpochMillis(), next, trouble);
    }

    private void write(Memos.Change change) {
        memos.write(List.of(change), List.of(), Runnable::run,
                CommitListener.onFailure(why -> LOG.warn(
                        "policy not on disk name={} reason=\"{}\"", change.name(),
                        why.getMessage())));
    }
}
