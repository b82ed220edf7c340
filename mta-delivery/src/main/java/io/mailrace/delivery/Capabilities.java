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
 * @param limits what it takes at most
 * @param sizeLimit octets of RFC 1870; 0 when no limit was named
 * @param deliverBySeconds least time of RFC 2852 it takes; negative when it does not offer that
 */
record Capabilities(boolean pipelining, boolean size, long sizeLimit, boolean eightBitMime,
        boolean smtpUtf8, boolean dsn, boolean chunking, boolean binaryMime, boolean startTls,
        boolean requireTls, boolean priorities, long deliverBySeconds, Set<String> auth,
        Limits limits) {

    /**
     * What it takes at most (RFC 9422); {@code Integer.MAX_VALUE} when it does not say.
     *
     * @param mails on one connection
     * @param recipients in one transaction
     * @param domains of recipients in one transaction
     */
    record Limits(int mails, int recipients, int domains) {
        static final Limits NONE = new Limits(Integer.MAX_VALUE, Integer.MAX_VALUE,
                Integer.MAX_VALUE);

        static Limits of(String line) {
            return new Limits(limit(line, "MAILMAX="), limit(line, "RCPTMAX="),
                    limit(line, "RCPTDOMAINMAX="));
        }

        /** A limit of nought, or one that cannot be read, is none (RFC 9422 3). */
        private static int limit(String line, String name) {
            for (String word : Ascii.upper(line).split(" +")) {
                if (word.startsWith(name)) {
                    long value = number(word.substring(name.length()));
                    return value < 1 || value > 1_000_000 ? Integer.MAX_VALUE : (int) value;
                }
            }
            return Integer.MAX_VALUE;
        }
    }

    static final Capabilities NONE = new Capabilities(false, false, 0, false, false, false, false,
            false, false, false, false, -1, Set.of(), Limits.NONE);

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
        boolean binaryMime = false;
        boolean tls = false;
        boolean requireTls = false;
        boolean priorities = false;
        long deliverBy = -1;
        Set<String> auth = new HashSet<>();
        Limits limits = Limits.NONE;
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
                case "BINARYMIME" -> binaryMime = true;
                case "STARTTLS" -> tls = true;
                case "LIMITS" -> limits = Limits.of(line);
                case "AUTH" -> auth.addAll(List.of(Ascii.upper(line).split(" +")));
                case "REQUIRETLS" -> requireTls = true;
                case "MT-PRIORITY" -> priorities = true;
                case "DELIVERBY" -> deliverBy = blank < 0
                        ? 0
                        : number(line.substring(blank + 1).strip());
                default -> {
                }
            }
        }
        return new Capabilities(pipelining, size, limit, eightBit, utf8, dsn, chunking,
                binaryMime, tls, requireTls, priorities, deliverBy, auth, limits);
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
