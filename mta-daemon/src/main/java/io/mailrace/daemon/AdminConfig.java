// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.ConfigSource;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The section {@code admin}: where operators and monitoring ask.
 *
 * @param socket path of the unix socket
 * @param bind TCP address of metrics and health; empty when off
 * @param allowedHosts further names a Host header may carry, lower-case
 */
record AdminConfig(Path socket, Optional<InetSocketAddress> bind, List<String> allowedHosts) {
    /** What sun_path of sockaddr_un holds on Linux, without its final NUL. */
    private static final int MAX_SOCKET_PATH = 107;
    /** Stands in after a problem was noted. */
    private static final InetSocketAddress NOWHERE = new InetSocketAddress(
            InetAddress.getLoopbackAddress(), 0);

    AdminConfig {
        allowedHosts = allowedHosts.stream().map(Ascii::lower).toList();
        if (socket.toString().isEmpty()) {
            throw new IllegalArgumentException("socket must be a path");
        }
        if (socket.toString().getBytes(StandardCharsets.UTF_8).length > MAX_SOCKET_PATH) {
            throw new IllegalArgumentException(
                    "socket must not be longer than " + MAX_SOCKET_PATH + " bytes: " + socket);
        }
    }

    static Optional<AdminConfig> from(ConfigReader root) {
        ConfigReader admin = root.section("admin");
        Path socket = admin.parsed("socket", "a path", Path.of("admin.sock"), Paths::parse);
        Optional<InetSocketAddress> bind = admin.string("bind").isEmpty()
                ? Optional.empty()
                : Optional.of(admin.parsed("bind",
                        "a numeric address with a port, such as 127.0.0.1:8025, or empty",
                        NOWHERE, AdminConfig::parseBind));
        List<String> hosts = admin.strings("allowed-hosts");
        return admin.build(() -> new AdminConfig(socket, bind, hosts));
    }

    /** Where the daemon of this config file listens; nothing else in the file is judged. */
    static Path socketOf(ConfigSource source) {
        return source.root().section("admin").parsed("socket", "a path", Path.of("admin.sock"),
                Paths::parse);
    }

    private static Optional<InetSocketAddress> parseBind(String text) {
        int colon = text.lastIndexOf(':');
        String port = text.substring(colon + 1);
        if (colon < 1 || port.isEmpty() || port.length() > 5
                || !port.chars().allMatch(c -> c >= '0' && c <= '9')
                || Integer.parseInt(port) > 65535) {
            return Optional.empty();
        }
        String host = text.substring(0, colon);
        boolean bracketed = host.startsWith("[") && host.endsWith("]");
        if (bracketed != (host.indexOf(':') >= 0)) {
            return Optional.empty();
        }
        return Cidr.parseAddress(bracketed ? host.substring(1, host.length() - 1) : host)
                .map(address -> new InetSocketAddress(address, Integer.parseInt(port)));
    }
}
