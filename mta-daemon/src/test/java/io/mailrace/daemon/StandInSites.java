// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.queue.QueueKey;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;

/** Every destination is a site of its own, whose host is mx.DESTINATION. */
final class StandInSites implements OperationsApi.Sites {
    final List<Predicate<QueueKey>> woken = new CopyOnWriteArrayList<>();

    @Override
    public CompletionStage<Optional<String>> of(QueueKey queue) {
        return CompletableFuture.completedFuture(Optional.of("mx." + queue.destination()));
    }

    @Override
    public void wake(Predicate<QueueKey> which) {
        woken.add(which);
    }
}
