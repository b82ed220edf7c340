// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * The web hosts of domains: public addresses only, unless the operator allows others, since whoever
 * owns a domain decides where that leads. At most {@value #MOST} are asked at once, at most {@value
 * #MAX_ADDRESSES} addresses of each, until one can be reached; all of it, with the look-up, within
 * {@code delivery.mta-sts.timeout}. Any thread; never blocks.
 */
final class WebHosts implements StsPolicies.Fetch {
    static final int MOST = 200;
    private static final int MAX_ADDRESSES = 3;

    private final DeliveryConfig config;
    private final TimeSource time;
    private final Semaphore free;
    private final HostAddresses hosts;
    private final Https https;

    WebHosts(DeliveryConfig config, DnsClient dns, TimeSource time, Https https) {
        this.config = config;
        this.time = time;
        this.https = https;
        free = new Semaphore(MOST);
        hosts = new HostAddresses(dns, DnsTtl.of(config.dns(), time), config.dns(), time);
    }

    @Override
    public CompletableFuture<String> text(String host, String path) {
        return bounded(host, config.delivery().peerTls().stsPort(),
                peer -> https.text(peer, path));
    }

    /** Hands something in where an https URL says; completes exceptionally when it was refused. */
    CompletableFuture<Void> post(URI to, String type, byte[] body) {
        String path = to.getRawPath() == null || to.getRawPath().isEmpty() ? "/"
                : to.getRawPath();
        String query = to.getRawQuery() == null ? "" : "?" + to.getRawQuery();
        return bounded(to.getHost(), to.getPort() < 0 ? 443 : to.getPort(),
                peer -> https.post(peer, path + query, type, body));
    }

    /** Slow hosts of many domains must not take all sockets: beyond the bound nobody is asked. */
    private <T> CompletableFuture<T> bounded(String host, int port,
            Function<Https.Peer, CompletableFuture<T>> exchange) {
        if (!free.tryAcquire()) {
            return CompletableFuture.failedFuture(new Https.Failed(
                    TlsResult.STS_POLICY_FETCH_ERROR, MOST + " web hosts are being asked, and no "
                            + "more may be",
                    Https.Reached.NOBODY));
        }
        Duration limit = config.delivery().peerTls().stsTimeout();
        long untilNanos = time.nanos() + limit.toNanos();
        return addresses(host, limit).thenCompose(found -> ask(host, found, port, untilNanos,
                exchange)).whenComplete((done, failed) -> free.release());
    }

    /** At the first address; at the next one when nobody is there. */
    private <T> CompletableFuture<T> ask(String host, List<InetAddress> addresses, int port,
            long untilNanos, Function<Https.Peer, CompletableFuture<T>> exchange) {
        long left = Math.max(TimeUnit.MILLISECONDS.toNanos(1), untilNanos - time.nanos());
        int count = addresses.size();
        return exchange.apply(new Https.Peer(host, addresses.getFirst(), port,
                Duration.ofNanos(Math.max(TimeUnit.MILLISECONDS.toNanos(1), left / count)),
                Duration.ofNanos(left))).exceptionallyCompose(why -> {
                    Throwable cause = why instanceof CompletionException ? why.getCause() : why;
                    return count > 1 && cause instanceof Https.Failed failed
                            && failed.unconnected()
                                    ? ask(host, addresses.subList(1, count), port, untilNanos,
                                            exchange)
                                    : CompletableFuture.failedFuture(why);
                });
    }

    private CompletableFuture<List<InetAddress>> addresses(String host, Duration limit) {
        HostAddresses.Addresses late = new HostAddresses.Addresses(List.of(),
                "not looked up in time", 0, false, host);
        // a copy: others wait for the same answer
        return hosts.of(host).copy().completeOnTimeout(late, limit.toMillis(),
                TimeUnit.MILLISECONDS).thenApply(found -> {
                    List<InetAddress> usable = found.addresses().stream()
                            .filter(address -> !OwnAddresses.isPrivate(address)
                                    || config.delivery().allows(address))
                            .limit(MAX_ADDRESSES).toList();
                    if (usable.isEmpty()) {
                        throw new Https.Failed(TlsResult.STS_POLICY_FETCH_ERROR, host
                                + " has no usable address" + Optional.of(found.trouble())
                                        .filter(why -> !why.isEmpty()).map(why -> ": " + why)
                                        .orElse(""));
                    }
                    return usable;
                });
    }
}
