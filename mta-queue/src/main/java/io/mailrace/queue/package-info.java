// SPDX-License-Identifier: Apache-2.0
/** Durable spool, schedule and event journal. Knows no network, no DNS, no site names. */
@NullMarked
package io.mailrace.queue;

import org.jspecify.annotations.NullMarked;
