// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.List;
import org.xbill.DNS.TLSARecord;

/** What signed TLSA records say of one host and port (RFC 7672 2.2). */
sealed interface Dane {
    Dane NONE = new None();

    /** No signed records: TLS is opportunistic as far as DANE goes. */
    record None() implements Dane {}

    /** There are records, none of which this software can use: encryption is a must (2.2). */
    record Unusable() implements Dane {}

    /**
     * The certificate must fit one of them.
     *
     * @param base whose they are: the host, or the end of its aliases (2.2.3)
     * @param records with usage DANE-TA(2) or DANE-EE(3) only
     */
    record Records(String base, List<TLSARecord> records) implements Dane {
        public Records {
            records = List.copyOf(records);
        }
    }

    /** The zone is signed, but nobody could say: the host must not be used now (2.1.3). */
    record Unknown(String why) implements Dane {}
}
