// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** bcrypt with what other programs made (crypt_blowfish's vectors, libxcrypt). */
class PasswordHashTest {
    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource({"U*U,$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "U*U*,$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
            "U*U*U,$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a",
            "rasmuslerdorf,$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq",
            "rasmuslerdorf,$2y$07$BCryptRequires22Chrctyr4CkgSwZYH.pjGgj4jZjm19tGaQoTNe"})
    void bcrypt_ofOtherPrograms_matches(String password, String hash) {
        PasswordHash read = PasswordHash.parse(hash);
        assertThat(read.matches(utf8(password))).isTrue();
        assertThat(read.matches(utf8(password + "x"))).isFalse();
        assertThat(read.toString()).isEqualTo(hash);
        PasswordHash asB = PasswordHash.parse(hash.replaceFirst("2[ay]", "2b"));
        assertThat(asB.matches(utf8(password))).isTrue();
    }

    @Test
    void ofNobody_costsWhatOthersCost_andMatchesNothing() {
        PasswordHash nobody = PasswordHash.ofNobody(new SecureRandom());
        PasswordHash other = PasswordHash.of(utf8("x"), new SecureRandom());
        assertThat(nobody.matches(utf8("x"))).isFalse();
        assertThat(nobody.matches(utf8(""))).isFalse();
        assertThat(nobody.toString()).hasSameSizeAs(other.toString())
                .startsWith(other.toString().substring(0, "$argon2id$v=19$m=19456,t=2".length()));
    }

    @Test
    void bcrypt_countsSeventyTwoOctets() {
        PasswordHash hash = PasswordHash.parse(
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
        assertThat(hash.matches(utf8("x".repeat(1024)))).isFalse();
        assertThat(hash.matches(utf8("é".repeat(100)))).isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "$2a$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW | cost 15; 4 to 14",
            "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW | cost 31",
            "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW | cost 3",
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW | in whole",
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe | in whole",
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyO!W | in whole",
            "$2a$5$ | in whole", "$2 | in whole", "$1$abc$def | no argon2id or bcrypt",
            "secret | no argon2id or bcrypt", "'' | no argon2id or bcrypt",
            "$argon2id$v=19$m=999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA | cost is not",
            "$argon2id$v=19$m=19456,t=2,p=1$c2Fs$aGFzaGhhc2hoYXNoaGFzaA | broken salt"})
    void unusable_isASentence(String text, String sentence) {
        assertThatThrownBy(() -> PasswordHash.parse(text))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(sentence);
    }
}
