// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static io.mailrace.dkim.TestKeys.DOMAIN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.james.jdkim.DKIMVerifier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Our signatures read by Apache jDKIM. */
class JdkimOracleTest {
    private static final Map<String, String> DNS = TestKeys.dns(TestKeys.RSA_2048);
    /**
     * It ends a header at a line that is no field, repairs line ends, reads header bytes as UTF-8,
     * and hashes an empty relaxed body as CRLF, where RFC 6376 3.4.4 and the other verifiers hash
     * nothing.
     */
    private static final Set<String> WHERE_IT_DIFFERS = Set.of("line without colon",
            "bare CR and LF", "long header", "blank before the colon", "latin-1 header",
            "empty body", "no body", "no body, last line not ended", "only empty lines",
            "only blanks", "last line not ended");

    private final MessageSigner signer = TestKeys.streaming(TestKeys.RSA_2048);

    static Stream<String> messages() {
        return Messages.awkward().keySet().stream().filter(n -> !WHERE_IT_DIFFERS.contains(n));
    }

    @ParameterizedTest
    @MethodSource("messages")
    void sign_awkwardMessage_verifies(String name) throws Exception {
        BytesContent content = BytesContent.of(Messages.awkward(name));
        Signature signature = signer.sign(content, BytesContent.facts(DOMAIN));

        assertThat(verify(StreamingSignerTest.message(signature, content))).isEqualTo(1);
    }

    @Test
    void sign_bodyChanged_doesNotVerify() {
        BytesContent content = BytesContent.of(Messages.PLAIN);
        byte[] message = StreamingSignerTest.message(
                signer.sign(content, BytesContent.facts(DOMAIN)), content);
        message[message.length - 3] ^= 1;
        assertThatThrownBy(() -> verify(message))
                .isInstanceOf(org.apache.james.jdkim.exceptions.FailException.class);
    }

    private static int verify(byte[] message) throws Exception {
        var verifier = new DKIMVerifier((method, selector, domain) -> List
                .of(DNS.getOrDefault(selector + "._domainkey." + domain, "")));
        return verifier.verify(new ByteArrayInputStream(message)).size();
    }
}
