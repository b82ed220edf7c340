// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.Locale;

/** Whom a reply is about; what a rule does is done to that. */
enum RuleScope {
    /** One recipient of the message. */
    RECIPIENT,
    /** This message, whoever else gets mail. */
    MESSAGE,
    /** Mail signed by this domain (else sent by it), from every source, at the provider. */
    SIGNING_DOMAIN,
    /** Our source address at the provider. */
    SOURCE,
    /** All our sources in the same block (IPv4 /24, IPv6 /64) at the provider. */
    SUBNET,
    /** The connection it was said on. */
    CONNECTION,
    /** Our source address at the site, not at others of the provider. */
    SITE,
    /** Every source at the provider. */
    PROVIDER;

    /** As written in configuration. */
    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
