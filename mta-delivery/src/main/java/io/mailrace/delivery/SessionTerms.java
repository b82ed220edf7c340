// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/**
 * What a session is to do with its peer.
 *
 * @param ehlo our name
 * @param peer host and address for texts
 * @param proof what the connection must prove
 * @param clearText TLS failed with this host lately: do not try
 * @param lookAhead the next message's commands may follow a content in the same group
 * @param smallContent contents up to this size go with their BDAT in one group with MAIL and RCPT
 */
record SessionTerms(String ehlo, String peer, TlsProof proof, boolean clearText,
        boolean pipelining, boolean chunking, boolean lookAhead, int recipientsPerTransaction,
        int messages, long smallContent) {}
