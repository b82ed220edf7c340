// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UserFileTest {
    @TempDir
    private Path directory;

    private static char[] password(String text) {
        return text.toCharArray();
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void add_newFile_isReadByTheServerAndByNobodyElse() throws Exception {
        Path file = directory.resolve("users");
        UserFile users = UserFile.open(file);
        users.add("alice", password("pässword"));
        users.add("App.One@example.com", password("x"), "billing");
        assertThat(users.list()).containsExactly(new UserFile.User("alice", "alice", ""),
                new UserFile.User("App.One@example.com", "billing", ""));
        assertThat(UserFile.open(file).list()).isEqualTo(users.list());
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isIn("rw-------", "rw-r-----");
        assertThat(Files.readString(file)).contains(":$argon2id$v=19$m=19456,t=2,p=1$")
                .doesNotContain("pässword");
        PasswordHash hash = UserTable.read(file, Set.of()).users().get("alice").hash();
        assertThat(hash.matches(utf8("pässword"))).isTrue();
        assertThat(hash.matches(utf8("passwort"))).isFalse();
    }

    @Test
    void change_keepsCommentsModeAndOthers() throws Exception {
        Path file = directory.resolve("users");
        UserFile users = UserFile.open(file);
        users.add("alice", password("one"), "team");
        users.add("bob", password("two"));
        String bob = Files.readAllLines(file).get(1);
        Files.writeString(file, "# mine\n\n" + Files.readString(file));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        users = UserFile.open(file);
        users.setPassword("alice", password("three"));
        assertThat(Files.readAllLines(file)).startsWith("# mine", "").endsWith(bob);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-r-----");
        assertThat(users.list().getFirst()).isEqualTo(new UserFile.User("alice", "team", ""));
        assertThat(
                UserTable.read(file, Set.of()).users().get("alice").hash().matches(utf8("three")))
                .isTrue();
        assertThat(users.remove("alice")).isTrue();
        assertThat(users.remove("alice")).isFalse();
        assertThat(users.list()).containsExactly(new UserFile.User("bob", "bob", ""));
        try (var left = Files.list(directory)) {
            assertThat(left).containsExactly(file);
        }
    }

    @Test
    void open_symbolicLink_staysOne() throws Exception {
        Path real = directory.resolve("real");
        Path link = directory.resolve("users");
        UserFile.open(real).add("alice", password("x"));
        Files.createSymbolicLink(link, real);
        UserFile.open(link).add("bob", password("y"));
        assertThat(Files.isSymbolicLink(link)).isTrue();
        assertThat(UserFile.open(real).list()).hasSize(2);
    }

    @Test
    void set_changesTheRestOfTheLine() throws Exception {
        Path file = directory.resolve("users");
        UserFile users = UserFile.open(file, Set.of("default", "b"));
        users.add("alice", password("one"), "", Map.of("lane", "bulk"));
        users.add("bob", password("two"));
        users.set("alice", Map.of("rate", "100/min", "pool", "b"));
        users.set("bob", Map.of("from", "shop.test"));
        assertThat(Files.readAllLines(file).get(1)).endsWith("::from=shop.test");
        assertThat(users.list().getFirst().tenant()).isEqualTo("alice");
        assertThat(users.list().getFirst().fields()).contains("lane=bulk", "rate=100/min",
                "pool=b");
        users.setPassword("alice", password("three"));
        assertThat(users.list().getFirst().fields()).contains("lane=bulk", "rate=100/min");
        users.set("bob", Map.of("from", ""));
        assertThat(users.list().get(1)).isEqualTo(new UserFile.User("bob", "bob", ""));
        assertThat(Files.readAllLines(file).get(1).split(":")).hasSize(2);
        String before = Files.readString(file);
        assertThatThrownBy(() -> users.set("alice", Map.of("pool", "c")))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("no pool c");
        assertThatThrownBy(() -> users.set("alice", Map.of("lnae", "bulk")))
                .hasMessageContaining("unknown key lnae");
        assertThatThrownBy(() -> users.set("carol", Map.of("lane", "bulk")))
                .hasMessageContaining("no such user");
        assertThat(Files.readString(file)).isEqualTo(before);
    }

    @Test
    void scram_goesWithThePassword() throws Exception {
        Path file = directory.resolve("users");
        UserFile users = UserFile.open(file);
        users.add("alice", password("pencil"), "team");
        assertThat(UserTable.read(file, Set.of()).scram()).isFalse();
        users.setScram("alice", password("pencil"));
        assertThat(UserTable.read(file, Set.of()).scram()).isTrue();
        String first = users.list().getFirst().fields();
        assertThat(first).isEqualTo("scram=yes");
        String line = Files.readString(file);
        users.setPassword("alice", password("other"));
        assertThat(Files.readString(file)).contains(":team:scram=SCRAM-SHA-256$")
                .isNotEqualTo(line);
        users.setPassword("alice", password("ümlaut"));
        assertThat(Files.readString(file)).doesNotContain("scram").endsWith(":team\n");
        assertThatThrownBy(() -> users.setScram("alice", password("ümlaut")))
                .hasMessageContaining("printable ASCII");
    }

    @Test
    void wrongArguments_areRefused() throws Exception {
        UserFile users = UserFile.open(directory.resolve("users"));
        users.add("alice", password("x"));
        assertThatThrownBy(() -> users.add("alice", password("y")))
                .hasMessageContaining("exists");
        assertThatThrownBy(() -> users.add("a:b", password("y")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> users.add("b\nc", password("y")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> users.add("bob", password("")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> users.add("bob", password("y"), "Team:1"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> users.setPassword("bob", password("y")))
                .hasMessageContaining("no such user");
        assertThat(users.list()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"alice", "alice:secret", "alice:$6$abc$def",
            "alice:$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "alice:$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "alice:$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "alice:$argon2id$v=19$m=19456,t=2,p=1$!$aGFzaGhhc2hoYXNoaGFzaA", ":x", "a b:x"})
    void badLine_namesIt(String line) {
        assertThatThrownBy(() -> UserTable.parse(List.of("# ok", line), Set.of("default")))
                .isInstanceOf(IOException.class).hasMessageContaining("line 2");
    }

    @Test
    void tenant_isReducedToItsAlphabet() {
        assertThat(UserTable.tenant("App+1@Example.COM")).isEqualTo("app-1@example.com");
    }
}
