// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.List;

/**
 * What one check found. Immutable.
 *
 * @param check short stable name for programs, such as {@code ptr}
 * @param text one sentence for people
 * @param fix what to do, in one or two sentences; empty when there is nothing to do
 * @param publish DNS records that belong to the fix
 */
public record Finding(Severity severity, String check, String text, String fix,
        List<Publish> publish) {

    /** How bad it is, the worst last. */
    public enum Severity {
        /** As it should be. */
        OK,
        /** Could not be found out, for lack of an answer: says nothing for or against. */
        UNKNOWN,
        /** Some receivers will mind. */
        WARN,
        /** Mail is or will be refused. */
        FAIL
    }

    /**
     * A DNS record as it should be.
     *
     * @param name without the last dot
     * @param value as in a zone file, but a TXT value in one piece without quotes
     */
    public record Publish(String name, String type, String value) {}

    public Finding {
        publish = List.copyOf(publish);
    }

    public static Finding ok(String check, String text) {
        return new Finding(Severity.OK, check, text, "", List.of());
    }

    public static Finding unknown(String check, String text, String fix) {
        return new Finding(Severity.UNKNOWN, check, text, fix, List.of());
    }

    public static Finding warn(String check, String text, String fix, Publish... publish) {
        return new Finding(Severity.WARN, check, text, fix, List.of(publish));
    }

    public static Finding fail(String check, String text, String fix, Publish... publish) {
        return new Finding(Severity.FAIL, check, text, fix, List.of(publish));
    }
}
