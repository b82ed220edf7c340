// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Lane;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoginCheckTest {
    private static final LoginCheck.Verdict ALICE = new LoginCheck.Verdict.Right(
            new Identity("alice", UserFields.parse("", "team").rights()));
    @TempDir
    private Path directory;
    private final FakeTimeSource time = new FakeTimeSource();
    private Path file = Path.of("");

    @BeforeEach
    void addUser() throws Exception {
        file = directory.resolve("users");
        UserFile.open(file).add("alice", "right".toCharArray(), "team");
    }

    private UsersConfig config(int queue, int maxFailures) {
        return Fixture.users(file, queue, maxFailures);
    }

    private static CompletableFuture<LoginCheck.Verdict> begin(LoginCheck check, String name,
            String password, String client) throws Exception {
        CompletableFuture<LoginCheck.Verdict> answer = new CompletableFuture<>();
        check.check(new SaslDialogue.Credentials.Password(name,
                password.getBytes(StandardCharsets.UTF_8)), InetAddress.getByName(client),
                Runnable::run, answer::complete);
        return answer;
    }

    private static LoginCheck.Verdict ask(LoginCheck check, String name, String password,
            String client) throws Exception {
        return begin(check, name, password, client).get(20, TimeUnit.SECONDS);
    }

    private static final byte[] LASTING = new byte[LastingSecret.BYTES];

    @Test
    void check_saysWhatIsRight() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), LASTING, time)) {
            assertThat(ask(check, "alice", "right", "192.0.2.1"))
                    .isEqualTo(ALICE);
            assertThat(ask(check, "alice", "wrong", "192.0.2.1"))
                    .isEqualTo(new LoginCheck.Verdict.Wrong());
            assertThat(ask(check, "nobody", "right", "192.0.2.1"))
                    .isEqualTo(new LoginCheck.Verdict.Wrong());
        }
    }

    @Test
    void check_second_isAnsweredFromMemoryUntilTheFileChanges() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), LASTING, time)) {
            ask(check, "alice", "right", "192.0.2.1");
            assertThat(begin(check, "alice", "right", "192.0.2.2")).isCompleted();
            UserFile users = UserFile.open(file);
            users.setPassword("alice", "other".toCharArray());
            check.reloadIfChanged();
            assertThat(ask(check, "alice", "right", "192.0.2.1"))
                    .isEqualTo(new LoginCheck.Verdict.Wrong());
            assertThat(ask(check, "alice", "other", "192.0.2.1"))
                    .isEqualTo(ALICE);
        }
    }

    @Test
    void check_remembered_isForgottenInTime() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), LASTING, time)) {
            ask(check, "alice", "right", "192.0.2.1");
            time.advance(Duration.ofMinutes(6));
            CompletableFuture<LoginCheck.Verdict> again = begin(check, "alice", "right",
                    "192.0.2.1");
            assertThat(again.get(20, TimeUnit.SECONDS))
                    .isEqualTo(ALICE);
        }
    }

    /** Too many open files, say: nothing of it is seen at the file, before or after. */
    @Test
    void reload_readFailsForAMoment_isTriedAgainThoughNothingChanges() throws Exception {
        Deque<Throwable> failures = new ArrayDeque<>();
        LoginCheck.Reader reader = (users, pools) -> {
            switch (failures.poll()) {
                case IOException passing -> throw passing;
                case Error error -> throw error;
                case null, default -> {
                }
            }
            return UserTable.read(users, pools);
        };
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), reader, LASTING, time)) {
            failures.add(new IOException("Too many open files"));
            failures.add(new OutOfMemoryError("none is left"));
            UserFile.open(file).add("bob", "right".toCharArray(), "team");
            assertThat(check.reloadIfChanged()).isEqualTo(LoginCheck.Reload.KEPT);
            assertThatThrownBy(check::reloadIfChanged).isInstanceOf(OutOfMemoryError.class);
            assertThat(check.reloadIfChanged()).isEqualTo(LoginCheck.Reload.TAKEN);
            assertThat(check.reloadIfChanged()).isEqualTo(LoginCheck.Reload.UNCHANGED);
            assertThat(ask(check, "bob", "right", "192.0.2.1"))
                    .isInstanceOf(LoginCheck.Verdict.Right.class);
            Files.write(file, new byte[]{(byte) 0xff});
            assertThat(check.reloadIfChanged()).isEqualTo(LoginCheck.Reload.KEPT);
            assertThat(check.reloadIfChanged()).as("it is the file that is bad")
                    .isEqualTo(LoginCheck.Reload.UNCHANGED);
        }
    }

    @Test
    void reload_badOrMissingFile_keepsTheUsers() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), LASTING, time)) {
            Files.writeString(file, "nonsense\n");
            check.reloadIfChanged();
            assertThat(ask(check, "alice", "right", "192.0.2.1"))
                    .isEqualTo(ALICE);
            Files.delete(file);
            check.reloadIfChanged();
            assertThat(ask(check, "alice", "right", "192.0.2.1"))
                    .isEqualTo(ALICE);
        }
    }

    @Test
    void failures_ofOneAddress_brakeItAndNobodyElse() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 3), Set.of(), LASTING, time)) {
            for (int i = 0; i < 3; i++) {
                assertThat(ask(check, "alice", "wrong", "2001:db8::" + i))
                        .isEqualTo(new LoginCheck.Verdict.Wrong());
            }
            assertThat(ask(check, "alice", "right", "2001:db8::99"))
                    .isEqualTo(new LoginCheck.Verdict.Braked());
            assertThat(ask(check, "alice", "right", "2001:db8:0:1::1"))
                    .isEqualTo(ALICE);
            time.advance(Duration.ofMinutes(11));
            assertThat(ask(check, "alice", "right", "2001:db8::99"))
                    .isEqualTo(ALICE);
        }
    }

    @Test
    void queue_full_isBusy() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(1, 1000), Set.of(), LASTING, time)) {
            List<CompletableFuture<LoginCheck.Verdict>> all = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                all.add(begin(check, "alice", "wrong" + i, "192.0.2.1"));
            }
            int busy = 0;
            for (CompletableFuture<LoginCheck.Verdict> one : all) {
                if (one.get(20, TimeUnit.SECONDS) instanceof LoginCheck.Verdict.Busy) {
                    busy++;
                }
            }
            assertThat(busy).isBetween(1, 39);
        }
    }

    @Test
    void manyLogins_ofOneUser_areHashedOnce() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(4, 3), Set.of(), LASTING, time)) {
            List<CompletableFuture<LoginCheck.Verdict>> all = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                all.add(begin(check, "alice", "right", "192.0.2.1"));
            }
            for (CompletableFuture<LoginCheck.Verdict> one : all) {
                assertThat(one.get(20, TimeUnit.SECONDS)).isEqualTo(ALICE);
            }
            for (int i = 0; i < 10_000; i++) {
                assertThat(begin(check, "alice", "right", "192.0.2.1")).isCompletedWithValue(ALICE);
            }
            assertThat(check.hashings()).isEqualTo(1);
        }
    }

    /** From many threads: nobody may be forgotten while verdicts are shared. */
    @Test
    void sameLogins_fromManyThreads_areAllAnswered() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(1000, 100_000), Set.of(), LASTING, time);
                ExecutorService threads = Executors.newFixedThreadPool(8)) {
            for (int round = 0; round < 10; round++) {
                String password = "wrong" + round;
                List<Future<CompletableFuture<LoginCheck.Verdict>>> all = new ArrayList<>();
                for (int i = 0; i < 64; i++) {
                    all.add(threads.submit(() -> begin(check, "alice", password, "192.0.2.1")));
                }
                for (Future<CompletableFuture<LoginCheck.Verdict>> one : all) {
                    assertThat(one.get(20, TimeUnit.SECONDS).get(20, TimeUnit.SECONDS))
                            .isEqualTo(new LoginCheck.Verdict.Wrong());
                }
            }
            assertThat(check.hashings()).isLessThan(640);
        }
    }

    @Test
    void reload_ofOneUser_keepsWhatIsKnownOfTheOthers() throws Exception {
        UserFile users = UserFile.open(file);
        users.add("bob", "right".toCharArray());
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), LASTING, time)) {
            ask(check, "alice", "right", "192.0.2.1");
            ask(check, "bob", "right", "192.0.2.1");
            users.set("bob", Map.of("lane", "bulk"));
            assertThat(check.reloadIfChanged()).isEqualTo(LoginCheck.Reload.TAKEN);
            assertThat(begin(check, "alice", "right", "192.0.2.1")).isCompletedWithValue(ALICE);
            assertThat(check.hashings()).isEqualTo(2);
            LoginCheck.Verdict fresh = ask(check, "bob", "right", "192.0.2.1");
            assertThat(check.hashings()).isEqualTo(3);
            assertThat(fresh).isInstanceOfSatisfying(LoginCheck.Verdict.Right.class,
                    right -> assertThat(right.identity().rights().lane()).contains(Lane.BULK));
            users.remove("alice");
            check.reloadIfChanged();
            assertThat(ask(check, "alice", "right", "192.0.2.1"))
                    .isEqualTo(new LoginCheck.Verdict.Wrong());
        }
    }

    private UsersConfig userBrake(int maxOfUser) {
        UsersConfig usual = config(100, 1000);
        return new UsersConfig(usual.file(), usual.hashQueue(), usual.verdictCache(),
                usual.maxFailures(), maxOfUser, usual.failureWindow());
    }

    @Test
    void failures_ofOneUser_brakeHimWhereHeIsNotKnown() throws Exception {
        UserFile.open(file).add("bob", "right".toCharArray());
        try (LoginCheck check = LoginCheck.open(userBrake(3), Set.of(), LASTING, time)) {
            assertThat(ask(check, "alice", "right", "192.0.2.1")).isEqualTo(ALICE);
            for (int i = 0; i < 3; i++) {
                ask(check, "alice", "wrong" + i, "198.51.100." + i);
            }
            long before = check.hashings();
            assertThat(begin(check, "alice", "right", "203.0.113.9"))
                    .isCompletedWithValue(new LoginCheck.Verdict.Wrong());
            assertThat(check.hashings()).as("neither hashed nor looked up").isEqualTo(before);
            assertThat(ask(check, "alice", "right", "192.0.2.1")).isEqualTo(ALICE);
            assertThat(ask(check, "alice", "wrong", "192.0.2.1")).as("hashed, as he is known here")
                    .isEqualTo(new LoginCheck.Verdict.Wrong());
            assertThat(check.hashings()).isEqualTo(before + 1);
            assertThat(ask(check, "bob", "right", "203.0.113.9"))
                    .isInstanceOf(LoginCheck.Verdict.Right.class);
            time.advance(Duration.ofMinutes(11));
            assertThat(ask(check, "alice", "right", "203.0.113.9")).isEqualTo(ALICE);
        }
    }

    @Test
    void knownOrigin_isForgottenAfterADay() throws Exception {
        try (LoginCheck check = LoginCheck.open(userBrake(1), Set.of(), LASTING, time)) {
            ask(check, "alice", "right", "192.0.2.1");
            time.advance(Duration.ofHours(25));
            ask(check, "alice", "wrong", "198.51.100.1");
            assertThat(ask(check, "alice", "right", "192.0.2.1"))
                    .isEqualTo(new LoginCheck.Verdict.Wrong());
        }
    }

    @Test
    void guesses_sentAtOnce_areNotHashedBeyondTheBrake() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(1000, 5), Set.of(), LASTING, time)) {
            List<CompletableFuture<LoginCheck.Verdict>> all = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                all.add(begin(check, "alice", "wrong" + i, "192.0.2.1"));
            }
            for (CompletableFuture<LoginCheck.Verdict> one : all) {
                one.get(20, TimeUnit.SECONDS);
            }
            assertThat(check.hashings()).isLessThanOrEqualTo(5);
        }
    }

    @Test
    void rightLogins_giveBackWhatTheyCounted() throws Exception {
        UserFile users = UserFile.open(file);
        for (int i = 0; i < 6; i++) {
            users.add("u" + i, "right".toCharArray());
        }
        try (LoginCheck check = LoginCheck.open(config(1000, 3), Set.of(), LASTING, time)) {
            for (int i = 0; i < 6; i++) {
                assertThat(ask(check, "u" + i, "right", "192.0.2.1"))
                        .isInstanceOf(LoginCheck.Verdict.Right.class);
            }
        }
    }

    @Test
    void proof_countsLikeAPassword() throws Exception {
        ScramSecret secret = ScramSecret.made(new byte[32], "alice", Optional.empty());
        try (LoginCheck check = LoginCheck.open(config(10, 2), Set.of(), LASTING, time)) {
            List<LoginCheck.Verdict> verdicts = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                check.check(new SaslDialogue.Credentials.Proof("alice", secret, new byte[9],
                        new byte[32]), InetAddress.getByName("192.0.2.1"), Runnable::run,
                        verdicts::add);
            }
            assertThat(verdicts).containsExactly(new LoginCheck.Verdict.Wrong(),
                    new LoginCheck.Verdict.Wrong(), new LoginCheck.Verdict.Braked());
            assertThat(check.hashings()).isZero();
        }
    }

    /** Who asks before and after a restart learns nothing either. */
    @Test
    void scramSecret_ofUnknownUser_isTheSameAfterARestart() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        List<String> salts = new ArrayList<>();
        for (int start = 0; start < 3; start++) {
            try (LoginCheck check = LoginCheck.open(config(10, 2), Set.of(),
                    LastingSecret.in(spool.memos()), time)) {
                salts.add(check.scramSecret("nobody").saltText());
            }
        }
        assertThat(salts).containsOnly(salts.getFirst());
        try (LoginCheck elsewhere = LoginCheck.open(config(10, 2), Set.of(),
                LastingSecret.in(new RecordingSpool().memos()), time)) {
            assertThat(elsewhere.scramSecret("nobody").saltText())
                    .isNotEqualTo(salts.getFirst());
        }
    }

    @Test
    void lastingSecret_brokenOrNotWritten_isMadeAnew() {
        RecordingSpool spool = new RecordingSpool();
        byte[] first = LastingSecret.in(spool.memos());
        assertThat(LastingSecret.in(spool.memos())).isEqualTo(first).hasSize(32);
        spool.memoValues.replaceAll((name, value) -> new byte[3]);
        assertThat(LastingSecret.in(spool.memos())).isNotEqualTo(first).hasSize(32);
        spool.memoValues.clear();
        spool.commits = RecordingSpool.Commits.FAILING;
        assertThat(LastingSecret.in(spool.memos())).hasSize(32);
        assertThat(spool.memoValues).isEmpty();
    }

    @Test
    void scramSecret_ofUnknownUser_doesNotTellThem() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 2), Set.of(), LASTING, time)) {
            assertThat(check.scramSecret("nobody").saltText())
                    .isEqualTo(check.scramSecret("nobody").saltText())
                    .isNotEqualTo(check.scramSecret("alice").saltText());
            assertThat(check.offersScram()).isFalse();
            UserFile.open(file).setScram("alice", "right".toCharArray());
            check.reloadIfChanged();
            assertThat(check.offersScram()).isTrue();
        }
    }
}
