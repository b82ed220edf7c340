// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * What is done to a spool nobody has open: a stopped one or a backup. Blocks; one thread. Every
 * method raises {@link SpoolException} when the spool is in use, newer than this version, or cannot
 * be read at all.
 */
public final class SpoolFolder {

    /**
     * What a check found.
     *
     * @param looked envelopes looked at
     * @param problems found
     * @param mended of these, when it was to repair
     */
    public record CheckResult(long looked, long problems, long mended) {}

    private SpoolFolder() {}

    /**
     * Reads everything and compares: checksums, envelopes with their contents and due times, counts.
     *
     * @param directory the spool's path, or a backup
     * @param repair mends what can be: nothing that can still be read is thrown away
     * @param out is told of each problem, one line each
     */
    public static CheckResult check(QueueConfig config, Path directory, boolean repair,
            Consumer<String> out) {
        out.accept("in the making");
        return new CheckResult(0, 0, 0);
    }

    /**
     * Makes the configured spool from a backup. The backup is checked first and stays as it is.
     *
     * @throws SpoolException also when the configured spool holds anything
     */
    public static CheckResult restore(QueueConfig config, Path backup, Consumer<String> out) {
        out.accept("in the making");
        return new CheckResult(0, 0, 0);
    }

    /**
     * Writes each selected message that waits or is held as {@code ID.eml} with its envelopes as
     * {@code ID.json} into a new folder; the spool is not changed.
     *
     * @return how many messages
     */
    public static long export(QueueConfig config, Path directory, Selection selection, Path target,
            Consumer<String> out) {
        out.accept("in the making");
        return 0;
    }
}
