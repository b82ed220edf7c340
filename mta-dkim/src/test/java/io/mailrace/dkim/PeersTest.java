// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static io.mailrace.dkim.TestKeys.DOMAIN;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our signatures read by the verifiers that receivers run. */
@Tag("peers")
class PeersTest {
    /** What their parsers refuse or repair: no field names, bare CR or LF, NUL, a huge field. */
    private static final Set<String> BEYOND_THEIR_PARSERS = Set.of("line without colon",
            "blank before the colon", "bare CR and LF", "control bytes", "long header");

    private static final String PYTHON = """
            import sys, dkim
            records = dict(line.rstrip("\\n").encode().split(b" ", 1) for line in open(sys.argv[1]))
            def txt(name, timeout=5):
                return records.get(name.rstrip(b"."))
            for path in sys.argv[2:]:
                message = open(path, "rb").read()
                good = []
                for index in range(2):
                    try:
                        good.append(dkim.DKIM(message).verify(index, dnsfunc=txt))
                    except Exception as e:
                        good.append(repr(e))
                print(path.rsplit("/", 1)[1], good)
            """;

    @TempDir
    Path folder;

    private static Map<String, String> messages() {
        Map<String, String> all = new LinkedHashMap<>(Messages.awkward());
        all.keySet().removeAll(BEYOND_THEIR_PARSERS);
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            String text = Messages.random(random);
            String fields = text.split("\r\n\r\n", 2)[0];
            if (Stream.of(fields.split("\r\n(?![ \t])"))
                    .allMatch(f -> f.matches("(?s)[\\w-]+:.*"))) {
                all.put("seed " + seed + " round " + i, text);
            }
        }
        return all;
    }

    private List<String> write(MessageSigner signer) throws IOException {
        List<String> files = new ArrayList<>();
        for (var message : messages().entrySet()) {
            BytesContent content = BytesContent.of(message.getValue());
            Path file = folder.resolve(message.getKey().replace(' ', '_').replace(',', '_'));
            byte[] signed = StreamingSignerTest.message(
                    signer.sign(content, BytesContent.facts(DOMAIN)), content);
            Files.write(file, asReceived(signed));
            files.add(file.toString());
        }
        return files;
    }

    /** It ends the header at a blank continuation line, and gives up on a second, odd From. */
    private static boolean isBeyondTestMode(String message) {
        List<String> lines = List.of(message.split("\r\n\r\n", 2)[0].split("\r\n"));
        return lines.stream().anyMatch(String::isBlank)
                || lines.stream().filter(line -> line.startsWith("From")).count() > 1;
    }

    /** What comes out of DATA ends in CRLF, whatever went in (RFC 5321 4.1.1.4). */
    private static byte[] asReceived(byte[] sent) {
        String text = new String(sent, ISO_8859_1);
        return (text.endsWith("\r\n") ? text : text + "\r\n")
                .getBytes(ISO_8859_1);
    }

    private Path records(DkimKey... keys) throws IOException {
        return Files.writeString(folder.resolve("dns"), TestKeys.dns(keys).entrySet().stream()
                .map(e -> e.getKey() + " " + e.getValue() + "\n").collect(Collectors.joining()));
    }

    private String run(List<String> command) throws Exception {
        Path output = folder.resolve("output");
        Process process = new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(output.toFile()).start();
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ended in time").isTrue();
        return Files.readString(output, ISO_8859_1);
    }

    @Test
    void sign_rsaAndEd25519_verifyInPythonDkim() throws Exception {
        Path python = Path.of("/usr/bin/python3");
        boolean installed = Files.isExecutable(python)
                && !run(List.of(python.toString(), "-c", "import dkim, nacl")).contains("Error");
        assumeTrue(installed, "skipped: install python3-dkim and python3-nacl");
        List<String> files = write(TestKeys.streaming(TestKeys.RSA_2048, TestKeys.ED));
        List<String> command = new ArrayList<>(List.of(python.toString(), "-c", PYTHON,
                records(TestKeys.RSA_2048, TestKeys.ED).toString()));
        command.addAll(files);

        String output = run(command);

        assertThat(output.lines().filter(line -> !line.endsWith(" [True, True]"))).isEmpty();
        assertThat(output.lines()).hasSize(files.size());
    }

    private static final String PYTHON_BODIES = """
            import sys, base64, hashlib
            from dkim.canonicalization import CanonicalizationPolicy
            relaxed = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
            for path in sys.argv[1:]:
                message = open(path, "rb").read()
                body = relaxed.canonicalize_body(message.split(b"\\r\\n\\r\\n", 1)[1])
                print(base64.b64encode(hashlib.sha256(body).digest()).decode())
            """;

    /**
     * Its parser makes each LF a CRLF before it looks, so it is asked for the body hash alone. It
     * keeps blanks behind the last CRLF, the RFC does not say: there the sample gets text.
     */
    @Test
    void sign_binaryBodies_hashLikePythonDkim() throws Exception {
        Path python = Path.of("/usr/bin/python3");
        boolean installed = Files.isExecutable(python)
                && !run(List.of(python.toString(), "-c", "import dkim")).contains("Error");
        assumeTrue(installed, "skipped: install python3-dkim");
        MessageSigner signer = TestKeys.streaming(TestKeys.RSA_2048);
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        List<String> command = new ArrayList<>(List.of(python.toString(), "-c", PYTHON_BODIES));
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            byte[] message = Messages.binary(random);
            if (message[message.length - 1] == ' ' || message[message.length - 1] == '\t') {
                message[message.length - 1] = 'x';
            }
            expected.add(StreamingSignerTest.tags(signer.sign(BytesContent.of(message),
                    BytesContent.binaryFacts(DOMAIN))).get("bh"));
            command.add(Files.write(folder.resolve("binary" + i), message).toString());
        }

        assertThat(run(command).lines().toList()).as("seed %d", seed).isEqualTo(expected);
    }

    @Test
    void sign_rsa_verifiesInOpendkim() throws Exception {
        Path opendkim = Path.of("/usr/sbin/opendkim");
        assumeTrue(Files.isExecutable(opendkim), "skipped: install opendkim");
        Path config = Files.writeString(folder.resolve("opendkim.conf"),
                "Mode v\nTestPublicKeys " + records(TestKeys.RSA_2048) + "\n");
        List<String> files = write(TestKeys.streaming(TestKeys.RSA_2048));
        List<String> failed = new ArrayList<>();
        for (String file : files) {
            if (isBeyondTestMode(Files.readString(Path.of(file), ISO_8859_1))) {
                continue;
            }
            String output = run(List.of(opendkim.toString(), "-x", config.toString(), "-t", file));
            if (!output.contains("succeeded")) {
                failed.add(file + ": " + output);
            }
        }
        assertThat(failed).isEmpty();
    }
}
