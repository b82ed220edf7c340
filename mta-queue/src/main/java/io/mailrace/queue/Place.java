// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/** Where an envelope stands in its queue: by due time, then by age. Immutable. */
record Place(long dueEpochMillis, long id, int ordinal) implements Comparable<Place> {
    static final Place FIRST = new Place(0, 0, 0);

    static Place of(Envelope envelope) {
        return new Place(envelope.dueEpochMillis(), envelope.id().value(), envelope.ordinal());
    }

    /** The smallest place after this one. */
    Place next() {
        return ordinal < Integer.MAX_VALUE
                ? new Place(dueEpochMillis, id, ordinal + 1)
                : new Place(dueEpochMillis, id + 1, 0);
    }

    boolean isBefore(Place other) {
        return compareTo(other) < 0;
    }

    @Override
    public int compareTo(Place other) {
        int byDue = Long.compare(dueEpochMillis, other.dueEpochMillis);
        if (byDue != 0) {
            return byDue;
        }
        int byId = Long.compare(id, other.id);
        return byId != 0 ? byId : Integer.compare(ordinal, other.ordinal);
    }
}
