// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many files a file system can still take, which the JDK does not tell: statvfs(3) of the C
 * library, on 64-bit Linux. Any thread; may block on the disk.
 */
final class FreeInodes {
    private static final Logger LOG = LoggerFactory.getLogger(FreeInodes.class);
    /** Larger than struct statvfs, whose head is the same with glibc and musl. */
    private static final int STRUCT_BYTES = 256;
    private static final int FILES_OFFSET = 40;
    private static final int AVAILABLE_OFFSET = 56;

    private final Path directory;
    private @Nullable MethodHandle statvfs;
    private boolean unknown = !System.getProperty("os.name", "").toLowerCase(Locale.ROOT)
            .contains("linux") || ValueLayout.ADDRESS.byteSize() != Long.BYTES;

    FreeInodes(Path directory) {
        this.directory = directory;
    }

    /** {@link Long#MAX_VALUE} when the file system has no such limit or it is unknown. */
    synchronized long count() {
        if (unknown) {
            return Long.MAX_VALUE;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment answer = arena.allocate(STRUCT_BYTES);
            int failed = (int) handle().invokeExact(arena.allocateFrom(directory.toString()),
                    answer);
            if (failed != 0 || answer.get(ValueLayout.JAVA_LONG, FILES_OFFSET) == 0) {
                return Long.MAX_VALUE;
            }
            return answer.get(ValueLayout.JAVA_LONG, AVAILABLE_OFFSET);
        } catch (Throwable unusable) {
            LOG.warn("free inodes are unknown reason=\"{}\"", unusable.toString());
            unknown = true;
            return Long.MAX_VALUE;
        }
    }

    @SuppressWarnings("restricted") // the one call into the C library
    private MethodHandle handle() {
        MethodHandle known = statvfs;
        if (known == null) {
            Linker linker = Linker.nativeLinker();
            SymbolLookup libc = linker.defaultLookup();
            known = linker.downcallHandle(libc.find("statvfs").orElseThrow(),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
                            ValueLayout.ADDRESS));
            statvfs = known;
        }
        return known;
    }
}
