// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What became of operations, brought to those who asked for them. */
final class CommitNews {
    private static final Logger LOG = LoggerFactory.getLogger(CommitNews.class);

    private CommitNews() {}

    /** Tells everybody concerned, with one task for each executor. */
    static void tell(List<Operation> operations, @Nullable SpoolException why) {
        IdentityHashMap<Executor, List<CommitListener>> byExecutor = new IdentityHashMap<>();
        for (Operation operation : operations) {
            Operation.Told told = operation.told();
            if (told != null) {
                byExecutor.computeIfAbsent(told.where(), where -> new ArrayList<>())
                        .add(told.listener());
            }
        }
        byExecutor.forEach((where, listeners) -> {
            try {
                where.execute(() -> listeners.forEach(one -> tellOne(one, why)));
            } catch (RejectedExecutionException gone) {
                LOG.warn("commits not told, their executor has ended count={}", listeners.size());
            }
        });
    }

    /** Whatever it throws, an error too: nobody else comes to tell those behind it. */
    private static void tellOne(CommitListener listener, @Nullable SpoolException why) {
        try {
            if (why == null) {
                listener.committed();
            } else {
                listener.failed(why);
            }
        } catch (Throwable unexpected) {
            LOG.error("commit listener failed", unexpected);
        }
    }
}
