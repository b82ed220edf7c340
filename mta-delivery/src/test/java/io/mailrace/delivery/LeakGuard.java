// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Makes a leaked buffer fail a test. Installed before Netty's buffers are loaded. */
final class LeakGuard {
    private static final List<String> LEAKS = new CopyOnWriteArrayList<>();

    private static final class Detector<T> extends ResourceLeakDetector<T> {
        Detector(Class<?> type, int interval) {
            super(type, interval);
        }

        @Override
        protected void reportTracedLeak(String type, String records) {
            LEAKS.add(type + records);
        }

        @Override
        protected void reportUntracedLeak(String type) {
            LEAKS.add(type);
        }
    }

    private LeakGuard() {}

    static void install() {
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
        ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(
                new ResourceLeakDetectorFactory() {
                    @Override
                    @SuppressWarnings("deprecation")
                    public <T> ResourceLeakDetector<T> newResourceLeakDetector(Class<T> type,
                            int interval, long maxActive) {
                        return new Detector<>(type, interval);
                    }
                });
    }

    /** Leaks are found when a further buffer is made after the garbage was collected. */
    static List<String> leaks() {
        for (int i = 0; i < 3; i++) {
            System.gc();
            ByteBufAllocator.DEFAULT.directBuffer(16).release();
        }
        return List.copyOf(LEAKS);
    }
}
