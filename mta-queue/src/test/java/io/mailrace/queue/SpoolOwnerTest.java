// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What root makes in the spool of a service belongs to the service. Needs root to be tried. */
class SpoolOwnerTest {
    private static final String SERVICE = "nobody";
    @TempDir
    private Path directory;
    private Path state = Path.of("");
    private Path spool = Path.of("");
    private final List<String> told = new ArrayList<>();

    @BeforeEach
    void asRoot() throws IOException {
        assumeTrue(Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0),
                "only root can give files away");
        state = Files.createDirectory(directory.resolve("state"));
        spool = state.resolve("spool");
    }

    private void ofService(Path path, String rights) throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(path,
                PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        view.setPermissions(PosixFilePermissions.fromString(rights));
        view.setOwner(service());
    }

    private UserPrincipal service() throws IOException {
        return directory.getFileSystem().getUserPrincipalLookupService()
                .lookupPrincipalByName(SERVICE);
    }

    private void fill() {
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.accept(message("one"), "u@one.test");
        }
    }

    private Path backup() {
        Path backup = directory.resolve("backup");
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.accept(message("one"), "u@one.test");
            fixture.spool.care().backup(backup);
        }
        Folders.remove(spool);
        return backup;
    }

    private static List<Path> all(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.toList();
        }
    }

    /** All of it is the service's, and what others may not do in its folder they may not here. */
    private void assertServed() throws IOException {
        assertThat(all(spool)).hasSizeGreaterThan(4);
        for (Path path : all(spool)) {
            assertThat(Files.getOwner(path)).as(path.toString()).isEqualTo(service());
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                    .as(path.toString()).startsWith("rw").endsWith("---");
        }
    }

    @Test
    void restore_newSpool_belongsToTheOwnerOfTheFolderAbove() throws IOException {
        Path backup = backup();
        ofService(state, "rwxr-x---");
        SpoolFolder.restore(SpoolFixture.config(spool), backup, told::add);
        assertServed();
        assertThat(told).isEmpty();
        for (Path path : all(backup)) {
            assertThat(Files.getOwner(path)).as(path.toString()).isNotEqualTo(service());
        }
    }

    @Test
    void restore_severalFoldersMissing_belongToTheOwnerOfTheFirst() throws IOException {
        Path backup = backup();
        ofService(state, "rwx------");
        spool = state.resolve("a/b/spool");
        SpoolFolder.restore(SpoolFixture.config(spool), backup, told::add);
        assertServed();
        assertThat(Files.getOwner(state.resolve("a"))).isEqualTo(service());
        assertThat(Files.getOwner(state.resolve("a/b"))).isEqualTo(service());
    }

    @Test
    void restore_folderOfRoot_saysThatTheServiceMayNotReadIt() throws IOException {
        SpoolFolder.restore(SpoolFixture.config(spool), backup(), told::add);
        assertThat(told).singleElement().asString().contains("belong to root: chown -R",
                spool.toString());
    }

    /** A database written anew, files RocksDB makes while it is open, and what lay there before. */
    @Test
    void repair_damagedSpool_belongsToItsOwner() throws IOException {
        fill();
        try (Store store = Store.open(spool.resolve("db"),
                SpoolFixture.config(spool).spool())) {
            for (Store.Family family : Store.Family.values()) {
                store.compact(family);
            }
        }
        for (Path path : all(spool)) {
            ofService(path, Files.isDirectory(path) ? "rwx------" : "rw-------");
            if (path.toString().endsWith(".sst")) {
                try (RandomAccessFile bytes = new RandomAccessFile(path.toFile(), "rw")) {
                    bytes.seek(40);
                    bytes.write(0x55);
                }
            }
        }
        SpoolFolder.check(SpoolFixture.config(spool), spool, true, told::add);
        assertThat(told).anyMatch(line -> line.contains("db-damaged-"));
        assertServed();
    }

    /** The releases before left it so. */
    @Test
    void repair_soundSpoolThatRootTookOver_isGivenBack() throws IOException {
        fill();
        ofService(state, "rwxr-x---");
        SpoolFolder.check(SpoolFixture.config(spool), spool, true, told::add);
        assertServed();
    }

    @Test
    void links_inTheSpool_giveNothingElseAway() throws IOException {
        fill();
        Path secret = Files.writeString(directory.resolve("secret"), "root's");
        Path folder = Files.createDirectory(directory.resolve("folder"));
        Path inside = Files.writeString(folder.resolve("inside"), "root's");
        Files.createSymbolicLink(spool.resolve("db/file"), secret);
        Files.createSymbolicLink(spool.resolve("folder"), folder);
        ofService(state, "rwxr-x---");
        SpoolFolder.check(SpoolFixture.config(spool), spool, true, told::add);
        assertThat(Files.getOwner(spool.resolve("db/CURRENT"))).isEqualTo(service());
        for (Path path : List.of(secret, folder, inside)) {
            assertThat(Files.getOwner(path)).as(path.toString()).isNotEqualTo(service());
        }
    }

    /** Whoever owns the folder a backup was put into must not get to read it. */
    @Test
    void repair_backupOfRootInSomebodysFolder_staysRoots() throws IOException {
        Path backup = backup();
        ofService(directory, "rwxr-x---");
        SpoolFolder.check(SpoolFixture.config(spool), backup, true, told::add);
        for (Path path : all(backup)) {
            assertThat(Files.getOwner(path)).as(path.toString()).isNotEqualTo(service());
        }
    }
}
