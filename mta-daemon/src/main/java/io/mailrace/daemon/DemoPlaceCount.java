// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

/**
 * What became of the demo's mail at one place.
 *
 * @param retried recipients that were deferred at least once
 * @param lost neither arrived nor came back
 */
record DemoPlaceCount(DemoPlace place, int recipients, int delivered, int retried, int bounced,
        int lost) {}
