// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/** What holds mail back, shared by all sites: each part may be used by any thread. */
record Shaping(Providers providers, Gates gates, Measures measures, MailLimits mailLimits,
        Suppressions suppressions) {}
