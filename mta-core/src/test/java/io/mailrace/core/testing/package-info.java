// SPDX-License-Identifier: Apache-2.0
/** Hand-made stand-ins for tests of every module. */
@NullMarked
package io.mailrace.core.testing;

import org.jspecify.annotations.NullMarked;
