// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.james.jdkim.DKIMVerifier;
import org.apache.james.jdkim.api.SignatureRecord;
import org.apache.james.jdkim.exceptions.FailException;
import org.apache.james.jdkim.exceptions.TempFailException;
import org.xbill.DNS.Lookup;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.Type;

/**
 * Checks DKIM signatures as a receiver does: with Apache jDKIM, which shares no code with our
 * signer, and with the key asked from the DNS. Any thread; asks the DNS once for each key.
 */
final class DemoVerifier {
    private final SimpleResolver resolver;
    private final Map<String, List<String>> keys = new ConcurrentHashMap<>();

    DemoVerifier(InetSocketAddress dns) {
        resolver = new SimpleResolver(dns);
        resolver.setTimeout(Duration.ofSeconds(5));
    }

    /** Why the message is not properly signed by the domain; empty when it is. */
    String problem(byte[] message, String domain) {
        List<SignatureRecord> signatures;
        try {
            var verifier = new DKIMVerifier((method, selector, signer) -> key(
                    selector + "._domainkey." + signer));
            signatures = verifier.verify(new ByteArrayInputStream(message));
        } catch (FailException failed) {
            return String.valueOf(failed.getMessage());
        } catch (IOException unreadable) {
            return unreadable.toString();
        }
        if (signatures == null || signatures.isEmpty()) {
            return "no DKIM signature";
        }
        return signatures.stream().anyMatch(s -> Ascii.equalsIgnoreCase(s.getDToken(), domain))
                ? ""
                : "no DKIM signature of " + domain;
    }

    private List<String> key(String name) throws TempFailException {
        List<String> known = keys.get(name);
        if (known != null) {
            return known;
        }
        try {
            var lookup = new Lookup(Name.fromString(name + "."), Type.TXT);
            lookup.setResolver(resolver);
            lookup.setCache(null);
            Record[] answers = lookup.run();
            if (answers == null) {
                throw new TempFailException("no key at " + name + ": " + lookup.getErrorString());
            }
            List<String> found = List.of(answers).stream()
                    .map(record -> String.join("", ((TXTRecord) record).getStrings())).toList();
            keys.put(name, found);
            return found;
        } catch (IOException badName) {
            throw new TempFailException("no key at " + name + ": " + badName);
        }
    }
}
