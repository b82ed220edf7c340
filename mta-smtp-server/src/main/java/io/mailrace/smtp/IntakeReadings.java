// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolPressure;
import io.mailrace.smtp.IntakePressure.Input;
import io.mailrace.smtp.IntakePressure.Source;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.util.internal.PlatformDependent;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * Reads the inputs of {@link IntakePressure} from the machine, the spool and the connections.
 * Confined to the thread that samples.
 */
final class IntakeReadings {
    private static final int BUDGET_SHARE = 3;

    private final PressureConfig config;
    private final Spool spool;
    private List<MemoryPoolMXBean> pools = List.of();
    private SpoolPressure work = SpoolPressure.NONE;

    IntakeReadings(PressureConfig config, Spool spool) {
        this.config = config;
        this.spool = spool;
    }

    /** Octets for messages being read. */
    static long budget(PressureConfig config) {
        return config.budget() > 0
                ? config.budget()
                : Runtime.getRuntime().maxMemory() / BUDGET_SHARE;
    }

    IntakePressure pressure(IntakeBudget budget, ConnectionLimits limits,
            IntSupplier handshakes) {
        Map<Input, Source> all = new EnumMap<>(Input.class);
        all.put(Input.CONNECTIONS, new Source(limits::open, 0, limits.max()));
        all.put(Input.BYTES_IN_FLIGHT, shares(budget::used, budget.limit()));
        all.put(Input.HEAP_AFTER_COLLECTION, shares(this::heapAfterCollection,
                Runtime.getRuntime().maxMemory()));
        all.put(Input.DIRECT_MEMORY, shares(IntakeReadings::directMemory,
                PlatformDependent.maxDirectMemory()));
        all.put(Input.SPOOL_REFUSES, new Source(() -> spool.refusal().isPresent() ? 1 : 0, 0, 1));
        all.put(Input.COMMITS_WAITING, new Source(this::commitsWaiting,
                config.maxCommitsWaiting() / 2, config.maxCommitsWaiting()));
        all.put(Input.BACKLOG_ENVELOPES, new Source(() -> work.envelopesWaiting(), 0,
                config.maxBacklog()));
        all.put(Input.DUE_FOR_SECONDS, new Source(() -> work.dueForMillis() / 1000, 0,
                config.maxDueFor().toSeconds()));
        all.put(Input.HANDSHAKES, new Source(handshakes::getAsInt, 0, config.maxHandshakes()));
        return new IntakePressure(all, () -> work.waitingByTenant(), config.maxTenantBacklog());
    }

    private Source shares(LongSupplier value, long whole) {
        return new Source(value, whole / 100 * config.slowAt(), whole / 100 * config.refuseAt());
    }

    /** Asked before the others of the spool: they stand in the same answer. */
    private long commitsWaiting() {
        work = spool.pressure();
        return work.commitsWaiting();
    }

    /** What the last collections left over; what is garbage by now does not count. */
    private long heapAfterCollection() {
        if (pools.isEmpty()) {
            pools = ManagementFactory.getMemoryPoolMXBeans().stream()
                    .filter(p -> p.getType() == MemoryType.HEAP).toList();
        }
        long used = 0;
        for (MemoryPoolMXBean pool : pools) {
            MemoryUsage left = pool.getCollectionUsage();
            // less is in use when something else emptied it since
            used += left == null ? 0 : Math.min(left.getUsed(), pool.getUsage().getUsed());
        }
        return used;
    }

    private static long directMemory() {
        return ByteBufAllocator.DEFAULT instanceof ByteBufAllocatorMetricProvider known
                ? Math.max(0, known.metric().usedDirectMemory())
                : 0;
    }
}
