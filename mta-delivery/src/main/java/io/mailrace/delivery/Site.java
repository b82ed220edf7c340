// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/**
 * Identity of a real receiver: all domains with the same set of MX hosts.
 *
 * @param hosts the host names in order of the alphabet, or a configured host
 */
record Site(String hosts, int port, TlsPolicy tls) {}
