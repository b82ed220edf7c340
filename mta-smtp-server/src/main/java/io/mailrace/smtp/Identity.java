// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

/**
 * Somebody who logged in. Immutable.
 *
 * @param user the name as in the users file
 */
record Identity(String user, UserRights rights) {}
