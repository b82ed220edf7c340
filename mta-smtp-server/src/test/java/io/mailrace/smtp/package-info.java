// SPDX-License-Identifier: Apache-2.0
/** Tests of the submission server. */
package io.mailrace.smtp;
