// SPDX-License-Identifier: Apache-2.0
/** Load source and sink, crash and memory proofs, JMH classes. Nothing of it is in the product. */
@NullMarked
package io.mailrace.benchmarks;

import org.jspecify.annotations.NullMarked;
