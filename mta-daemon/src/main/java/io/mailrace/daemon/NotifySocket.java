// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Sends datagrams to the service manager's socket (sd_notify(3), the part of NOTIFY_SOCKET): a path
 * or, after {@code @}, an abstract name. Java has no such socket, and Netty's needs its native
 * library and an event loop that turns; this must work without either, so it calls the C library.
 * One socket for each datagram, as sd_notify does: nothing is left open. Linux only. Any thread;
 * blocks for at most {@value #LIMIT_SECONDS} s.
 */
final class NotifySocket {
    private static final int AF_UNIX = 1;
    private static final int DATAGRAM_CLOEXEC = 2 | 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_SNDTIMEO = 21;
    private static final int NO_SIGNAL = 0x4000;
    private static final int FAMILY_BYTES = 2;
    /** sun_path, with room for the NUL after a path. */
    private static final int MAX_NAME = 107;
    private static final int LIMIT_SECONDS = 5;

    private final byte[] name;
    private final Calls calls;

    private NotifySocket(byte[] name, Calls calls) {
        this.name = name;
        this.calls = calls;
    }

    /** The four functions of the C library. */
    private record Calls(MethodHandle socket, MethodHandle setsockopt, MethodHandle sendto,
            MethodHandle close) {
        @SuppressWarnings("restricted") // the launchers allow native access
        static Calls link() {
            Linker linker = Linker.nativeLinker();
            SymbolLookup library = linker.defaultLookup();
            return new Calls(
                    linker.downcallHandle(library.findOrThrow("socket"),
                            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT)),
                    linker.downcallHandle(library.findOrThrow("setsockopt"), FunctionDescriptor.of(
                            JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT)),
                    linker.downcallHandle(library.findOrThrow("sendto"),
                            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT,
                                    ADDRESS, JAVA_INT)),
                    linker.downcallHandle(library.findOrThrow("close"),
                            FunctionDescriptor.of(JAVA_INT, JAVA_INT)));
        }
    }

    /**
     * The socket of that name; empty when it is not a name systemd would give.
     *
     * @throws IllegalStateException when the C library cannot be called
     */
    static Optional<NotifySocket> of(String address) {
        byte[] name = address.getBytes(StandardCharsets.UTF_8);
        boolean path = address.startsWith("/");
        boolean abstractName = address.startsWith("@");
        if (!path && !abstractName || name.length < 2 || name.length > MAX_NAME) {
            return Optional.empty();
        }
        if (abstractName) {
            name[0] = 0;
        }
        try {
            return Optional.of(new NotifySocket(name, Calls.link()));
        } catch (RuntimeException | LinkageError impossible) {
            throw new IllegalStateException("the C library cannot be called", impossible);
        }
    }

    /** Sends one datagram; false when nobody takes it, or not in time. */
    boolean send(String text) {
        try (Arena arena = Arena.ofConfined()) {
            int socket = (int) calls.socket.invokeExact(AF_UNIX, DATAGRAM_CLOEXEC, 0);
            if (socket < 0) {
                return false;
            }
            try {
                return send(arena, socket, text.getBytes(StandardCharsets.UTF_8));
            } finally {
                int ignored = (int) calls.close.invokeExact(socket);
            }
        } catch (RuntimeException | Error bug) {
            throw bug;
        } catch (Throwable impossible) {
            throw new IllegalStateException("a call of the C library cannot throw", impossible);
        }
    }

    private boolean send(Arena arena, int socket, byte[] text) throws Throwable {
        MemorySegment limit = arena.allocateFrom(JAVA_LONG, LIMIT_SECONDS, 0);
        int set = (int) calls.setsockopt.invokeExact(socket, SOL_SOCKET, SO_SNDTIMEO, limit,
                (int) limit.byteSize());
        MemorySegment address = arena.allocate(MemoryLayout.sequenceLayout(
                FAMILY_BYTES + MAX_NAME + 1, ValueLayout.JAVA_BYTE).withByteAlignment(8));
        address.set(ValueLayout.JAVA_SHORT.withOrder(ByteOrder.nativeOrder()), 0, (short) AF_UNIX);
        MemorySegment.copy(name, 0, address, ValueLayout.JAVA_BYTE, FAMILY_BYTES, name.length);
        // a path counts with its NUL, an abstract name ends where its length says
        int length = FAMILY_BYTES + name.length + (name[0] == 0 ? 0 : 1);
        MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, text);
        long sent = (long) calls.sendto.invokeExact(socket, bytes, (long) text.length, NO_SIGNAL,
                address, length);
        return set == 0 && sent == text.length;
    }
}
