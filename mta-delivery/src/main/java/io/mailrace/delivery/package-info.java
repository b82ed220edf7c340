// SPDX-License-Identifier: Apache-2.0
/** Due envelope to egress path to peer to disposition. Knows queues, never how they are stored. */
@NullMarked
package io.mailrace.delivery;

import org.jspecify.annotations.NullMarked;
