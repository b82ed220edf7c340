// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Asked before a source begins to be warmed up. */
@FunctionalInterface
interface WarmupGate {
    /** Every source may begin. */
    WarmupGate OPEN = source -> CompletableFuture.completedFuture(List.of());

    /**
     * What receivers would hold against the source: a missing PTR, a name that does not lead back,
     * SPF that leaves it out. Nothing: it may begin. Any thread; must not block.
     */
    CompletableFuture<List<String>> problems(SourceConfig source);
}
