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
 * A {@link WideCode} in executable memory, callable. Nothing is mapped before the processor is
 * found able; then it stays until the process ends, never writable and executable at the same time.
 * The calls check nothing: {@link WideRsa} owns the addresses. Any thread.
 */
final class WideCalls {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    /** The quickest first. */
    static final List<WideCode> CODES = List.of(new IfmaCode(), new FmaCode());

    private final WideCode code;
    private final MethodHandle multiply;
    private final MethodHandle square;
    private final MethodHandle add;
    private final MethodHandle select;

    /** Maps the code, for as long as the process lives; only where {@link #obstacle} is none. */
    WideCalls(WideCode code) {
        this.code = code;
        long[] at = Mapping.map(code.multiply(), code.square(), code.add(), code.select());
        multiply = Mapping.function(at[0], 5);
        square = Mapping.function(at[1], 5);
        add = Mapping.function(at[2], 3);
        select = Mapping.function(at[3], 3);
    }

    /** Why there is none for this machine, or null; then there is {@link #best}. */
    static @Nullable String obstacle() {
        return Found.BEST == null ? Found.OBSTACLE : null;
    }

    /**
     * The first of {@link #CODES} that this machine can do.
     *
     * @throws IllegalStateException where there is an {@link #obstacle}
     */
    static WideCalls best() {
        WideCalls best = Found.BEST;
        if (best == null) {
            throw new IllegalStateException(Found.OBSTACLE);
        }
        return best;
    }

    /** Why this machine cannot do what the code is made of, or null. */
    static @Nullable String obstacle(WideCode code) {
        if (!System.getProperty("os.name").equals("Linux")
                || !System.getProperty("os.arch").equals("amd64")) {
            return "only for Linux on x86-64";
        }
        try (var lines = Files.lines(CPU_INFO, StandardCharsets.ISO_8859_1)) {
            // The kernel lists only what it keeps the registers of over a change of threads.
            boolean able = lines.filter(line -> line.startsWith("flags")).findFirst()
                    .filter(line -> List.of(line.split("\\s+")).containsAll(code.needs()))
                    .isPresent();
            return able ? null : "the processor has no " + code.name();
        } catch (IOException | UncheckedIOException unreadable) {
            return "the processor is unknown: " + unreadable;
        }
    }

    /** Looked for once, for a class that could not be made gives another reason the next time. */
    private static final class Found {
        static final @Nullable WideCalls BEST;
        static final String OBSTACLE;

        static {
            WideCalls best = null;
            String obstacle = "no code";
            for (WideCode code : CODES) {
                String missing = obstacle(code);
                if (missing == null) {
                    try {
                        best = new WideCalls(code);
                        break;
                    } catch (RuntimeException | Error refused) {
                        missing = refused.getCause() == null ? refused.toString()
                                : String.valueOf(refused.getCause().getMessage());
                    }
                }
                obstacle = missing;
            }
            BEST = best;
            OBSTACLE = obstacle;
        }
    }

    WideCode code() {
        return code;
    }

    void multiply(long result, long a, long b, long modulus, long inverse) {
        try {
            multiply.invokeExact(result, a, b, modulus, inverse);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    void square(long result, long a, long modulus, long inverse, long scratch) {
        try {
            square.invokeExact(result, a, modulus, inverse, scratch);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    void add(long result, long a, long b) {
        try {
            add.invokeExact(result, a, b);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    void select(long result, long table, long which) {
        try {
            select.invokeExact(result, table, which);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** What fails here is an obstacle. */
    @SuppressWarnings("restricted") // the launchers allow it; where not, that is an obstacle, too
    private static final class Mapping {
        private static final int READ_WRITE = 3;
        private static final int READ_EXECUTE = 5;
        private static final int PRIVATE_ANONYMOUS = 0x22;
        private static final int FUNCTION_ALIGNMENT = 64;

        private static final Linker LINKER = Linker.nativeLinker();

        private Mapping() {}

        /** The addresses of the functions. */
        static long[] map(byte[]... functions) {
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
        static MethodHandle function(long address, int arguments) {
            ValueLayout[] addresses = new ValueLayout[arguments];
            Arrays.fill(addresses, JAVA_LONG);
            return LINKER.downcallHandle(MemorySegment.ofAddress(address),
                    FunctionDescriptor.ofVoid(addresses), Linker.Option.critical(false));
        }
    }
}
