// SPDX-License-Identifier: Apache-2.0
/** From a message to its DKIM-Signature (RFC 6376, RFC 8301, RFC 8463). */
@NullMarked
package io.mailrace.dkim;

import org.jspecify.annotations.NullMarked;
