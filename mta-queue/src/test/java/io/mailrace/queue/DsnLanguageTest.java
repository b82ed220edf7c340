// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.address;
import static io.mailrace.queue.SpoolFixture.bounced;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.facts;
import static io.mailrace.queue.SpoolFixture.message;
import static io.mailrace.queue.SpoolFixture.submission;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Event;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The text of notifications in each language, whole on the way and readable at its end. */
class DsnLanguageTest {
    private static final Pattern PLACE = Pattern.compile("\\{[^}]*}");
    /** Of a line as written; what is filled in may make it longer. */
    private static final int MAX_COLUMNS = 76;

    @TempDir
    Path directory;

    private static List<String> places(String text) {
        return PLACE.matcher(text).results().map(match -> match.group()).sorted().toList();
    }

    @ParameterizedTest
    @EnumSource(DsnConfig.Language.class)
    void file_hasTheKeysAndPlacesOfTheEnglishOne(DsnConfig.Language language) {
        Properties english = Phrases.file(DsnConfig.Language.EN);
        Properties file = Phrases.file(language);
        assertThat(new TreeSet<>(file.stringPropertyNames())).containsExactlyInAnyOrderElementsOf(
                Arrays.stream(Phrases.Phrase.values()).map(Phrases.Phrase::key).toList());
        for (String key : english.stringPropertyNames()) {
            String text = file.getProperty(key);
            assertThat(places(text)).as(key).isEqualTo(places(english.getProperty(key)));
            assertThat(text).as(key).isEqualTo(text.strip()).doesNotContain("\r", "\t", "\ufffd");
            assertThat(text.lines().toList()).as(key)
                    .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(MAX_COLUMNS));
            if (key.startsWith("subject-")) {
                assertThat(text).doesNotContain("\n");
            }
            if (language != DsnConfig.Language.EN) {
                assertThat(text).as(key).isNotEqualTo(english.getProperty(key));
            }
        }
    }

    /** All four kinds of notification, as bytes that any peer takes. */
    @ParameterizedTest
    @EnumSource(DsnConfig.Language.class)
    void everyNotification_isAsciiAndReadsInTheLanguageThenInEnglish(
            DsnConfig.Language language) {
        Phrases phrases = Phrases.in(language);
        try (SpoolFixture fixture = new SpoolFixture(directory, "dsn.language = "
                + language.code(), "retry.default { delay-notice = 1h, intervals = [3h] }")) {
            byte[] content = message("x");
            Recipient[] recipients = {new Recipient(address("no@example.net"), 0, ""),
                    new Recipient(address("later@example.net")),
                    new Recipient(address("yes@example.net"), Recipient.NOTIFY_SUCCESS, "")};
            fixture.accept(content, submission(content, "app@example.com", recipients));
            fixture.time.advance(Duration.ofHours(2));
            fixture.settle(fixture.take("example.net"), bounced(), deferred(), delivered());
            ReadDsn failed = ReadDsn.of(fixture, fixture.take("example.com"));
            ReadDsn delayed = ReadDsn.of(fixture, fixture.take("example.com"));
            ReadDsn relayed = ReadDsn.of(fixture, fixture.take("example.com"));
            look(failed, language, Phrases.Phrase.SUBJECT_FAILED, "<no@example.net>");
            look(delayed, language, Phrases.Phrase.SUBJECT_DELAYED, "<later@example.net>");
            look(relayed, language, Phrases.Phrase.SUBJECT_RELAYED, "<yes@example.net>");
            assertThat(failed.human()).contains("550 no such user", "mx.example.net");
            assertThat(failed.fields()).contains("Action: failed\r\n", "Status: 5.1.1\r\n");
            assertThat(delayed.human()).contains("2023-11-18 22:13 UTC", "451 come again");
            assertThat(relayed.human().replace("\r\n", "\n"))
                    .contains(phrases.text(Phrases.Phrase.RELAYED, java.util.Map.of()));
        }
    }

    private static void look(ReadDsn dsn, DsnConfig.Language language, Phrases.Phrase subject,
            String recipient) {
        String code = language.code();
        String english = "This is the mail system at mta.example.com.";
        assertThat(dsn.subject()).isEqualTo(Phrases.in(language).text(subject, java.util.Map.of()));
        assertThat(dsn.bytes().chars()).allMatch(c -> c < 127);
        assertThat(dsn.bytes().lines().toList()).allSatisfy(
                line -> assertThat(line).hasSizeLessThan(200));
        assertThat(dsn.envelope().options().body()).isEqualTo(MailOptions.Body.SEVEN_BIT);
        assertThat(dsn.human().replace("\r\n", "")).doesNotContain("\n", "\r", "\ufffd", "{");
        int count = language == DsnConfig.Language.EN ? 1 : 2;
        assertThat(dsn.human().split(Pattern.quote(recipient), -1)).hasSize(count + 1);
        assertThat(dsn.human()).containsOnlyOnce(english);
        assertThat(dsn.human().startsWith(english)).isEqualTo(count == 1);
        assertThat(dsn.languages())
                .isEqualTo(count == 1 ? List.of("en") : List.of(code, "en"));
        assertThat(dsn.encoding()).isEqualTo(switch (language) {
            case EN -> "7bit";
            case JA -> "base64";
            case DE, FR, ES, IT, PT, PL -> "quoted-printable";
            case NL -> "7bit";
        });
    }

    @ParameterizedTest
    @CsvSource({"Postbote, Postbote", "'Mail, Inc.', '\"Mail, Inc.\"'",
            "'a \"b\" c', '\"a \\\"b\\\" c\"'"})
    void fromName_ofAscii_isQuotedWhenItMust(String name, String written) {
        assertThat(MimeText.mailbox(name, "a@b.test")).isEqualTo(written + " <a@b.test>");
    }

    @Test
    void fromName_ofAnyScript_reachesTheReader() {
        String name = "Poczta \u0142\u00f3d\u017a \u30e1\u30fc\u30eb ".repeat(5).strip();
        try (SpoolFixture fixture = new SpoolFixture(directory,
                "dsn { language = de, from-name = \"" + name + "\" }")) {
            fixture.accept(message("x"), "a@example.net");
            fixture.settle(fixture.take("example.net"), bounced());
            ReadDsn dsn = ReadDsn.of(fixture, fixture.take("example.com"));
            assertThat(dsn.from().getPersonal()).isEqualTo(name);
            assertThat(dsn.from().getAddress()).isEqualTo("mailer-daemon@mta.example.com");
            assertThat(dsn.bytes().lines().takeWhile(line -> !line.isEmpty()))
                    .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(76));
        }
    }

    /** What a peer says cannot ask for values of ours, nor break out of the encoding. */
    @Test
    void replyThatLooksLikeAPlace_staysAsItIs() {
        try (SpoolFixture fixture = new SpoolFixture(directory, "dsn.language = fr")) {
            fixture.accept(message("x"), "a@example.net");
            fixture.settle(fixture.take("example.net"), new Disposition.Bounced(
                    SmtpReply.of(550, "5.7.1", "{host} =3D =\r\n--x {peer")));
            ReadDsn dsn = ReadDsn.of(fixture, fixture.take("example.com"));
            assertThat(dsn.human()).contains("refus\u00e9 par mx.example.net : 550 {host} =3D "
                    + "=??--x {peer\r\n");
        }
    }

    @Test
    void utf8Addresses_areReadableInTheTextToo() {
        try (SpoolFixture fixture = new SpoolFixture(directory, "dsn.language = ja")) {
            byte[] content = message("x");
            ContentFacts facts = facts(content);
            fixture.accept(content, new Submission(address("j\u00f6rg@example.com"),
                    List.of(new Recipient(address("\u4f60@example.net"))),
                    MailOptions.NONE.withSmtputf8(true),
                    facts, "default", Event.Intake.LOCAL));
            fixture.settle(fixture.take("example.net"), bounced());
            ReadDsn dsn = ReadDsn.of(fixture, fixture.take("example.com"));
            assertThat(dsn.human()).contains("<\u4f60@example.net>");
            assertThat(dsn.fields()).contains("Final-Recipient: utf-8; \u4f60@example.net\r\n");
            assertThat(dsn.envelope().options().smtputf8()).isTrue();
        }
    }

    /** Also for the few letters in which a locale differs from the rest of the world. */
    @Test
    void keysAndCodes_doNotDependOnTheLocale() {
        Locale before = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("tr"));
        try {
            assertThat(Phrases.inOrder(DsnConfig.Language.IT)).extracting(Phrases::languageCode)
                    .containsExactly("it", "en");
        } finally {
            Locale.setDefault(before);
        }
    }

    /** Each length and kind of line comes back as it was, in lines of at most 76 characters. */
    @Test
    void body_ofAnyText_decodesToItself() throws Exception {
        for (String letter : List.of("a", "\u00fc", "=", " ", ".", "\u30e1", "\ud83d\ude00")) {
            for (int length = 0; length < 160; length++) {
                String text = "\u00fc\r\n" + letter.repeat(length) + "\r\n.\r\nend \r\n";
                MimeText.Body body = MimeText.body(text);
                assertThat(body.lines().lines().toList()).allSatisfy(
                        line -> assertThat(line).hasSizeLessThanOrEqualTo(76));
                assertThat(body.lines().lines()).noneMatch(line -> line.endsWith(" "));
                byte[] decoded = jakarta.mail.internet.MimeUtility.decode(
                        new java.io.ByteArrayInputStream(
                                body.lines().getBytes(StandardCharsets.US_ASCII)),
                        body.encoding()).readAllBytes();
                assertThat(new String(decoded, StandardCharsets.UTF_8)).isEqualTo(text);
            }
        }
    }
}
