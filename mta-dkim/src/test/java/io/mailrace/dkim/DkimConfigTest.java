// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigSource;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DkimConfigTest {
    @TempDir
    Path folder;
    private Path rsa = Path.of("");
    private Path ed = Path.of("");

    @BeforeEach
    void makeKeys() throws IOException {
        rsa = Files.writeString(folder.resolve("rsa.pem"),
                KeyFileTest.pem("PRIVATE KEY", TestKeys.RSA_2048.key().getEncoded()));
        ed = folder.resolve("ed.pem");
        DkimKeyGenerator.generate(DkimKeyGenerator.Kind.ED25519, "example.com", "e", ed);
    }

    private static DkimConfig read(String text) {
        ConfigSource source = ConfigSource.ofText(text);
        DkimConfig config = DkimConfig.from(source.root());
        source.finish();
        return config;
    }

    private static void assertProblem(String text, String... parts) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(ConfigException.class)
                .message().contains(parts);
    }

    @Test
    void from_defaults_signNothingAndCoverWhatMatters() {
        DkimConfig config = read("");
        assertThat(config.engine()).isEqualTo(DkimConfig.Engine.STREAMING);
        assertThat(config.rsaProvider()).isEqualTo(DkimConfig.RsaProvider.AUTO);
        assertThat(config.rsaWide()).isEqualTo(DkimConfig.Wide.AUTO);
        assertThat(config.signatureLifetime()).isZero();
        assertThat(config.keys()).isEmpty();
        assertThat(config.signHeaders()).contains("List-Unsubscribe", "List-Unsubscribe-Post",
                "List-Id", "Feedback-ID");
        assertThat(config.oversignHeaders()).contains("From", "To", "Cc", "Subject", "Date",
                "Reply-To", "Message-ID", "MIME-Version", "Content-Type");
    }

    @Test
    void from_everyValueChanged_maps() {
        DkimConfig config = read("""
                dkim {
                  engine = streaming
                  rsa-provider = jdk
                  rsa-wide = off
                  signature-lifetime = 8d
                  sign-headers = [From, X-A]
                  oversign-headers = [From]
                  "Example.COM" = [{ selector = S1, key = "%s" }, { selector = e, key = "%s" }]
                  "other.example" = null
                }""".formatted(rsa, ed));
        assertThat(config.rsaProvider()).isEqualTo(DkimConfig.RsaProvider.JDK);
        assertThat(config.rsaWide()).isEqualTo(DkimConfig.Wide.OFF);
        assertThat(config.signatureLifetime()).isEqualTo(Duration.ofDays(8));
        assertThat(config.signHeaders()).containsExactly("From", "X-A");
        assertThat(config.oversignHeaders()).containsExactly("From");
        assertThat(config.keys()).containsOnlyKeys("example.com");
        assertThat(config.keys().values().iterator().next()).extracting(DkimKey::signedBy)
                .containsExactly("s1@example.com", "e@example.com");
        assertThat(read("dkim.engine = simple-java-mail").engine())
                .isEqualTo(DkimConfig.Engine.SIMPLE_JAVA_MAIL);
    }

    @Test
    void reference_keys_areTheComponents() {
        Set<String> components = new TreeSet<>();
        for (RecordComponent component : DkimConfig.class.getRecordComponents()) {
            components.add(component.getName().replaceAll("([A-Z])", "-$1")
                    .toLowerCase(Locale.ROOT));
        }
        components.removeAll(Set.of("keys", "warnings"));
        assertThat(new TreeSet<>(ConfigSource.ofText("").root().section("dkim").keys()))
                .isEqualTo(components);
    }

    @Test
    void from_headersAppended_keepTheDefaults() {
        assertThat(read("dkim.sign-headers += X-Campaign").signHeaders())
                .contains("Subject", "X-Campaign");
    }

    @Test
    void from_weakOrOpenKeyFile_warns() {
        assertThat(read("dkim { \"a.test\" = [{ selector = s, key = \"" + rsa + "\" }] }")
                .warnings()).singleElement().asString().contains("can read this private key");
    }

    @Test
    void from_ed25519Alone_warns() {
        String only = "dkim { \"a.test\" = [{ selector = e, key = \"" + ed + "\" }] }";
        assertThat(read(only).warnings()).singleElement().asString()
                .contains("a.test has Ed25519 keys only");
        assertThat(read(only + "\ndkim.\"a.test\" += { selector = s, key = \"" + rsa + "\" }")
                .warnings()).isNotEmpty().noneMatch(warning -> warning.contains("Ed25519"));
    }

    @Test
    void from_badSettings_areProblemsWithTheirLine() {
        assertProblem("dkim {\n  engine = fast\n}", "text:2", "streaming, simple-java-mail");
        assertProblem("dkim {\n  enigne = fast\n}", "text:2", "did you mean engine?");
        assertProblem("dkim.signature-lifetime = 5m", "signature-lifetime", "at least 1h");
        assertProblem("dkim { engine = simple-java-mail, signature-lifetime = 5d }", "no x=");
        assertProblem("dkim { sign-headers = [To], oversign-headers = [] }", "From");
        assertProblem("dkim.sign-headers = [From, \"a b\"]", "not a header name: \"a b\"");
        assertProblem("dkim.sign-headers = [From, Received]", "never signed");
    }

    @Test
    void from_badKeys_areAllReportedWithTheirLine() {
        assertProblem("""
                dkim {
                  "a.test" = [{ selector = s, key = "%s/absent.pem" }]
                  "b.test" = [{ key = "%s" }]
                  "c.test" = [{ selector = "a b", key = "%s" }]
                  "d.test" = [{ selector = s }]
                  "e.test" = [{ selector = s, key = "%s" }, { selector = S, key = "%s" }]
                  "-.test" = [{ selector = s, key = "%s" }]
                  "f.test" = { selector = s, key = x }
                  "g.test" = [{ selector = s, key = "%s", size = 3 }]
                  "h.test" = []
                }""".formatted(folder, rsa, rsa, rsa, ed, rsa, rsa),
                "text:2: dkim.\"a.test\"[0].key: ", "absent.pem does not exist",
                "text:3: dkim.\"b.test\"[0].selector: is missing",
                "text:4: dkim.\"c.test\"[0].selector: is not a selector",
                "text:5: dkim.\"d.test\"[0].key: must be the path",
                "text:6: dkim.\"e.test\"[1].selector: is used twice",
                "text:7: dkim.\"-.test\": is not a domain name",
                "text:8: dkim.\"f.test\": must be a list",
                "text:9: dkim.\"g.test\"[0].size: unknown key",
                "text:10: dkim.\"h.test\": has no key");
    }

    @Test
    void from_sameDomainTwice_isAProblem() {
        assertProblem("dkim { \"a.test\" = [{ selector = s, key = \"" + rsa
                + "\" }]\n\"A.test\" = [{ selector = s, key = \"" + rsa + "\" }] }",
                "a second time");
    }

    @Test
    void isSelector_names_areTold() {
        assertThat(List.of("s1", "20260101", "a.b", "x_y")).allMatch(DkimConfig::isSelector);
        assertThat(List.of("", ".", "a..b", "a.", "S1", "a b", "a;b", "-a", "\u00e9"))
                .noneMatch(DkimConfig::isSelector);
    }

    @Test
    void keyRing_find_triesParents() {
        KeyRing ring = new KeyRing(java.util.Map.of("example.com", List.of(TestKeys.RSA),
                "xn--bcher-kva.example", List.of(TestKeys.ED)));
        for (String found : Arrays.asList("example.com", "EXAMPLE.com", "a.b.example.com",
                "b\u00fccher.example", "xn--bcher-kva.example")) {
            assertThat(ring.find(found)).as(found).isNotNull();
        }
        for (String absent : Arrays.asList("", ".", "com", "notexample.com", "example.com.",
                "example.com.evil.test", "\u0000", "\ud800", "x".repeat(300) + ".example.com",
                "[1.2.3.4]")) {
            assertThat(ring.find(absent)).as(absent).isNull();
        }
    }

    @Test
    void keysFor_subdomain_areThoseOfTheNearestDomainAbove() {
        DkimConfig config = TestKeys.config(DkimConfig.Engine.STREAMING, Duration.ZERO,
                TestKeys.RSA);
        assertThat(config.keysFor("a.b.Example.com")).containsExactly(TestKeys.RSA);
        assertThat(config.keysFor("example.org")).isEmpty();
    }
}
