// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.List;
import java.util.SplittableRandom;

/**
 * Where the demo's mail goes, with its share of the traffic and what must become of it.
 *
 * @see DemoInternet
 */
enum DemoPlace {
    BIGMAIL("bigmail.test", 300, Fate.DELIVERED, "shares its MX set with the next two"),
    BIGMAIL_EU("bigmail-eu.test", 120, Fate.DELIVERED, "same MX set, one site"),
    BIGMAIL_ASIA("bigmail-asia.test", 80, Fate.DELIVERED, "same MX set, one site"),
    GMAIL("gmail.test", 160, Fate.DELIVERED, "Gmail: 421 4.7.28 to what comes too fast"),
    GMAIL_NOBODY("gmail.test", 10, Fate.BOUNCED, "550 5.1.1, and each costs reputation"),
    OUTLOOK("outlook.test", 130, Fate.DELIVERED, "Outlook.com: 451 4.7.500 by author's domain"),
    YAHOO("yahoo.test", 100, Fate.DELIVERED, "Yahoo: 421 [TSS04] to what comes too fast"),
    POST("post.test", 210, Fate.DELIVERED, "best MX host refuses connections"),
    OLD("old.test", 60, Fate.DELIVERED, "no TLS, PIPELINING or CHUNKING"),
    GREYLIST("greylist.test", 60, Fate.DELIVERED, "450 to each recipient's first try"),
    STRICT("strict.test", 60, Fate.DELIVERED, "knows its users"),
    NOBODY("strict.test", 10, Fate.BOUNCED, "550 5.1.1 to one of two recipients"),
    CUT("cut.test", 30, Fate.DELIVERED, "cuts the line, before and after the final dot"),
    BUSY("busy.test", 40, Fate.DELIVERED, "421 to connections, 451 to some mail"),
    SLOW("slow.test", 20, Fate.DELIVERED, "100 ms for each reply"),
    DNS_TROUBLE("dnstrouble.test", 10, Fate.DELIVERED, "its name servers fail at first"),
    NULL_MX("nomail.test", 5, Fate.BOUNCED, "null MX: takes no mail"),
    NO_DOMAIN("nosuchdomain.test", 5, Fate.BOUNCED, "does not exist");

    /** Models of large receivers, see {@link DemoReceiver}. */
    static final List<DemoPlace> LARGE = List.of(GMAIL, OUTLOOK, YAHOO);

    /** What must become of a recipient. */
    enum Fate {
        DELIVERED, BOUNCED
    }

    /** Of one message, on average; some have several, see {@link DemoMessage}. */
    private static final double RECIPIENTS = 1.17;
    private static final int SHARES = sumOfShares();

    private final String domain;
    private final int share;
    private final Fate fate;
    private final String description;

    DemoPlace(String domain, int share, Fate fate, String description) {
        this.domain = domain;
        this.share = share;
        this.fate = fate;
        this.description = description;
    }

    String domain() {
        return domain;
    }

    /** Name of the large receiver in {@code providers.conf}. */
    String provider() {
        return domain.substring(0, domain.indexOf('.'));
    }

    Fate fate() {
        return fate;
    }

    String description() {
        return description;
    }

    /** The recipient of a message at this place; no two messages share one. */
    String recipient(int number) {
        boolean unknown = this == NOBODY || this == GMAIL_NOBODY;
        return (unknown ? "nobody" : "user") + number + "@" + domain;
    }

    /** One place drawn by share. */
    static DemoPlace draw(SplittableRandom random) {
        int at = random.nextInt(SHARES);
        for (DemoPlace place : values()) {
            at -= place.share;
            if (at < 0) {
                return place;
            }
        }
        throw new IllegalStateException("shares do not add up");
    }

    /** About how many recipients of that many messages lie here, and at the same domain. */
    int expected(int messages) {
        int all = 0;
        for (DemoPlace place : values()) {
            all += place.domain.equals(domain) ? place.share : 0;
        }
        return (int) Math.round(RECIPIENTS * messages * all / SHARES);
    }

    private static int sumOfShares() {
        int sum = 0;
        for (DemoPlace place : values()) {
            sum += place.share;
        }
        return sum;
    }
}
