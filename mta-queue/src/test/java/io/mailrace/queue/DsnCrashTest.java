// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process that defers mail and tells its senders, again and again on one spool: each mark
 * on an envelope goes with one notification and each notification with one mark.
 */
class DsnCrashTest {
    private static final int ROUNDS = 3;
    private static final byte[] FIRST = {};
    private static final byte[] END = {-1};
    private static final String CONFIG = "retry.default { intervals = [10m], max-age = 30d,"
            + " delay-notice = 1h }";

    @TempDir
    Path directory;

    /** The child: defers whatever is due, in hours that pass at once, until it is killed. */
    public static final class Child {
        private Child() {}

        private static final PrintStream OUT = new PrintStream(
                new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

        public static void main(String[] args) {
            SpoolFixture fixture = new SpoolFixture(Path.of(args[0]), new FakeTimeSource(),
                    UnaryOperator.identity(), CONFIG);
            for (int number = 0;; number++) {
                fixture.accept(message("late " + number), "u" + number + "@keep.test");
                List<SpoolFixture.Outcome> outcomes = new ArrayList<>();
                for (Envelope envelope : fixture.queue("keep.test").take(200)) {
                    SpoolFixture.Outcome outcome = fixture.settle(envelope, false, deferred());
                    outcome.then(() -> OUT.println("settled"));
                    outcomes.add(outcome);
                }
                outcomes.forEach(SpoolFixture.Outcome::get);
                fixture.time.advance(Duration.ofMinutes(4));
            }
        }
    }

    @Test
    void killedAtRandomMoments_eachSenderIsToldOnce() throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        int toldBefore = 0;
        for (int round = 0; round < ROUNDS; round++) {
            runAndKill(300 + random.nextInt(500));
            int told = check("seed " + seed + " round " + round);
            assertThat(told).isGreaterThan(toldBefore);
            toldBefore = told;
        }
    }

    private void runAndKill(int lines) throws IOException, InterruptedException {
        Process child = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                Child.class.getName(), directory.toString()).redirectErrorStream(true).start();
        int seen = 0;
        try (BufferedReader out = child.inputReader(StandardCharsets.UTF_8)) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                seen += line.equals("settled") ? 1 : 0;
                if (seen == lines) {
                    // Not through Process: that would close the pipe with lines still in it.
                    child.toHandle().destroyForcibly();
                }
            }
        } finally {
            child.destroyForcibly().waitFor();
        }
        assertThat(seen).isGreaterThanOrEqualTo(lines);
    }

    /** Looks at what is on disk; returns how many senders were told so far. */
    private int check(String where) {
        Map<SpoolId, SpoolId> notices = new TreeMap<>();
        Set<SpoolId> marked = new TreeSet<>();
        Set<SpoolId> mails = new TreeSet<>();
        try (Store store = Store.open(directory.resolve("db"),
                SpoolFixture.config(directory, CONFIG).spool())) {
            store.scan(Store.Family.EVENT, FIRST, END, (key, value) -> {
                if (EventCodec.decode(value) instanceof Event.DsnSent sent) {
                    assertThat(sent.action()).isEqualTo("delayed");
                    assertThat(notices.put(sent.id(), sent.dsn())).as(where).isNull();
                }
                return true;
            });
            store.scan(Store.Family.ENVELOPE, FIRST, END, (key, value) -> {
                EnvelopeCodec.Stored stored = EnvelopeCodec.read(value);
                SpoolId id = new SpoolId(Keys.longAt(key, 0));
                if (stored.sender().isNull()) {
                    mails.add(id);
                } else if (stored.delayTold()) {
                    marked.add(id);
                }
                return true;
            });
        }
        assertThat(notices.keySet()).as(where).isEqualTo(marked);
        assertThat(mails).as(where).containsExactlyInAnyOrderElementsOf(notices.values());
        return notices.size();
    }
}
