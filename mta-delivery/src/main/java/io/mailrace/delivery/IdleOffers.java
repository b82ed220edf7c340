// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Who has an idle connection that others may have. Each offers at most once until it is asked. Any
 * thread.
 */
final class IdleOffers {
    private final Set<Runnable> offers = ConcurrentHashMap.newKeySet();

    /** @param giveUp closes an idle connection if there still is one; the same for each offer */
    void offer(Runnable giveUp) {
        offers.add(giveUp);
    }

    /** Asks one of them to close an idle connection. */
    void reclaim() {
        for (Iterator<Runnable> all = offers.iterator(); all.hasNext();) {
            Runnable one = all.next();
            if (offers.remove(one)) {
                one.run();
                return;
            }
        }
    }
}
