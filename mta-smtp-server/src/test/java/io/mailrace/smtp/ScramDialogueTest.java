// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The vector of RFC 7677, whole logins, and what a proof is worth when it is changed. */
class ScramDialogueTest {
    private static final String SALT = "W22ZaJ0SNY7soEsUEjb6gQ==";
    private static final ScramSecret PENCIL = ScramSecret.of("pencil".toCharArray(),
            Base64.getDecoder().decode(SALT), 4096);
    private static final String NONCE = "rOprNGfwEbeRWgbNEkqO";
    private static final String OUR_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    private static final String PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static ScramDialogue begun() {
        ScramDialogue dialogue = new ScramDialogue(user -> PENCIL, OUR_NONCE);
        assertThat(dialogue.begin(base64("n,,n=user,r=" + NONCE)))
                .isEqualTo(new SaslDialogue.Step.Ask(SaslDialogue.challenge("r=" + NONCE
                        + OUR_NONCE + ",s=" + SALT + ",i=4096")));
        return dialogue;
    }

    private static boolean holds(SaslDialogue.Step step) {
        return step instanceof SaslDialogue.Step.Login(SaslDialogue.Credentials login)
                && login instanceof SaslDialogue.Credentials.Proof proof && proof.holds();
    }

    @Test
    void vectorOfRfc7677_isWhatWeSay() {
        ScramDialogue dialogue = begun();
        SaslDialogue.Step step = dialogue.next(base64("c=biws,r=" + NONCE + OUR_NONCE + ",p="
                + PROOF));
        assertThat(holds(step)).isTrue();
        assertThat(dialogue.lastWord()).contains(SaslDialogue.challenge(
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    }

    @Test
    void proof_anyBitChanged_isWorthNothing() {
        byte[] good = Base64.getDecoder().decode(PROOF);
        for (int bit = 0; bit < 8 * good.length; bit++) {
            byte[] bad = good.clone();
            bad[bit / 8] ^= (byte) (1 << (bit % 8));
            assertThat(holds(begun().next(base64("c=biws,r=" + NONCE + OUR_NONCE + ",p="
                    + Base64.getEncoder().encodeToString(bad))))).as("bit " + bit).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "AAAA", "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQAAAA="})
    void proof_ofAnotherLength_isWorthNothing(String proof) {
        assertThat(holds(begun().next(base64("c=biws,r=" + NONCE + OUR_NONCE + ",p=" + proof))))
                .isFalse();
    }

    @Test
    void extension_beforeTheProof_isProvenToo() {
        assertThat(holds(begun().next(base64("c=biws,r=" + NONCE + OUR_NONCE + ",x=y,p="
                + PROOF)))).isFalse();
    }

    @Test
    void anything_atAnyStep_isAnsweredWithoutException() {
        long seed = System.identityHashCode(new Object());
        Random random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            ScramDialogue dialogue = random.nextBoolean()
                    ? begun()
                    : new ScramDialogue(user -> PENCIL, OUR_NONCE);
            byte[] bytes = new byte[random.nextInt(60)];
            for (int at = 0; at < bytes.length; at++) {
                bytes[at] = (byte) "n,y=rcpma\0=AZb".charAt(random.nextInt(14));
            }
            assertThat(holds(dialogue.next(Base64.getEncoder().encodeToString(bytes))))
                    .as("seed " + seed).isFalse();
        }
    }

    @Test
    void session_rightPassword_provesBothSides() throws Exception {
        SessionDriver driver = SessionDriver.opened("submissions").say("EHLO c");
        ScramClient client = new ScramClient("alice", Fixture.PASSWORD, "abc");
        driver.say("AUTH " + client.first());
        driver.say(client.last(driver.lastLine()));
        assertThat(driver.lastLine()).isEqualTo(client.expectedProof());
        driver.say("MAIL FROM:<a@example.com>");
        assertThat(driver.lastLine()).startsWith("501 5.5.2");
        driver.say("MAIL FROM:<a@example.com>");
        assertThat(driver.lastLine()).as("the proof of the server was not acknowledged")
                .startsWith("530");
        ScramClient again = new ScramClient("alice", Fixture.PASSWORD, "def");
        driver.say("AUTH " + again.first());
        driver.say(again.last(driver.lastLine()));
        driver.say("");
        assertThat(driver.lastLine()).startsWith("235");
        driver.say("MAIL FROM:<a@example.com>");
        assertThat(driver.lastLine()).startsWith("250");
    }

    @Test
    void server_throughSocket_takesTheRightPasswordOnly() throws Exception {
        try (TestServer server = TestServer.start(Fixture.config(), new RecordingSpool());
                TestClient client = server.greeted("submissions")) {
            client.ask("EHLO c");
            for (String user : new String[]{"alice", "news", "nobody"}) {
                ScramClient wrong = new ScramClient(user, "open sesam", "abc");
                assertThat(client.ask(wrong.last(client.ask("AUTH " + wrong.first()))))
                        .isEqualTo("535 5.7.8 Authentication credentials invalid");
            }
            ScramClient right = new ScramClient("alice", Fixture.PASSWORD, "abc");
            assertThat(client.ask(right.last(client.ask("AUTH " + right.first()))))
                    .isEqualTo(right.expectedProof());
            assertThat(client.ask("")).startsWith("235");
        }
    }

    @Test
    void madeSecret_isTheSameEachTimeAndAnotherForEachName() {
        byte[] secret = {1, 2, 3};
        assertThat(ScramSecret.made(secret, "a", Optional.empty()).saltText())
                .isEqualTo(ScramSecret.made(secret, "a", Optional.empty()).saltText())
                .isNotEqualTo(ScramSecret.made(secret, "b", Optional.empty()).saltText())
                .hasSize(Base64.getEncoder().encodeToString(new byte[ScramSecret.SALT_BYTES])
                        .length());
        ScramSecret like = ScramSecret.of("right".toCharArray(), new byte[20], 4096);
        ScramSecret made = ScramSecret.made(secret, "a", Optional.of(like));
        assertThat(made.iterations()).isEqualTo(4096);
        assertThat(made.saltText()).hasSameSizeAs(like.saltText()).isNotEqualTo(like.saltText());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "SCRAM-SHA-1$4096:AAAAAAAAAAA=$A:A",
            "SCRAM-SHA-256$4095:c2FsdHNhbHQ=$KEY:KEY", "SCRAM-SHA-256$1000001:c2FsdHNhbHQ=$KEY:KEY",
            "SCRAM-SHA-256$99999999999:c2FsdHNhbHQ=$KEY:KEY", "SCRAM-SHA-256$4096:c2Fs$KEY:KEY",
            "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$AAAA:KEY", "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$KEY:!",
            "SCRAM-SHA-256$-4096:c2FsdHNhbHQ=$KEY:KEY", "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$KEY"})
    void secret_malformedOrOutOfBounds_isRefused(String text) {
        String key = Base64.getEncoder().encodeToString(new byte[32]);
        assertThat(ScramSecret.parse("SCRAM-SHA-256$4096:c2FsdHNhbHQ=$KEY:KEY".replace("KEY",
                key)).iterations()).isEqualTo(4096);
        assertThatThrownBy(() -> ScramSecret.parse(text.replace("KEY", key)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("scram");
    }
}
