// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.Optional;

/**
 * What a session is to do with its peer.
 *
 * @param ehlo our name
 * @param peer host and address for texts
 * @param proof what the connection must prove
 * @param clearText TLS failed with this host lately: do not try
 * @param lookAhead the next message's commands may follow a content in the same group
 * @param hop what is special about a configured next hop
 * @param smallContent contents up to this size go with their BDAT in one group with MAIL and RCPT
 */
record SessionTerms(String ehlo, String peer, TlsProof proof, boolean clearText,
        boolean pipelining, boolean chunking, boolean lookAhead, int recipientsPerTransaction,
        int messages, long smallContent, Hop hop) {

    /**
     * What is special about a configured next hop.
     *
     * @param implicitTls TLS from the first byte
     * @param lmtp a reply for each recipient after the content (RFC 2033)
     */
    record Hop(boolean implicitTls, boolean lmtp, Optional<SmartHostConfig.Login> login) {
        static final Hop MX = new Hop(false, false, Optional.empty());

        /** What is configured for a site. */
        static Hop of(Site site, DeliveryConfig config) {
            return site.hosts().indexOf("://") > 0 && Destination.parse(site.hosts() + ":"
                    + site.port()) instanceof Destination.SmartHost via ? of(via, config) : MX;
        }

        private static Hop of(Destination.SmartHost via, DeliveryConfig config) {
            return new Hop(via.protocol() == Destination.Protocol.SMTPS,
                    via.protocol() == Destination.Protocol.LMTP,
                    config.smartHost(via.text()).login());
        }
    }
}
