// SPDX-License-Identifier: Apache-2.0
/** Main, wiring, command line, admin API, metrics, event log, demo. */
@NullMarked
package io.mailrace.daemon;

import org.jspecify.annotations.NullMarked;
