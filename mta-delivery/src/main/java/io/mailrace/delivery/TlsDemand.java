// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.Locale;

/**
 * What connections to a site must prove; part of its identity, since domains with the same hosts
 * may ask for different things.
 *
 * @param policy what the operator says
 * @param dane the host names come from a signed zone, so TLSA records of the hosts count (RFC 7672
 *        2.2)
 * @param sts what the domain's MTA-STS policy says (RFC 8461 5)
 */
record TlsDemand(TlsPolicy policy, boolean dane, StsPolicy.Mode sts) {

    static TlsDemand of(TlsPolicy policy) {
        return new TlsDemand(policy, false, StsPolicy.Mode.NONE);
    }

    /** What a connection to one host must prove; DANE goes before MTA-STS (RFC 8461 2). */
    TlsProof of(Dane host) {
        if (policy == TlsPolicy.OFF) {
            return TlsProof.CLEAR_TEXT;
        }
        if (dane && host instanceof Dane.Records) {
            return TlsProof.DANE;
        }
        if (policy == TlsPolicy.VERIFIED || sts == StsPolicy.Mode.ENFORCE) {
            return TlsProof.NAME;
        }
        if (policy == TlsPolicy.REQUIRED || (dane && host instanceof Dane.Unusable)) {
            return TlsProof.ENCRYPTION;
        }
        return sts == StsPolicy.Mode.TESTING ? TlsProof.NAME_WATCHED : TlsProof.NOTHING;
    }

    /** For people. */
    @Override
    public String toString() {
        return policy.name().toLowerCase(Locale.ROOT) + (dane ? ", DANE where hosts have TLSA" : "")
                + switch (sts) {
                    case NONE -> "";
                    case TESTING -> ", MTA-STS testing";
                    case ENFORCE -> ", MTA-STS enforced";
                };
    }
}
