// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.SmtpReply;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a peer offered in its reply to EHLO. Belongs to one connection, and after STARTTLS only to
 * what was said since (RFC 3207 4.2).
 *
 * @param auth names of mechanisms, in capitals
 * @param sizeLimit octets of RFC 1870; 0 when no limit was named
 */
record Capabilities(boolean pipelining, boolean size, long sizeLimit, boolean eightBitMime,
        boolean smtpUtf8, boolean dsn, boolean chunking, boolean startTls, boolean requireTls,
        Set<String> auth) {
    static final Capabilities NONE = new Capabilities(false, false, 0, false, false, false, false,
            false, false, Set.of());

    Capabilities {
        auth = Set.copyOf(auth);
    }

    static Capabilities of(SmtpReply ehlo) {
        boolean pipelining = false;
        boolean size = false;
        long limit = 0;
        boolean eightBit = false;
        boolean utf8 = false;
        boolean dsn = false;
        boolean chunking = false;
        boolean tls = false;
        boolean requireTls = false;
        Set<String> auth = new HashSet<>();
        List<String> lines = ehlo.lines();
        for (int i = 1; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            int blank = line.indexOf(' ');
            switch (Ascii.upper(blank < 0 ? line : line.substring(0, blank))) {
                case "PIPELINING" -> pipelining = true;
                case "SIZE" -> {
                    size = true;
                    limit = blank < 0 ? 0 : number(line.substring(blank + 1).strip());
                }
                case "8BITMIME" -> eightBit = true;
                case "SMTPUTF8" -> utf8 = true;
                case "DSN" -> dsn = true;
                case "CHUNKING" -> chunking = true;
                case "STARTTLS" -> tls = true;
                case "AUTH" -> auth.addAll(List.of(Ascii.upper(line).split(" +")));
                case "REQUIRETLS" -> requireTls = true;
                default -> {
                }
            }
        }
        return new Capabilities(pipelining, size, limit, eightBit, utf8, dsn, chunking, tls,
                requireTls, auth);
    }

    /** What cannot be read is no limit. */
    private static long number(String digits) {
        long value = 0;
        for (int i = 0; i < digits.length(); i++) {
            char c = digits.charAt(i);
            if (c < '0' || c > '9' || i >= 18) {
                return 0;
            }
            value = value * 10 + (c - '0');
        }
        return value;
    }
}
