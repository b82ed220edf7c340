// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/**
 * What the submitter asked for in MAIL FROM, kept to the end.
 *
 * @param body declared body type
 * @param smtputf8 SMTPUTF8 was given (RFC 6531)
 * @param ret RET= of RFC 3461 4.3
 * @param envid ENVID= as xtext, empty when absent (RFC 3461 4.4)
 * @param requireTls REQUIRETLS was given: only peers that prove who they are, over TLS, and promise
 *        the same, may have it (RFC 8689)
 */
public record MailOptions(Body body, boolean smtputf8, Ret ret, String envid, boolean requireTls) {
    /** Nothing was asked for; others are made of it by {@code with} and its kin. */
    public static final MailOptions NONE = new MailOptions(Body.SEVEN_BIT, false, Ret.UNSET, "",
            false);

    /** Body type of RFC 6152. */
    public enum Body {
        SEVEN_BIT, EIGHT_BIT_MIME
    }

    /** How much of the message a failure DSN returns. */
    public enum Ret {
        UNSET, FULL, HEADERS
    }

    public MailOptions with(Body newBody) {
        return new MailOptions(newBody, smtputf8, ret, envid, requireTls);
    }

    public MailOptions with(Ret newRet) {
        return new MailOptions(body, smtputf8, newRet, envid, requireTls);
    }

    public MailOptions withSmtputf8(boolean given) {
        return new MailOptions(body, given, ret, envid, requireTls);
    }

    public MailOptions withEnvid(String newEnvid) {
        return new MailOptions(body, smtputf8, ret, newEnvid, requireTls);
    }

    public MailOptions withRequireTls(boolean given) {
        return new MailOptions(body, smtputf8, ret, envid, given);
    }
}
