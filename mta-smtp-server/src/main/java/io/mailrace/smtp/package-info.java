// SPDX-License-Identifier: Apache-2.0
/** Bytes from applications to accepted message: the submission server. */
@NullMarked
package io.mailrace.smtp;

import org.jspecify.annotations.NullMarked;
