// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A folder whose disk can fail and lose power, for a process started with {@link #environment}:
 * {@code faultdisk.c}, compiled here, stands between that process and the C library. Faults are
 * switched while it runs; {@link #cut} is made when it is dead. Any thread switches; one process at
 * a time uses the folder.
 */
public final class FaultDisk {
    /** What a user without a compiler is told. */
    public static final String NO_COMPILER = "no C compiler (cc or gcc): install gcc";
    private static final String SOURCE = "faultdisk.c";
    private static final List<String> COMPILERS = List.of("cc", "gcc", "clang");
    private static final int TABLE_BYTES = 64 * Long.BYTES;

    /** A fault; the place is the one in the table of {@code faultdisk.c}. */
    public enum Fault {
        /** 1: writes fail with EIO. */
        WRITE_EIO(0),
        /** 1: syncs fail with EIO, and what they should have covered is never synced. */
        SYNC_EIO(1),
        /** 1: what needs room fails with ENOSPC. */
        NO_SPACE(2),
        /** 1: whatever changes something fails with EROFS. */
        READ_ONLY(3),
        /** Each sync takes so many milliseconds longer. */
        SYNC_DELAY_MILLIS(4),
        /** 1: syncs do not come back until it is 0 again. */
        SYNC_HANG(5),
        /** The wall clock is so many seconds ahead. */
        CLOCK_SECONDS(6),
        /** Free bytes the file system claims to have; 0: the truth. */
        FREE_BYTES(15),
        /** The same for inodes. */
        FREE_INODES(16);

        private final int place;

        Fault(int place) {
            this.place = place;
        }
    }

    /** What was counted since the folder was made. */
    public enum Counter {
        WRITES(8), BYTES(9), SYNCS(10), FOLDER_CHANGES(11),
        /** Calls that were made to fail. */
        FAULTS(12),
        /** Changes that could not be noted: more than 0 makes every power cut untrue. */
        UNSEEN(13),
        /** Syncs that hang now. */
        HANGING(14);

        private final int place;

        Counter(int place) {
            this.place = place;
        }
    }

    private final Path root;
    private final Path library;
    private final Path log;
    private final Path kept;
    private final Path control;
    private final MappedByteBuffer table;

    private FaultDisk(Path folder) throws IOException, InterruptedException {
        root = Files.createDirectories(folder.resolve("disk"));
        kept = Files.createDirectory(folder.resolve("disk-kept"));
        log = Files.createFile(folder.resolve("disk-log"));
        control = folder.resolve("disk-control");
        Files.write(control, new byte[TABLE_BYTES]);
        try (FileChannel channel = FileChannel.open(control, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            table = channel.map(FileChannel.MapMode.READ_WRITE, 0, TABLE_BYTES);
        }
        table.order(ByteOrder.LITTLE_ENDIAN);
        library = compile(folder);
    }

    /**
     * Makes the disk in the folder, which is then watched below {@link #root}. What is there
     * already counts as synced.
     *
     * @throws IOException also when it cannot be compiled; see {@link #compiler}
     */
    public static FaultDisk make(Path folder) throws IOException, InterruptedException {
        return new FaultDisk(folder.toRealPath());
    }

    /** The compiler found on the path; empty: say {@link #NO_COMPILER}. */
    public static Optional<Path> compiler() {
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("/usr/bin:/bin");
        for (String name : COMPILERS) {
            for (String place : path.split(":")) {
                Path program = Path.of(place.isEmpty() ? "." : place, name);
                if (Files.isExecutable(program)) {
                    return Optional.of(program);
                }
            }
        }
        return Optional.empty();
    }

    private static Path compile(Path folder) throws IOException, InterruptedException {
        Path compiler = compiler().orElseThrow(() -> new IOException(NO_COMPILER));
        Path source = folder.resolve(SOURCE);
        try (InputStream text = FaultDisk.class.getResourceAsStream(SOURCE)) {
            if (text == null) {
                throw new IllegalStateException(SOURCE + " is not on the class path");
            }
            Files.copy(text, source);
        }
        Path made = folder.resolve("faultdisk.so");
        Process compiling = new ProcessBuilder(compiler.toString(), "-std=gnu11", "-O2", "-fPIC",
                "-shared", "-o", made.toString(), source.toString(), "-ldl", "-pthread")
                .redirectErrorStream(true).start();
        String said = new String(compiling.getInputStream().readAllBytes(),
                StandardCharsets.UTF_8);
        if (compiling.waitFor() != 0) {
            throw new IOException(SOURCE + " cannot be compiled:\n" + said);
        }
        return made;
    }

    /** The folder whose disk it is. */
    public Path root() {
        return root;
    }

    /** What the process must be started with. */
    public Map<String, String> environment() {
        return Map.of("LD_PRELOAD", library.toString(), "FAULTDISK_ROOT", root.toString(),
                "FAULTDISK_LOG", log.toString(), "FAULTDISK_KEEP", kept.toString(),
                "FAULTDISK_CONTROL", control.toString());
    }

    /** Switches a fault on, or off with 0. Holds from the next call of the process on. */
    public synchronized void set(Fault fault, long value) {
        table.putLong(fault.place * Long.BYTES, value);
        table.force();
    }

    /** Every fault off, the clock true. */
    public void heal() {
        for (Fault fault : Fault.values()) {
            set(fault, 0);
        }
    }

    public synchronized long count(Counter counter) {
        return table.getLong(counter.place * Long.BYTES);
    }

    /** The power fails: the process must be dead. Afterwards everything there counts as synced. */
    public PowerCut.Loss cut(PowerCut.Mode mode, long seed) throws IOException {
        PowerCut.Loss loss = new PowerCut(root, kept, log).apply(mode, seed);
        forget();
        return loss;
    }

    /** From now on everything there counts as synced. The process must be dead. */
    public void forget() throws IOException {
        try (FileChannel channel = FileChannel.open(log, StandardOpenOption.WRITE)) {
            channel.truncate(0);
        }
        try (var files = Files.list(kept)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
    }
}
