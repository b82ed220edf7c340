// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** What {@link PowerCutTest} has done in a process of its own, which then dies on the spot. */
final class DiskScript {
    private final Path root;

    private DiskScript(Path root) {
        this.root = root;
    }

    public static void main(String[] args) throws IOException {
        var script = new DiskScript(Path.of(args[0]));
        switch (args[1]) {
            case "changes" -> script.changes();
            case "sectors" -> script.sectors();
            case "failed-sync" -> script.failedSync();
            default -> script.attempts();
        }
        Runtime.getRuntime().halt(7);
    }

    private void changes() throws IOException {
        for (String name : new String[]{"overwritten", "appended", "emptied", "removed", "moved",
                "replaced", "kept-removed", "resynced"}) {
            write(name, 0, "old-" + name, true);
        }
        Files.createDirectory(root.resolve("folder"));
        sync(root);
        write("overwritten", 2, "NEW", false);
        write("appended", 12, "more", false);
        write("resynced", 0, "NEW", true);
        Files.writeString(root.resolve("emptied"), "n");
        Files.delete(root.resolve("kept-removed"));
        sync(root);
        write("fresh", 0, "fresh", true);
        write("folder/inside", 0, "inside", true);
        sync(root.resolve("folder"));
        Files.createDirectory(root.resolve("folder2"));
        write("folder2/inside", 0, "inside", true);
        Files.delete(root.resolve("removed"));
        Files.move(root.resolve("moved"), root.resolve("replaced"),
                StandardCopyOption.ATOMIC_MOVE);
    }

    private void sectors() throws IOException {
        write("file", 0, "a".repeat(5000), true);
        sync(root);
        for (int i = 0; i < 20; i++) {
            write("file", 1000 + i * 1000L, Character.toString('b' + i).repeat(2000), false);
        }
    }

    /** A sync that failed, and one after it that did not. */
    private void failedSync() throws IOException {
        write("file", 0, "old.", true);
        sync(root);
        control(1, 1);
        try {
            write("file", 4, "LOST", true);
        } catch (IOException expected) {
            System.out.println(expected.getMessage());
        }
        control(1, 0);
        write("file", 8, "safe", true);
    }

    /** Each kind of change; says what came of it. */
    private void attempts() {
        say("write", () -> write("there", 4, "more", false));
        say("in place", () -> write("there", 0, "more", false));
        say("sync", () -> sync(root.resolve("there")));
        say("create", () -> write("fresh", 0, "", false));
        say("folder", () -> Files.createDirectory(root.resolve("folder")));
        say("delete", () -> Files.delete(root.resolve("gone")));
        System.out.println("clock " + System.currentTimeMillis() / 1000);
        System.out.flush();
    }

    private interface Attempt {
        void run() throws IOException;
    }

    private static void say(String what, Attempt attempt) {
        String outcome = "done";
        try {
            attempt.run();
        } catch (IOException refused) {
            outcome = String.valueOf(refused.getMessage()).replaceAll(".*: ", "");
        }
        System.out.println(what + ": " + outcome);
    }

    private static void control(int place, long value) throws IOException {
        try (var table = new RandomAccessFile(System.getenv("FAULTDISK_CONTROL"), "rw")) {
            table.seek(place * 8L);
            table.writeLong(Long.reverseBytes(value));
        }
    }

    private void write(String name, long at, String text, boolean sync) throws IOException {
        try (var file = new RandomAccessFile(root.resolve(name).toFile(), "rw")) {
            file.seek(at);
            file.writeBytes(text);
            if (sync) {
                file.getChannel().force(false);
            }
        }
    }

    private static void sync(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
