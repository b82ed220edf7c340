// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import java.util.Optional;

/**
 * What replies are about as far as the RFCs say so: by enhanced status (RFC 3463 and the registry
 * of RFC 5248), else by basic code and stage (RFC 5321 4.2.2, RFC 7504).
 */
final class StandardReplies {
    private StandardReplies() {}

    static ReplyClass classOf(Stage stage, SmtpReply reply) {
        if (reply.isPositive()) {
            return ReplyClass.NONE;
        }
        Optional<EnhancedStatus> status = StatusPattern.of(reply);
        ReplyClass byStatus = status.map(found -> ofStatus(found, reply.isPermanent()))
                .orElse(ReplyClass.UNKNOWN);
        return byStatus == ReplyClass.UNKNOWN ? ofCode(stage, reply.code()) : byStatus;
    }

    private static ReplyClass ofStatus(EnhancedStatus status, boolean forGood) {
        int detail = status.detail();
        return switch (status.subject()) {
            case 1 -> switch (detail) {
                case 1, 6 -> ReplyClass.UNKNOWN_USER;
                case 2, 10 -> ReplyClass.NO_MAIL_DOMAIN;
                case 3, 4 -> ReplyClass.BAD_ADDRESS;
                case 7, 8 -> ReplyClass.BAD_SENDER;
                default -> ReplyClass.UNKNOWN;
            };
            case 2 -> switch (detail) {
                case 1 -> ReplyClass.INACTIVE_MAILBOX;
                case 2 -> ReplyClass.FULL_MAILBOX;
                case 3 -> ReplyClass.TOO_LARGE;
                default -> ReplyClass.UNKNOWN;
            };
            case 3 -> detail == 4 ? ReplyClass.TOO_LARGE
                    : detail == 2 && forGood
                            ? ReplyClass.HOST_REFUSES
                            : ReplyClass.SYSTEM;
            case 4 -> detail == 6 ? ReplyClass.LOOP : ReplyClass.NETWORK;
            case 5 -> detail == 3 ? ReplyClass.RECIPIENT_LIMIT : ReplyClass.PROTOCOL;
            case 6 -> detail == 7 || detail == 3 ? ReplyClass.UNSUPPORTED : ReplyClass.FORMAT;
            case 7 -> ofSecurity(detail);
            default -> ReplyClass.UNKNOWN;
        };
    }

    /** Subject 7: 20 to 26 stand in RFC 7372, 27 in RFC 7505, 10 and 30 in RFC 8689. */
    private static ReplyClass ofSecurity(int detail) {
        return switch (detail) {
            case 20, 21, 22, 23, 24, 26 -> ReplyClass.AUTHENTICATION;
            case 25 -> ReplyClass.REVERSE_DNS;
            case 27 -> ReplyClass.BAD_SENDER;
            case 10, 30 -> ReplyClass.TLS_REQUIRED;
            case 28 -> ReplyClass.THROTTLED;
            default -> ReplyClass.POLICY;
        };
    }

    private static ReplyClass ofCode(Stage stage, int code) {
        return switch (code) {
            case 421 -> ReplyClass.SYSTEM;
            case 450, 451, 454 -> ReplyClass.SYSTEM;
            case 452 -> stage == Stage.RCPT ? ReplyClass.RECIPIENT_LIMIT : ReplyClass.SYSTEM;
            case 455, 555, 500, 501, 502, 503, 504 -> ReplyClass.PROTOCOL;
            case 521, 556 -> ReplyClass.HOST_REFUSES;
            case 550 -> stage == Stage.RCPT ? ReplyClass.UNKNOWN_USER : ReplyClass.POLICY;
            case 551 -> ReplyClass.UNKNOWN_USER;
            case 552 -> stage == Stage.RCPT ? ReplyClass.FULL_MAILBOX : ReplyClass.TOO_LARGE;
            case 553 -> stage == Stage.MAIL ? ReplyClass.BAD_SENDER : ReplyClass.BAD_ADDRESS;
            case 554 -> stage == Stage.GREETING ? ReplyClass.HOST_REFUSES : ReplyClass.POLICY;
            default -> ReplyClass.UNKNOWN;
        };
    }
}
