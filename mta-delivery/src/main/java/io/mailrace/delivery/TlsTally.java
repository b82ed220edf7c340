// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How TLS with the hosts of one domain went on one day (RFC 8460 4.4): sessions by policy, failures
 * by kind and host, of which at most {@value #MAX_KINDS} are told apart. Guarded by its monitor.
 */
final class TlsTally {
    private static final int MAX_KINDS = 50;
    private static final int MAX_POLICIES = 5;
    private static final int MAX_TEXT = 200;
    private static final String LIST = "\u001f";

    /**
     * What the domain asked for.
     *
     * @param type tlsa, sts or no-policy-found
     * @param lines of the policy
     * @param mx patterns of the policy
     */
    record Policy(String type, List<String> lines, List<String> mx) {
        static final Policy NONE = new Policy("no-policy-found", List.of(), List.of());

        Policy {
            lines = List.copyOf(lines);
            mx = List.copyOf(mx);
        }
    }

    /** What failed; parts that are not known are empty. */
    record Failure(TlsResult result, String sendingIp, String host, String receivingIp,
            String why) {
        Failure {
            host = clean(host);
            why = clean(why);
        }

        private static String clean(String text) {
            return Ascii.clean(text, MAX_TEXT);
        }
    }

    private static final class Counts {
        private long succeeded;
        private final Map<Failure, Long> failed = new LinkedHashMap<>();

        private long failures() {
            return failed.values().stream().mapToLong(count -> count).sum();
        }
    }

    private final Map<Policy, Counts> policies = new LinkedHashMap<>();

    private Counts of(Policy policy) {
        if (policies.size() >= MAX_POLICIES && !policies.containsKey(policy)) {
            return policies.values().iterator().next();
        }
        return policies.computeIfAbsent(policy, key -> new Counts());
    }

    synchronized void succeeded(Policy policy) {
        of(policy).succeeded++;
    }

    synchronized void failed(Policy policy, Failure failure) {
        Counts counts = of(policy);
        Failure kind = counts.failed.size() < MAX_KINDS || counts.failed.containsKey(failure)
                ? failure
                : new Failure(failure.result(), "", "", "", "");
        counts.failed.merge(kind, 1L, Long::sum);
    }

    // ------------------------------------------------------------------ on disk

    synchronized byte[] encode() {
        StringBuilder text = new StringBuilder();
        policies.forEach((policy, counts) -> {
            line(text, "policy", policy.type(), String.join(LIST, policy.lines()),
                    String.join(LIST, policy.mx()), Long.toString(counts.succeeded));
            counts.failed.forEach((failure, count) -> line(text, "failed",
                    failure.result().word(), failure.sendingIp(), failure.host(),
                    failure.receivingIp(), failure.why(), Long.toString(count)));
        });
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void line(StringBuilder text, String... fields) {
        text.append(String.join("\t", fields)).append('\n');
    }

    /** @throws RuntimeException when it cannot be read */
    static TlsTally decode(byte[] bytes) {
        TlsTally tally = new TlsTally();
        Counts counts = new Counts();
        for (String line : new String(bytes, StandardCharsets.UTF_8).split("\n")) {
            String[] fields = line.split("\t", -1);
            if (fields[0].equals("policy")) {
                counts = tally.of(new Policy(fields[1], list(fields[2]), list(fields[3])));
                counts.succeeded += Long.parseLong(fields[4]);
            } else if (fields[0].equals("failed")) {
                counts.failed.merge(new Failure(TlsResult.of(fields[1]), fields[2], fields[3],
                        fields[4], fields[5]), Long.parseLong(fields[6]), Long::sum);
            }
        }
        return tally;
    }

    private static List<String> list(String text) {
        return text.isEmpty() ? List.of() : List.of(text.split(LIST));
    }

    // ------------------------------------------------------------------ for the receiver

    /** The value of {@code policies} in a report. */
    synchronized String json(String domain) {
        StringBuilder json = new StringBuilder("[");
        policies.forEach((policy, counts) -> {
            json.append(json.length() > 1 ? "," : "").append("{\"policy\":{\"policy-type\":")
                    .append(quoted(policy.type()));
            if (!policy.lines().isEmpty()) {
                json.append(",\"policy-string\":").append(quoted(policy.lines()));
            }
            json.append(",\"policy-domain\":").append(quoted(domain));
            if (!policy.mx().isEmpty()) {
                json.append(",\"mx-host\":").append(quoted(policy.mx()));
            }
            json.append("},\"summary\":{\"total-successful-session-count\":")
                    .append(counts.succeeded).append(",\"total-failure-session-count\":")
                    .append(counts.failures()).append('}');
            if (!counts.failed.isEmpty()) {
                json.append(",\"failure-details\":[");
                String comma = "";
                for (Map.Entry<Failure, Long> one : counts.failed.entrySet()) {
                    json.append(comma).append(detail(one.getKey(), one.getValue()));
                    comma = ",";
                }
                json.append(']');
            }
            json.append('}');
        });
        return json.append(']').toString();
    }

    private static String detail(Failure failure, long count) {
        StringBuilder json = new StringBuilder("{\"result-type\":").append(quoted(failure
                .result().word()));
        field(json, "sending-mta-ip", failure.sendingIp());
        field(json, "receiving-mx-hostname", failure.host());
        field(json, "receiving-ip", failure.receivingIp());
        json.append(",\"failed-session-count\":").append(count);
        field(json, "failure-reason-code", failure.why());
        return json.append('}').toString();
    }

    private static void field(StringBuilder json, String name, String value) {
        if (!value.isEmpty()) {
            json.append(",\"").append(name).append("\":").append(quoted(value));
        }
    }

    private static String quoted(List<String> texts) {
        StringBuilder json = new StringBuilder("[");
        texts.forEach(text -> json.append(json.length() > 1 ? "," : "").append(quoted(text)));
        return json.append(']').toString();
    }

    /** A text as JSON has it; what is no printable ASCII becomes a blank. */
    static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\');
            }
            json.append(c >= 32 && c < 127 ? c : ' ');
        }
        return json.append('"').toString();
    }
}
