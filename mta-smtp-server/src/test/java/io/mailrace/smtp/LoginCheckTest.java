// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
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

    @Test
    void check_saysWhatIsRight() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), time)) {
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
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), time)) {
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
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), time)) {
            ask(check, "alice", "right", "192.0.2.1");
            time.advance(Duration.ofMinutes(6));
            CompletableFuture<LoginCheck.Verdict> again = begin(check, "alice", "right",
                    "192.0.2.1");
            assertThat(again.get(20, TimeUnit.SECONDS))
                    .isEqualTo(ALICE);
        }
    }

    @Test
    void reload_badOrMissingFile_keepsTheUsers() throws Exception {
        try (LoginCheck check = LoginCheck.open(config(10, 10), Set.of(), time)) {
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
        try (LoginCheck check = LoginCheck.open(config(10, 3), Set.of(), time)) {
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
        try (LoginCheck check = LoginCheck.open(config(1, 1000), Set.of(), time)) {
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
}
