// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Mutated dialogues in random pieces: no exception, well-formed replies, nothing begun is left. */
class SessionFuzzTest {
    private static final int ROUNDS = 4000;
    private static final String[] TOKENS = {"\r\n", "\r", "\n", "\0", ".", "\r\n.\r\n",
            "BDAT 5\r\n",
            "BDAT 0 LAST\r\n", "DATA\r\n", "RSET\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<a@b>\r\n", "<",
            ">", "\"", "=", "+0A", "\u00ff", "AUTH PLAIN ", "STARTTLS\r\n", ":", "From: ", " ",
            "\t", "99999999999999999999", "*\r\n", "x".repeat(3000)};

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void receive_mutatedDialogues_staysWellFormed(long seed) {
        Random random = new Random(seed);
        List<String> inputs = new ArrayList<>();
        Dialogue.all().forEach(d -> inputs.add(clientOctets(d)));
        String[] listeners = {"relay", "submission", "submissions", "optional", "foreign"};
        SmtpServerConfig config = Fixture.config();
        for (int round = 0; round < ROUNDS; round++) {
            byte[] input = mutated(inputs, random);
            SessionDriver driver = new SessionDriver(config,
                    listeners[random.nextInt(listeners.length)]);
            driver.open();
            try {
                play(driver, input, random);
            } catch (RuntimeException | AssertionError broken) {
                throw new AssertionError("seed " + seed + " round " + round + ": "
                        + TestClient.text(input), broken);
            }
        }
    }

    /** The target of the long version, on mutated dialogues and arguments. */
    @ParameterizedTest
    @ValueSource(longs = {4, 5})
    void target_mutatedInputs_holds(long seed) {
        Random random = new Random(seed);
        List<String> inputs = new ArrayList<>(List.of("<a@example.com> SIZE=1 BODY=8BITMIME",
                "<\"a b\"@[192.0.2.1]> RET=FULL ENVID=a+2Bb", "<b@c> NOTIFY=DELAY,FAILURE",
                "<b@c> ORCPT=rfc822;a+40b", "<@r:a@b>", "5 LAST", "<> SMTPUTF8 REQUIRETLS"));
        Dialogue.all().forEach(d -> inputs.add(clientOctets(d)));
        for (int round = 0; round < ROUNDS; round++) {
            byte[] mutated = mutated(inputs, random);
            byte[] input = new byte[mutated.length + 2];
            random.nextBytes(input);
            System.arraycopy(mutated, 0, input, 2, mutated.length);
            try {
                SessionFuzz.fuzzerTestOneInput(input);
            } catch (RuntimeException | AssertionError broken) {
                throw new AssertionError("seed " + seed + " round " + round + ": "
                        + TestClient.text(input), broken);
            }
        }
    }

    /** Any octets in any chunks are stored as they were sent, and known for what they are. */
    @ParameterizedTest
    @ValueSource(longs = {6, 7})
    void binaryOctets_inAnyChunks_areStoredAsSent(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < ROUNDS / 4; round++) {
            byte[] body = new byte[random.nextInt(4000)];
            random.nextBytes(body);
            for (int i = random.nextInt(40); i > 0 && body.length > 0; i--) {
                body[random.nextInt(body.length)] = (byte) "\r\n\0.".charAt(random.nextInt(4));
            }
            String octets = new String(body, StandardCharsets.ISO_8859_1);
            boolean text = !octets.replace("\r\n", "").matches("(?s).*[\r\n\\x00].*");
            SessionDriver driver = SessionDriver.relay();
            play(driver, Fixture.latin1("EHLO c\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\n"
                    + "RCPT TO:<c@d>\r\n" + chunks("A: b\r\n\r\n" + octets, random)), random);
            RecordingSpool.Stored stored = driver.onlyMessage();
            String what = "seed " + seed + " round " + round;
            assertThat(stored.submission().facts().binary()).as(what).isEqualTo(!text);
            assertThat(stored.text().substring(stored.text().indexOf("\r\n\r\n") + 4)).as(what)
                    .isEqualTo(text && !octets.isEmpty() && !octets.endsWith("\r\n")
                            ? octets + "\r\n"
                            : octets);
        }
    }

    private static String chunks(String octets, Random random) {
        StringBuilder all = new StringBuilder();
        for (int at = 0; at < octets.length();) {
            int size = Math.min(octets.length() - at, 1 + random.nextInt(1500));
            all.append("BDAT ").append(size)
                    .append(at + size == octets.length() ? " LAST\r\n" : "\r\n")
                    .append(octets, at, at + size);
            at += size;
        }
        return all.toString();
    }

    private static String clientOctets(Dialogue dialogue) {
        StringBuilder all = new StringBuilder();
        for (Dialogue.Step step : dialogue.steps()) {
            if (step instanceof Dialogue.Step.Send(String octets)) {
                all.append(octets);
            }
        }
        return all.toString();
    }

    private static void play(SessionDriver driver, byte[] input, Random random) {
        int at = 0;
        while (at < input.length && !driver.closed) {
            int end = Math.min(input.length, at + 1 + random.nextInt(random.nextBoolean()
                    ? 4
                    : 600));
            driver.feed(input, at, end);
            at = end;
            if (driver.tlsAsked && !driver.closed) {
                driver.tlsAsked = false;
                driver.establishTls();
            }
        }
        driver.session.lost();
        for (SmtpReply reply : driver.replies) {
            assertThat(reply.code()).isBetween(214, 599);
        }
        for (String line : driver.lines) {
            assertThat(line.chars().allMatch(c -> c >= 32 && c < 127)).as(line).isTrue();
        }
        assertThat(driver.spool.begun.get()).as("contents begun and ended")
                .isEqualTo(driver.spool.discarded.get() + driver.spool.stored.size());
    }

    private static byte[] mutated(List<String> inputs, Random random) {
        StringBuilder text = new StringBuilder(inputs.get(random.nextInt(inputs.size())));
        int changes = random.nextInt(6);
        for (int i = 0; i < changes && text.length() > 1; i++) {
            int at = random.nextInt(text.length());
            switch (random.nextInt(5)) {
                case 0 -> text.setCharAt(at, (char) random.nextInt(256));
                case 1 -> text.delete(at, Math.min(text.length(), at + 1 + random.nextInt(20)));
                case 2 -> text.insert(at, TOKENS[random.nextInt(TOKENS.length)]);
                case 3 -> text.insert(at, inputs.get(random.nextInt(inputs.size())));
                default -> text.setLength(at + 1);
            }
        }
        return Fixture.latin1(text.substring(0, Math.min(text.length(), 60_000)));
    }
}
