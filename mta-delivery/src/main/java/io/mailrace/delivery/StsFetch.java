// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Fetches policy files from the web hosts of domains: from public addresses only, unless the
 * operator allows others, since whoever owns a domain decides where that leads. Any thread.
 */
final class StsFetch implements StsPolicies.Fetch {
    private final DeliveryConfig config;
    private final HostAddresses hosts;
    private final HttpsGet https;

    StsFetch(DeliveryConfig config, DnsClient dns, TimeSource time, HttpsGet https) {
        this.config = config;
        this.https = https;
        hosts = new HostAddresses(dns, DnsTtl.of(config.dns(), time), config.dns(), time);
    }

    @Override
    public CompletableFuture<String> text(String host, String path) {
        return hosts.of(host).thenCompose(found -> {
            List<InetAddress> usable = found.addresses().stream().filter(address -> !OwnAddresses
                    .isPrivate(address) || config.delivery().allows(address)).toList();
            if (usable.isEmpty()) {
                return CompletableFuture.failedFuture(new HttpsGet.Failed(
                        TlsResult.STS_POLICY_FETCH_ERROR, host + " has no usable address"
                                + Optional.of(found.trouble()).filter(why -> !why.isEmpty())
                                        .map(why -> ": " + why).orElse("")));
            }
            return https.text(host, usable.getFirst(), config.delivery().peerTls().stsPort(), path);
        });
    }
}
