// SPDX-License-Identifier: Apache-2.0
/** Words everybody uses: addresses, replies, dispositions, events, config reading, time. */
@NullMarked
package io.mailrace.core;

import org.jspecify.annotations.NullMarked;
