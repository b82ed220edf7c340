// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * The web hosts of domains: public addresses only, unless the operator allows others, since whoever
 * owns a domain decides where that leads. Any thread.
 */
final class WebHosts implements StsPolicies.Fetch {
    private final DeliveryConfig config;
    private final HostAddresses hosts;
    private final Https https;

    WebHosts(DeliveryConfig config, DnsClient dns, TimeSource time, Https https) {
        this.config = config;
        this.https = https;
        hosts = new HostAddresses(dns, DnsTtl.of(config.dns(), time), config.dns(), time);
    }

    @Override
    public CompletableFuture<String> text(String host, String path) {
        return address(host).thenCompose(address -> https.text(host, address,
                config.delivery().peerTls().stsPort(), path));
    }

    /** Hands something in where an https URL says; completes exceptionally when it was refused. */
    CompletableFuture<Void> post(URI to, String type, byte[] body) {
        String path = to.getRawPath() == null || to.getRawPath().isEmpty() ? "/"
                : to.getRawPath();
        String query = to.getRawQuery() == null ? "" : "?" + to.getRawQuery();
        return address(to.getHost()).thenCompose(address -> https.post(to.getHost(), address,
                to.getPort() < 0 ? 443 : to.getPort(), path + query, type, body));
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
