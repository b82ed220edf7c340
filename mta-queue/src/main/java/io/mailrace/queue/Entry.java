// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * An envelope in memory. Immutable.
 *
 * @param envelopesOfMessage how many envelopes its message had when it was accepted
 * @param delayTold whether its sender was told that it is delayed, which happens once
 */
record Entry(Envelope envelope, int envelopesOfMessage, boolean delayTold) {

    /** Names an envelope whatever its due time. */
    record Name(long id, int ordinal) {}

    Place place() {
        return Place.of(envelope);
    }

    Name name() {
        return new Name(envelope.id().value(), envelope.ordinal());
    }

    /** A rough count of the memory it holds. */
    int weightBytes() {
        return 400 + 200 * envelope.recipients().size();
    }
}
