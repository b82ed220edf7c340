// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@link WideCode} in executable memory, callable. Nothing is mapped before {@link #obstacle} has
 * found the processor able; then it stays until the process ends, never writable and executable
 * at the same time. The calls check nothing: {@link WideRsa} owns the addresses. Any thread.
 */
final class WideCalls {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    /** The kernel lists them only when it also keeps the registers over a change of threads. */
    private static final List<String> NEEDED = List.of("avx512f", "avx512ifma");

    private WideCalls() {}

    /** Why it cannot be used on this machine, or null; then the other methods may be called. */
    static @Nullable String obstacle() {
        return Found.OBSTACLE;
    }

    /** Looked for once, for a class that could not be made gives another reason the next time. */
    private static final class Found {
        static final @Nullable String OBSTACLE = find();

        private static @Nullable String find() {
            if (!System.getProperty("os.name").equals("Linux")
                    || !System.getProperty("os.arch").equals("amd64")) {
                return "only for Linux on x86-64";
            }
            try {
                String missing = missing();
                return missing != null || Mapped.MULTIPLY != null ? missing : "not mapped";
            } catch (IOException | UncheckedIOException unreadable) {
                return "the processor is unknown: " + unreadable;
            } catch (RuntimeException | Error refused) {
                return refused.getCause() == null ? refused.toString()
                        : String.valueOf(refused.getCause().getMessage());
            }
        }

        private static @Nullable String missing() throws IOException {
            try (var lines = Files.lines(CPU_INFO, StandardCharsets.ISO_8859_1)) {
                List<String> flags = lines.filter(line -> line.startsWith("flags")).findFirst()
                        .map(line -> Arrays.asList(line.split("\\s+"))).orElse(List.of());
                return NEEDED.stream().filter(flag -> !flags.contains(flag)).findFirst()
                        .map(flag -> "the processor has no " + flag).orElse(null);
            }
        }
    }

    static void multiply(long result, long a, long b, long modulus, long inverse) {
        try {
            Mapped.MULTIPLY.invokeExact(result, a, b, modulus, inverse);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    static void square(long result, long a, long modulus, long inverse, long scratch) {
        try {
            Mapped.SQUARE.invokeExact(result, a, modulus, inverse, scratch);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    static void add(long result, long a, long b) {
        try {
            Mapped.ADD.invokeExact(result, a, b);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    static void select(long result, long table, long which) {
        try {
            Mapped.SELECT.invokeExact(result, table, which);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** Made on first use; what fails here is an obstacle. */
    @SuppressWarnings("restricted") // the launchers allow it; where not, that is an obstacle, too
    private static final class Mapped {
        private static final int READ_WRITE = 3;
        private static final int READ_EXECUTE = 5;
        private static final int PRIVATE_ANONYMOUS = 0x22;
        private static final int FUNCTION_ALIGNMENT = 64;

        private static final Linker LINKER = Linker.nativeLinker();
        private static final MethodHandle MULTIPLY;
        private static final MethodHandle SQUARE;
        private static final MethodHandle ADD;
        private static final MethodHandle SELECT;

        static {
            byte[][] functions = {WideCode.multiply(), WideCode.square(), WideCode.add(),
                    WideCode.select()};
            long[] at = map(functions);
            MULTIPLY = function(at[0], 5);
            SQUARE = function(at[1], 5);
            ADD = function(at[2], 3);
            SELECT = function(at[3], 3);
        }

        /** The addresses of the functions. */
        private static long[] map(byte[][] functions) {
            long[] at = new long[functions.length];
            long length = 0;
            for (int i = 0; i < functions.length; i++) {
                at[i] = length;
                length += Math.ceilDiv(functions[i].length, FUNCTION_ALIGNMENT)
                        * (long) FUNCTION_ALIGNMENT;
            }
            try {
                MemorySegment memory = (MemorySegment) of("mmap", FunctionDescriptor.of(ADDRESS,
                        ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG))
                        .invokeExact(MemorySegment.NULL, length, READ_WRITE, PRIVATE_ANONYMOUS,
                                -1, 0L);
                if (memory.address() == -1) {
                    throw new IllegalStateException("no memory for code");
                }
                memory = memory.reinterpret(length);
                for (int i = 0; i < functions.length; i++) {
                    MemorySegment.copy(functions[i], 0, memory, ValueLayout.JAVA_BYTE, at[i],
                            functions[i].length);
                    at[i] += memory.address();
                }
                int refused = (int) of("mprotect", FunctionDescriptor.of(JAVA_INT, ADDRESS,
                        JAVA_LONG, JAVA_INT)).invokeExact(memory, length, READ_EXECUTE);
                if (refused != 0) {
                    throw new IllegalStateException("the system lets no new code be executed");
                }
                return at;
            } catch (RuntimeException | Error failed) {
                throw failed;
            } catch (Throwable impossible) {
                throw new AssertionError(impossible);
            }
        }

        private static MethodHandle of(String name, FunctionDescriptor type) {
            return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type);
        }

        /** Critical: they return at once and call nothing, so a collection can wait for them. */
        private static MethodHandle function(long address, int arguments) {
            ValueLayout[] addresses = new ValueLayout[arguments];
            Arrays.fill(addresses, JAVA_LONG);
            return LINKER.downcallHandle(MemorySegment.ofAddress(address),
                    FunctionDescriptor.ofVoid(addresses), Linker.Option.critical(false));
        }
    }
}
