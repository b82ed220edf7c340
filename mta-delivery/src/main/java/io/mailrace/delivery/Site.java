// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/**
 * Identity of a real receiver: all domains with the same set of MX hosts that ask for the same
 * security.
 *
 * @param hosts the host names in order of the alphabet, or a configured host
 */
record Site(String hosts, int port, TlsDemand tls) {}
