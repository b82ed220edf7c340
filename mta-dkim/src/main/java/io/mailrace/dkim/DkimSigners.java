// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.TimeSource;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the signer that the configuration asks for. */
public final class DkimSigners {
    private static final Logger LOG = LoggerFactory.getLogger(DkimSigners.class);

    private DkimSigners() {}

    /**
     * Opens the signer. With RSA keys and {@code rsa-provider} or {@code rsa-wide = auto} this
     * measures for a fraction of a second.
     *
     * @throws IllegalStateException when the wanted RSA provider cannot be used on this machine
     */
    public static MessageSigner open(DkimConfig config, TimeSource time) {
        config.warnings().forEach(warning -> LOG.warn("dkim {}", warning));
        KeyRing keys = new KeyRing(config.keys());
        HeaderNames names = new HeaderNames(config.signHeaders(), config.oversignHeaders());
        List<DkimKey.Rsa> rsaKeys = keys.allKeys().stream()
                .filter(DkimKey.Rsa.class::isInstance).map(DkimKey.Rsa.class::cast).toList();
        RsaEngine engine = rsaKeys.isEmpty()
                ? RsaEngine.jdk("no RSA key")
                : RsaEngine.choose(config.rsaProvider(), rsaKeys.getFirst(), time);
        boolean streams = config.engine() == DkimConfig.Engine.STREAMING;
        RsaSigning rsa = new RsaSigning(engine,
                streams ? config.rsaWide() : DkimConfig.Wide.OFF, rsaKeys, time);
        StreamingSigner streaming = new StreamingSigner(keys, names, rsa,
                config.signatureLifetime(), time);
        LOG.info("dkim engine={} domains={} keys={} rsa={} why=\"{}\" wide={} why=\"{}\"",
                config.engine(), config.keys().size(), keys.allKeys().size(), engine.name(),
                engine.why(), rsa.together() > 1,
                streams ? rsa.why() : "engine = simple-java-mail signs one by one");
        return switch (config.engine()) {
            case STREAMING -> streaming;
            case SIMPLE_JAVA_MAIL -> new SimpleJavaMailSigner(keys, names, streaming, time);
        };
    }
}
