// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPairGenerator;
import java.util.Base64;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.RSAPrivateKey;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KeyFileTest {
    @TempDir
    Path folder;

    private KeyFile.Outcome read(String text) throws IOException {
        Path file = Files.writeString(folder.resolve("key.pem"), text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return KeyFile.read(file, "example.com", "s1");
    }

    private String refusal(String text) throws IOException {
        return read(text) instanceof KeyFile.Outcome.Refused refused ? refused.reason() : "usable";
    }

    static String pem(String type, byte[] der) {
        return "-----BEGIN " + type + "-----\n"
                + Base64.getMimeEncoder(64, new byte[]{'\n'}).encodeToString(der) + "\n-----END "
                + type + "-----\n";
    }

    private static RSAPrivateKey asn1(DkimKey.Rsa key) throws IOException {
        return RSAPrivateKey.getInstance(
                PrivateKeyInfo.getInstance(key.key().getEncoded()).parsePrivateKey());
    }

    private static String pkcs1(DkimKey.Rsa key) throws IOException {
        return pem("RSA PRIVATE KEY", asn1(key).getEncoded());
    }

    @Test
    void read_pkcs1AndPkcs8_giveTheSameKey() throws IOException {
        DkimKey.Rsa key = TestKeys.RSA_2048;
        for (String text : new String[]{pkcs1(key), pem("PRIVATE KEY", key.key().getEncoded()),
                pem("CERTIFICATE", new byte[]{1}) + pkcs1(key),
                pkcs1(key).replace("\n", "\r\n")}) {
            assertThat(read(text)).isInstanceOfSatisfying(KeyFile.Outcome.Usable.class, usable -> {
                assertThat(((DkimKey.Rsa) usable.key()).key()).isEqualTo(key.key());
                assertThat(usable.warnings()).isEmpty();
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void generate_eachKind_writesAKeyThatSigns(DkimKeyGenerator.Kind kind) throws IOException {
        Path file = folder.resolve("new.pem");

        DkimRecord record = DkimKeyGenerator.generate(kind, "example.com", "s2026", file);

        assertThat(Files.getPosixFilePermissions(file))
                .isEqualTo(PosixFilePermissions.fromString("rw-------"));
        assertThat(record.name()).isEqualTo("s2026._domainkey.example.com");
        assertThat(record.value()).startsWith(kind == DkimKeyGenerator.Kind.ED25519
                ? "v=DKIM1; k=ed25519; p="
                : "v=DKIM1; k=rsa; p=");
        assertThat(KeyFile.read(file, "example.com", "s2026"))
                .isInstanceOfSatisfying(KeyFile.Outcome.Usable.class, usable -> {
                    assertThat(usable.key().record()).isEqualTo(record);
                    assertThat(usable.warnings()).isEmpty();
                    BytesContent content = BytesContent.of(Messages.PLAIN);
                    Signature signature = TestKeys.streaming(usable.key())
                            .sign(content, BytesContent.facts("example.com"));
                    assertThat(PlainVerifier.verify(
                            StreamingSignerTest.message(signature, content),
                            TestKeys.dns(usable.key()))).hasSize(1);
                });
    }

    @Test
    void generate_fileExists_isLeftAlone() throws IOException {
        Path file = Files.writeString(folder.resolve("old.pem"), "precious");
        assertThatThrownBy(() -> DkimKeyGenerator.generate(DkimKeyGenerator.Kind.ED25519,
                "example.com", "s1", file)).isInstanceOf(FileAlreadyExistsException.class);
        assertThat(file).hasContent("precious");
    }

    @Test
    void generate_notANameForTheDns_isRefused() {
        for (String bad : new String[]{"", "a b", "a@b.c", "[1.2.3.4]", "x\".example", "UPPER.test",
                "a..b", "-a.test"}) {
            assertThatThrownBy(() -> DkimKeyGenerator.generate(DkimKeyGenerator.Kind.ED25519, bad,
                    "s1", folder.resolve("x"))).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> DkimKeyGenerator.generate(DkimKeyGenerator.Kind.ED25519,
                    "example.com", bad, folder.resolve("x")))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void zoneLine_longKey_isCutIntoStringsOf255() {
        DkimRecord record = TestKeys.RSA_2048.record();
        assertThat(record.strings()).hasSize(2).allMatch(s -> s.length() <= 255);
        assertThat(String.join("", record.strings())).isEqualTo(record.value());
        assertThat(record.zoneLine())
                .startsWith("big._domainkey.example.com. IN TXT ( \"v=DKIM1; k=rsa; p=")
                .endsWith("\" )").contains("\" \"");
    }

    @Test
    void read_notAKey_isRefusedWithAReason() throws Exception {
        assertThat(refusal("")).isEqualTo("holds no private key in PEM form");
        assertThat(refusal("hello\n")).isEqualTo("holds no private key in PEM form");
        assertThat(refusal(pem("PUBLIC KEY", new byte[10])))
                .isEqualTo("holds no private key in PEM form");
        assertThat(refusal("-----BEGIN PRIVATE KEY-----\nAAAA")).isNotEqualTo("usable");
        assertThat(refusal("-----BEGIN PRIVATE KEY-----\n???\n-----END PRIVATE KEY-----\n"))
                .contains("damaged");
        assertThat(refusal(pem("PRIVATE KEY", new byte[]{0x30, 3, 2, 1, 0}))).contains("damaged");
        assertThat(refusal(pem("RSA PRIVATE KEY", new byte[0]))).isNotEqualTo("usable");
        assertThat(refusal(pem("ENCRYPTED PRIVATE KEY", new byte[10]))).contains("encrypted");
        assertThat(refusal(pkcs1(TestKeys.RSA).replace("KEY-----\nM",
                "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM"))).contains("encrypted");
        var elliptic = KeyPairGenerator.getInstance("EC").generateKeyPair().getPrivate();
        assertThat(refusal(pem("PRIVATE KEY", elliptic.getEncoded())))
                .contains("another kind");
        assertThat(refusal("x".repeat(70_000))).contains("64 KB");
        assertThat(KeyFile.read(folder.resolve("absent"), "a.b", "s"))
                .isEqualTo(new KeyFile.Outcome.Refused("does not exist"));
        assertThat(KeyFile.read(folder, "a.b", "s")).isInstanceOf(KeyFile.Outcome.Refused.class);
    }

    /** Whatever byte of a key file is damaged: refused, or still the same key. */
    @Test
    void read_damagedBytes_neverGiveAnotherKey() throws IOException {
        byte[] der = asn1(TestKeys.RSA).getEncoded();
        for (int i = 0; i < der.length; i++) {
            byte[] damaged = der.clone();
            damaged[i] ^= 4;
            if (read(pem("RSA PRIVATE KEY", damaged)) instanceof KeyFile.Outcome.Usable usable) {
                assertThat(((DkimKey.Rsa) usable.key()).key().getModulus())
                        .isEqualTo(TestKeys.RSA.key().getModulus());
            }
        }
    }

    @Test
    void read_keyLengths_followRfc8301() throws Exception {
        assertThat(refusal(pkcs1(TestKeys.rsa("a.b", "s", 512)))).contains("512 bits");
        BigInteger n = BigInteger.ONE.shiftLeft(5000);
        assertThat(refusal(pem("RSA PRIVATE KEY",
                new RSAPrivateKey(n, n, n, n, n, n, n, n).getEncoded()))).contains("4096");
        assertThat(read(pkcs1(TestKeys.RSA))).isInstanceOfSatisfying(KeyFile.Outcome.Usable.class,
                usable -> assertThat(usable.warnings()).singleElement().asString()
                        .contains("1024 bits"));
    }

    @Test
    void read_readableByOthers_isWarned() throws IOException {
        Path file = Files.writeString(folder.resolve("open.pem"), pkcs1(TestKeys.RSA_2048));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        assertThat(KeyFile.read(file, "example.com", "s1"))
                .isInstanceOfSatisfying(KeyFile.Outcome.Usable.class,
                        usable -> assertThat(usable.warnings()).singleElement().asString()
                                .contains("can read this private key"));
    }

    @Test
    void toString_ofAKey_tellsNoSecret() {
        assertThat(TestKeys.RSA).hasToString("rsa-1024 s1@example.com");
        assertThat(TestKeys.ED).hasToString("ed25519 e1@example.com");
    }
}
