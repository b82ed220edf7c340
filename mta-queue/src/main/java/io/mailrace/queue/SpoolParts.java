// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;

/** What the commit thread needs of the spool it belongs to. Made once by {@link RocksSpool}. */
record SpoolParts(QueueConfig config, TimeSource time, SpoolClock clock, SpoolIds ids, Store store,
        SpoolLog log, WalWatch walWatch, FreshContents fresh, QueueTable queues, Journal journal,
        SpoolMeters meters) {}
