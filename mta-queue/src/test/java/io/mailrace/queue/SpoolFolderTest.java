// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.queue.SpoolFolder.CheckResult;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.WriteBatch;

/** What is done to a spool nobody has open. */
class SpoolFolderTest {
    private static final int MESSAGES = 40;

    @TempDir
    Path directory;
    private Path spool = Path.of("spool");
    private QueueConfig config = SpoolFixture.config(spool);
    private final List<SpoolId> ids = new ArrayList<>();
    private final List<String> told = new ArrayList<>();

    @BeforeEach
    void fill() {
        spool = directory.resolve("spool");
        config = SpoolFixture.config(spool);
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            for (int i = 0; i < MESSAGES; i++) {
                ids.add(fixture.accept(message("number " + i), "u" + i + "@one.test",
                        "v@two.test"));
            }
            byte[] large = new byte[3 * Content.CHUNK_BYTES + 5];
            new Random(3).nextBytes(large);
            ids.add(fixture.accept(large, "large@one.test"));
            fixture.settle(fixture.take("one.test"), deferred());
            fixture.settle(fixture.take("two.test"), delivered());
        }
    }

    private CheckResult check(boolean repair) {
        told.clear();
        return SpoolFolder.check(config, spool, repair, told::add, new FakeTimeSource());
    }

    /** Changes the database behind the spool's back. */
    private void tamper(Tampering tampering) throws Exception {
        try (Store store = Store.open(spool.resolve("db"), config.spool());
                WriteBatch batch = new WriteBatch()) {
            tampering.change(store, batch);
            store.write(batch, true);
        }
    }

    private interface Tampering {
        void change(Store store, WriteBatch batch) throws Exception;
    }

    private static byte[] firstKey(Store store, Store.Family family) {
        List<byte[]> found = new ArrayList<>();
        store.scan(family, new byte[0], new byte[]{-1}, (key, value) -> !found.add(key));
        return found.getFirst();
    }

    private long deliverAll() {
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.time.advance(Duration.ofHours(1));
            long delivered = 0;
            for (String queue : List.of("one.test", "two.test")) {
                while (fixture.queue(queue).status().waiting() > 0) {
                    Envelope envelope = fixture.take(queue);
                    assertThat(fixture.read(envelope)).hasSize((int) envelope.facts().sizeBytes());
                    fixture.settle(envelope, delivered());
                    delivered++;
                }
            }
            return delivered;
        }
    }

    @Test
    void check_soundSpool_findsNothing() {
        CheckResult result = check(false);
        assertThat(told).isEmpty();
        assertThat(result).isEqualTo(new CheckResult(2 * MESSAGES, 0, 0));
        assertThat(check(true)).isEqualTo(result);
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
        assertThat(check(false)).isEqualTo(new CheckResult(0, 0, 0));
    }

    @Test
    void check_openSpool_isRefused() throws Exception {
        Process holder = holder();
        try {
            assertThat(holder.inputReader().readLine()).isEqualTo("open");
            assertThatThrownBy(() -> check(false)).isInstanceOf(SpoolException.class)
                    .hasMessageContaining("in use");
            assertThatThrownBy(() -> new SpoolFixture(spool)).hasMessageContaining("in use");
        } finally {
            holder.destroyForcibly().onExit().join();
        }
        assertThat(check(false).problems()).isZero();
    }

    private Process holder() throws IOException {
        return new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                System.getProperty("java.class.path"), "--enable-native-access=ALL-UNNAMED",
                Holder.class.getName(), spool.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }

    /** Another process that has the spool open until its input ends. */
    public static final class Holder {
        private Holder() {}

        public static void main(String[] args) throws IOException {
            SpoolFixture open = new SpoolFixture(Path.of(args[0]));
            PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true,
                    StandardCharsets.US_ASCII);
            out.println("open");
            int end = System.in.read();
            open.close();
            out.println(end);
        }
    }

    @Test
    void check_noSpool_saysSo() {
        assertThatThrownBy(() -> SpoolFolder.check(config, directory.resolve("nothing"), false,
                told::add)).hasMessageContaining("there is no spool in");
        assertThat(directory.resolve("nothing")).doesNotExist();
    }

    @Test
    void repair_envelopeWithoutDueTime_becomesDue() throws Exception {
        tamper((store, batch) -> batch.singleDelete(store.handle(Store.Family.SCHEDULE),
                firstKey(store, Store.Family.SCHEDULE)));
        CheckResult found = check(false);
        assertThat(told).anyMatch(line -> line.contains("has no due time"))
                .anyMatch(line -> line.contains("is said to have"));
        assertThat(found.mended()).isZero();
        CheckResult mended = check(true);
        assertThat(mended.problems()).isEqualTo(found.problems()).isEqualTo(mended.mended());
        assertThat(check(false).problems()).isZero();
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
    }

    /** The journal knows for whom the message was. */
    @Test
    void repair_envelopeGone_isMadeAnew() throws Exception {
        tamper((store, batch) -> {
            batch.delete(store.handle(Store.Family.ENVELOPE), Keys.envelope(ids.get(7), 0));
            batch.delete(store.handle(Store.Family.ENVELOPE), Keys.envelope(ids.getLast(), 0));
        });
        assertThat(check(false).problems()).isPositive();
        assertThat(told).anyMatch(line -> line.contains(ids.get(7).toString())
                && line.contains("envelope record is missing"))
                .anyMatch(line -> line.contains("which the journal knows"));
        check(true);
        assertThat(check(false).problems()).describedAs("%s", told).isZero();
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
    }

    /** What is no text is not sent as text when nothing but its octets is left. */
    @Test
    void repair_envelopeOfBinaryContentGone_isBinaryAgain() throws Exception {
        tamper((store, batch) -> {
            batch.delete(store.handle(Store.Family.ENVELOPE), Keys.envelope(ids.get(7), 0));
            batch.delete(store.handle(Store.Family.ENVELOPE), Keys.envelope(ids.getLast(), 0));
        });
        check(true);
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.time.advance(Duration.ofHours(1));
            List<SpoolId> binary = new ArrayList<>();
            while (fixture.queue("one.test").status().waiting() > 0) {
                Envelope envelope = fixture.take("one.test");
                if (envelope.facts().binary()) {
                    binary.add(envelope.id());
                    assertThat(envelope.options().body()).isEqualTo(MailOptions.Body.BINARY_MIME);
                }
                fixture.settle(envelope, delivered());
            }
            assertThat(binary).containsExactly(ids.getLast());
        }
    }

    /** By the author's domain it is signed and held; the sender may be anybody's, or nobody. */
    @Test
    void repair_envelopeGone_knowsTheAuthorsDomainAgain() throws Exception {
        byte[] content = String.join("\r\n", "Received: by mta", "X-From: x@no.test",
                "From-X: x@no.test", "FROM : \"Shop, x@no.test\"", "\t<a@Shop.test>",
                "To: x@no.test", "From: x@no.test", "", "From: x@no.test", "")
                .getBytes(StandardCharsets.US_ASCII);
        List<SpoolId> shop = new ArrayList<>();
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            for (String sender : List.of("b@bounce.test", "")) {
                shop.add(fixture.accept(content, SpoolFixture.submission(content, sender,
                        new Recipient(SpoolFixture.address("c@customer.test")))));
            }
        }
        tamper((store, batch) -> {
            for (SpoolId id : shop) {
                batch.delete(store.handle(Store.Family.ENVELOPE), Keys.envelope(id, 0));
            }
        });
        check(true);
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.time.advance(Duration.ofHours(1));
            for (int i = 0; i < shop.size(); i++) {
                assertThat(fixture.take("customer.test").facts().fromDomain())
                        .isEqualTo("shop.test");
            }
        }
    }

    @Test
    void repair_envelopeAndJournalGone_isSetAsideAndTheRestGoesOut() throws Exception {
        tamper((store, batch) -> {
            batch.delete(store.handle(Store.Family.ENVELOPE), Keys.envelope(ids.get(7), 0));
            batch.deleteRange(store.handle(Store.Family.EVENT), new byte[0], new byte[]{-1});
        });
        check(true);
        assertThat(check(false).problems()).isEqualTo(2);
        assertThat(told).anyMatch(
                line -> line.contains("was set aside and cannot be delivered"))
                .anyMatch(line -> line.contains("the journal does not know"));
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES - 1);
    }

    @Test
    void repair_missingChunk_setsThatMessageAside() throws Exception {
        tamper((store, batch) -> batch.delete(store.handle(Store.Family.IN_LOG),
                Keys.content(ids.getLast(), 2)));
        check(false);
        assertThat(told).anyMatch(line -> line.contains("chunk 2 is missing"));
        check(true);
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES - 1);
    }

    @Test
    void repair_orphans_areRemoved() throws Exception {
        tamper((store, batch) -> {
            batch.put(store.handle(Store.Family.CONTENT), Keys.content(new SpoolId(5), 0),
                    ContentSeal.PLAIN.seal(5, 0, new byte[10]).joined());
            batch.put(store.handle(Store.Family.EVENT), Keys.event(1), new byte[]{1, 2, 3});
            batch.put(store.handle(Store.Family.STATE), Keys.PROGRESS, new byte[]{9});
        });
        assertThat(check(false).problems()).isEqualTo(3);
        assertThat(check(true).mended()).isEqualTo(3);
        assertThat(check(false).problems()).isZero();
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
    }

    /** Bits flip in the middle of every data file: the database is written anew around them. */
    @Test
    void repair_damagedFiles_keepsWhatCanBeReadAndTheOldDatabase() throws Exception {
        try (Store store = Store.open(spool.resolve("db"), config.spool())) {
            for (Store.Family family : Store.Family.values()) {
                store.compact(family);
            }
        }
        for (Path file : files(".sst")) {
            flip(file, 40);
        }
        CheckResult found = check(false);
        assertThat(found.problems()).isPositive();
        assertThat(told).anyMatch(line -> line.contains("cannot be read"));
        check(true);
        try (Stream<Path> beside = Files.list(spool)) {
            assertThat(beside.map(Path::toString))
                    .anyMatch(path -> path.contains("db-damaged-"));
        }
        check(false);
        assertThat(told).allMatch(line -> line.contains("was set aside"));
        new SpoolFixture(spool).close();
    }

    /**
     * The log begins with mail that was delivered long ago, and what says so is not in it any more:
     * a database that is made anew must not take it from there.
     */
    @Test
    void repair_newDatabase_takesNothingFromTheLog() throws Exception {
        Folders.remove(spool);
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.accept(message("stays"), "a@stays.test");
            for (int i = 0; i < 5; i++) {
                fixture.accept(message("goes late"), "a@late.test");
            }
            for (int i = 0; i < 400; i++) {
                fixture.accept(message("m" + i), "a@goes.test");
                fixture.settle(fixture.take("goes.test"), delivered());
            }
            for (int i = 0; i < 5; i++) {
                fixture.settle(fixture.take("late.test"), delivered());
            }
        }
        LogFiles log = new LogFiles(spool.resolve(LogFiles.FOLDER));
        List<Integer> slots = log.slots();
        assertThat(LogRedo.missing(log, Progress.NONE, Long.MAX_VALUE)).hasSizeBetween(6, 700);
        try (Store store = Store.open(spool.resolve("db"), config.spool())) {
            for (Store.Family family : Store.Family.values()) {
                store.compact(family);
            }
        }
        flip(largest(files(".sst")), 40);
        assertThat(check(false).problems()).isPositive();
        check(true);
        try (Stream<Path> beside = Files.list(spool)) {
            assertThat(beside).anyMatch(path -> path.toString().contains("db-damaged-"));
        }
        assertThat(log.slots()).isEqualTo(slots);
        try (SpoolFixture after = new SpoolFixture(spool)) {
            assertThat(after.spool.queues().waiting()).isLessThanOrEqualTo(1);
        }
    }

    private static Path largest(List<Path> files) throws IOException {
        Path largest = files.getFirst();
        for (Path file : files) {
            largest = Files.size(file) > Files.size(largest) ? file : largest;
        }
        return largest;
    }

    /** It died when the old database was put away already, and the new one not in its place. */
    @Test
    void repair_killedBetweenTheRenames_isFinishedByTheNextOne() throws Exception {
        Files.move(spool.resolve("db"), spool.resolve("db-repaired-7"));
        Files.createDirectories(spool.resolve("db-damaged-7"));
        assertThatThrownBy(() -> new SpoolFixture(spool)).hasMessageContaining("--repair");
        assertThatThrownBy(() -> check(false)).hasMessageContaining("--repair");
        assertThatThrownBy(() -> SpoolFolder.restore(config, spool, told::add))
                .hasMessageContaining("--repair");
        assertThat(check(true).problems()).isZero();
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
    }

    /** It died while it mended: no start is made on that, and the next repair goes on. */
    @Test
    void repair_killedWhileMending_isRunAgainBeforeAStart() throws Exception {
        Path mending = spool.resolve("mending");
        tamper((store, batch) -> batch.put(store.handle(Store.Family.STATE), Keys.PROGRESS,
                new byte[]{9}));
        assertThat(SpoolFolder.check(config, spool, true, line -> {
            if (line.equals("repairing")) {
                assertThat(mending).exists();
            } else if (line.equals("checking again")) {
                assertThat(mending).doesNotExist();
            }
            told.add(line);
        }, new FakeTimeSource()).mended()).isPositive();
        assertThat(told).contains("repairing", "checking again");
        assertThat(mending).doesNotExist();
        Files.createFile(mending);
        assertThatThrownBy(() -> new SpoolFixture(spool)).hasMessageContaining("--repair");
        assertThat(check(false).problems()).as("to look is allowed").isZero();
        assertThatThrownBy(() -> new SpoolFixture(spool)).hasMessageContaining("--repair");
        assertThat(check(true).problems()).isZero();
        assertThat(mending).doesNotExist();
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
    }

    /** It died before the old database was put away, which went on. */
    @Test
    void repair_killedBeforeTheRenames_leavesNothingThatIsTakenLater() throws Exception {
        Files.createDirectories(spool.resolve("db-repaired-8"));
        Files.createDirectories(spool.resolve("db-damaged-7"));
        Folders.remove(spool.resolve("db"));
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            assertThat(fixture.spool.queues().waiting()).isZero();
        }
    }

    /** Mail that a running Mailrace takes meanwhile would go to what is put away. */
    @Test
    void lock_taken_keepsOthersOut() throws Exception {
        try (DatabaseLock _ = DatabaseLock.take(spool.resolve("db"))) {
            try (Store _ = Store.openReadOnly(spool.resolve("db"), config.spool())) {
                assertThat(opensElsewhere()).isFalse();
            }
            assertThat(opensElsewhere()).as("after reading").isFalse();
        }
        assertThat(opensElsewhere()).isTrue();
    }

    /** Whether another process can open the spool. */
    private boolean opensElsewhere() throws Exception {
        Process other = holder();
        other.getOutputStream().close();
        return other.inputReader().lines().toList().contains("open") && other.waitFor() == 0;
    }

    @Test
    void start_databaseWithoutItsFirstFile_isRefused() throws Exception {
        Path current = spool.resolve("db").resolve("CURRENT");
        byte[] was = Files.readAllBytes(current);
        Files.delete(current);
        for (int start = 0; start < 2; start++) {
            assertThatThrownBy(() -> new SpoolFixture(spool)).hasMessageContaining("CURRENT");
        }
        Files.write(current, was);
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
    }

    /** Somebody removed the database: mail that went out long ago must not go again. */
    @Test
    void databaseRemoved_whatItsLogHolds_isSetAside() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.settle(fixture.take("one.test"), delivered());
        }
        Path log = spool.resolve(LogFiles.FOLDER);
        Folders.remove(spool.resolve("db"));
        Files.delete(spool.resolve("commits"));
        byte[] slot = Files.readAllBytes(new LogFiles(log).file(0));
        for (int start = 0; start < 2; start++) {
            try (SpoolFixture fresh = new SpoolFixture(spool)) {
                assertThat(fresh.spool.queues().waiting()).isZero();
                assertThat(fresh.spool.journal().newest()).isZero();
            }
        }
        try (Stream<Path> files = Files.list(spool)) {
            assertThat(files.filter(path -> path.getFileName().toString().startsWith(
                    "log-replaced-"))).singleElement()
                    .satisfies(aside -> assertThat(Files.readAllBytes(
                            aside.resolve("00000000"))).isEqualTo(slot));
        }
    }

    /** Nothing is known of a database that cannot be looked at: its log stays where it is. */
    @Test
    void start_unreadableDatabase_leavesItsLogAlone() throws Exception {
        Path log = spool.resolve(LogFiles.FOLDER);
        List<Integer> slots = new LogFiles(log).slots();
        assertThat(slots).isNotEmpty();
        Files.move(spool.resolve("db"), spool.resolve("db-elsewhere"));
        Files.createFile(spool.resolve("db"));
        assertThatThrownBy(() -> new SpoolFixture(spool)).isInstanceOf(SpoolException.class);
        assertThat(new LogFiles(log).slots()).isEqualTo(slots);
        Files.delete(spool.resolve("db"));
        Files.move(spool.resolve("db-elsewhere"), spool.resolve("db"));
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
    }

    private List<Path> files(String ending) throws IOException {
        try (Stream<Path> all = Files.list(spool.resolve("db"))) {
            return all.filter(path -> path.toString().endsWith(ending)).toList();
        }
    }

    private static void flip(Path file, long at) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.seek(at);
            int old = bytes.read();
            bytes.seek(at);
            bytes.write(old ^ 0x55);
        }
    }

    @Test
    void backupAndRestore_bringEverythingBack() throws Exception {
        Path backup = directory.resolve("backup");
        try (SpoolFixture fixture = new SpoolFixture(spool)) {
            fixture.spool.care().backup(backup);
            fixture.accept(message("after the backup"), "late@one.test");
        }
        assertThatThrownBy(() -> SpoolFolder.restore(config, backup, told::add))
                .hasMessageContaining("already");
        Folders.remove(spool.resolve("db"));
        Files.createFile(spool.resolve("mending"));
        CheckResult restored = SpoolFolder.restore(config, backup, told::add);
        assertThat(restored).isEqualTo(new CheckResult(2 * MESSAGES, 0, 0));
        assertThat(deliverAll()).isEqualTo(2 * MESSAGES);
        assertThat(SpoolFolder.check(config, backup, false, told::add).looked())
                .isEqualTo(2 * MESSAGES);
    }

    /** It is other people's mail, and no longer encrypted. */
    @Test
    void export_canBeReadByItsOwnerOnly() throws Exception {
        Path fresh = directory.resolve("above").resolve("out");
        Path old = Files.createDirectory(directory.resolve("old"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        for (Path target : List.of(fresh, old)) {
            SpoolFolder.export(config, spool, Selection.ALL, target, told::add);
            try (Stream<Path> files = Files.list(target)) {
                assertThat(files).hasSize(2 * (MESSAGES + 1)).allSatisfy(
                        file -> assertThat(mode(file)).isEqualTo("rw-------"));
            }
        }
        assertThat(mode(fresh)).isEqualTo("rwx------");
        assertThat(mode(old)).as("somebody chose it").isEqualTo("rwxr-xr-x");
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    @Test
    void export_writesTheSelectedMessagesAndChangesNothing() throws Exception {
        Path target = directory.resolve("out");
        Selection one = new Selection(Optional.empty(), "", "two.test", "", "", "",
                Optional.empty(), Duration.ZERO, Duration.ZERO,
                key -> true, "");
        assertThat(SpoolFolder.export(config, spool, one, target, told::add))
                .isEqualTo(MESSAGES - 1);
        assertThat(told).isEmpty();
        String name = ids.get(3).toString();
        assertThat(Files.readAllBytes(target.resolve(name + ".eml")))
                .isEqualTo(message("number 3"));
        assertThat(Files.readString(target.resolve(name + ".json")))
                .contains("\"id\": \"" + name + "\"", "v@two.test", "app@example.com");
        assertThatThrownBy(() -> SpoolFolder.export(config, spool, Selection.ALL, target,
                told::add)).hasMessageContaining("is not empty");
        assertThat(check(false).problems()).isZero();
    }
}
