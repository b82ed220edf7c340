// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.DClass;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.Type;

class DnsResponderTest {
    private final DnsResponder dns = DnsResponder.start(InetAddress.getLoopbackAddress());

    @AfterEach
    void close() {
        dns.close();
    }

    @Test
    void mx_twoHosts_bothAnswered() throws Exception {
        dns.mx("a.test", 10, "mx1.a.test").mx("a.test", 20, "mx2.a.test");
        Message reply = ask("A.Test.", Type.MX);
        assertThat(reply.getRcode()).isEqualTo(Rcode.NOERROR);
        assertThat(reply.getSection(Section.ANSWER)).extracting(r -> ((MXRecord) r)
                .getTarget()).containsExactlyInAnyOrder(Name.fromString("mx1.a.test."),
                        Name.fromString("mx2.a.test."));
    }

    @Test
    void nullMx_answered_pointsToRoot() throws Exception {
        dns.nullMx("a.test");
        MXRecord record = (MXRecord) ask("a.test.", Type.MX).getSection(Section.ANSWER).getFirst();
        assertThat(record.getTarget()).isEqualTo(Name.root);
    }

    @Test
    void address_ofBothFamilies_answeredByType() throws Exception {
        dns.address("h.test", "127.0.0.9").address("h.test", "::1");
        assertThat(ask("h.test.", Type.A).getSection(Section.ANSWER)).hasSize(1);
        assertThat(ask("h.test.", Type.AAAA).getSection(Section.ANSWER)).hasSize(1);
    }

    @Test
    void txt_longerThanPlainUdp_comesWhole() throws Exception {
        List<String> strings = List.of("a".repeat(255), "b".repeat(255), "c".repeat(100));
        dns.txt("s._domainkey.a.test", strings);
        TXTRecord record = (TXTRecord) ask("s._domainkey.a.test.", Type.TXT)
                .getSection(Section.ANSWER).getFirst();
        assertThat(record.getStrings()).isEqualTo(strings);
    }

    @Test
    void name_unknown_nxdomain_butNotAboveOthers() throws Exception {
        dns.address("h.a.test", "127.0.0.9");
        assertThat(ask("other.test.", Type.MX).getRcode()).isEqualTo(Rcode.NXDOMAIN);
        Message above = ask("a.test.", Type.MX);
        assertThat(above.getRcode()).isEqualTo(Rcode.NOERROR);
        assertThat(above.getSection(Section.ANSWER)).isEmpty();
    }

    @Test
    void failing_times_thenAnswers() throws Exception {
        dns.mx("a.test", 10, "mx.a.test").failing("a.test", 2);
        assertThat(ask("a.test.", Type.MX).getRcode()).isEqualTo(Rcode.SERVFAIL);
        assertThat(ask("a.test.", Type.MX).getRcode()).isEqualTo(Rcode.SERVFAIL);
        assertThat(ask("a.test.", Type.MX).getRcode()).isEqualTo(Rcode.NOERROR);
        assertThat(dns.queries()).isEqualTo(3);
    }

    private Message ask(String name, int type) throws Exception {
        var resolver = new SimpleResolver(dns.address());
        return resolver.send(Message.newQuery(
                Record.newRecord(Name.fromString(name), type, DClass.IN)));
    }
}
