// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SystemAuthoritiesTest {
    @TempDir
    private Path folder;

    private static X509Certificate[] chain(TestCertificates from) throws Exception {
        return from.of("mx.example.test").getCertificatePath();
    }

    @Test
    void systemsFile_isWhatIsTrusted() throws Exception {
        TestCertificates ours = new TestCertificates();
        SystemAuthorities authorities = new SystemAuthorities(ours.file(folder));

        authorities.checkServerTrusted(chain(ours), "ECDHE_RSA");
        X509Certificate[] stranger = chain(new TestCertificates());
        assertThatThrownBy(() -> authorities.checkServerTrusted(stranger, "ECDHE_RSA"))
                .isInstanceOf(CertificateException.class);
        assertThat(authorities.getAcceptedIssuers()).containsExactly(ours.authority());
    }

    /** Nothing is read before it is asked for, and then never again. */
    @Test
    void file_isReadAtTheFirstQuestionOnly() throws Exception {
        Path file = folder.resolve("authority.pem");
        SystemAuthorities authorities = new SystemAuthorities(file);
        TestCertificates ours = new TestCertificates();
        ours.file(folder);
        authorities.checkServerTrusted(chain(ours), "ECDHE_RSA");

        Files.delete(file);
        authorities.checkServerTrusted(chain(ours), "ECDHE_RSA");
        assertThat(authorities.getAcceptedIssuers()).containsExactly(ours.authority());
    }

    /** An administrator's broken one spoils no others. */
    @Test
    void oneBrokenCertificate_theOthersCount() throws Exception {
        TestCertificates ours = new TestCertificates();
        Path file = ours.file(folder);
        Files.writeString(file, "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n"
                + Files.readString(file));
        assertThat(new SystemAuthorities(file).getAcceptedIssuers())
                .containsExactly(ours.authority());
    }

    @Test
    void withoutAUsableFile_thoseOfTheRuntimeCount() throws Exception {
        Path broken = Files.writeString(folder.resolve("broken.pem"),
                "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
        Path empty = Files.writeString(folder.resolve("empty.pem"), "");
        for (Path file : new Path[]{broken, empty, folder.resolve("absent.pem")}) {
            assertThat(new SystemAuthorities(file).getAcceptedIssuers()).as("%s", file)
                    .hasSizeGreaterThan(10);
        }
    }
}
