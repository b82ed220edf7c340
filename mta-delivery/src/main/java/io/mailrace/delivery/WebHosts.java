// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/**
 * The web hosts of domains: public addresses only, unless the operator allows others, since whoever
 * owns a domain decides where that leads. At most {@value #MOST} are asked at once. Any thread.
 */
final class WebHosts implements StsPolicies.Fetch {
    private static final int MOST = 200;

    private final DeliveryConfig config;
    private final Semaphore free;
    private final HostAddresses hosts;
    private final Https https;

    WebHosts(DeliveryConfig config, DnsClient dns, TimeSource time, Https https) {
        this.config = config;
        this.https = https;
        free = new Semaphore(MOST);
        hosts = new HostAddresses(dns, DnsTtl.of(config.dns(), time), config.dns(), time);
    }

    @Override
    public CompletableFuture<String> text(String host, String path) {
        return bounded(() -> address(host).thenCompose(address -> https.text(host, address,
                config.delivery().peerTls().stsPort(), path)));
    }

    /** Hands something in where an https URL says; completes exceptionally when it was refused. */
    CompletableFuture<Void> post(URI to, String type, byte[] body) {
        String path = to.getRawPath() == null || to.getRawPath().isEmpty() ? "/"
                : to.getRawPath();
        String query = to.getRawQuery() == null ? "" : "?" + to.getRawQuery();
        return bounded(() -> address(to.getHost()).thenCompose(address -> https.post(to.getHost(),
                address, to.getPort() < 0 ? 443 : to.getPort(), path + query, type, body)));
    }

    /** Slow hosts of many domains must not take all sockets: beyond the bound it fails at once. */
    private <T> CompletableFuture<T> bounded(Supplier<CompletableFuture<T>> exchange) {
        if (!free.tryAcquire()) {
            return CompletableFuture.failedFuture(new Https.Failed(
                    TlsResult.STS_POLICY_FETCH_ERROR, "more than " + MOST
                            + " web hosts are being asked"));
        }
        return exchange.get().whenComplete((done, failed) -> free.release());
    }

    private CompletableFuture<InetAddress> address(String host) {
        return hosts.of(host).thenCompose(found -> {
            List<InetAddress> usable = found.addresses().stream().filter(address -> !OwnAddresses
                    .isPrivate(address) || config.delivery().allows(address)).toList();
            if (usable.isEmpty()) {
                return CompletableFuture.failedFuture(new Https.Failed(
                        TlsResult.STS_POLICY_FETCH_ERROR, host + " has no usable address"
                                + Optional.of(found.trouble()).filter(why -> !why.isEmpty())
                                        .map(why -> ": " + why).orElse("")));
            }
            return CompletableFuture.completedFuture(usable.getFirst());
        });
    }
}
