// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.MailAddress;
import java.util.List;

/**
 * The section {@code doctor}.
 *
 * @param blockLists zones of the DNS, lower-case
 */
record DoctorConfig(List<String> blockLists) {
    private static final int MAX_LISTS = 50;

    DoctorConfig {
        blockLists = List.copyOf(blockLists);
    }

    static DoctorConfig from(ConfigReader root) {
        ConfigReader doctor = root.section("doctor");
        List<String> lists = doctor.parsedList("block-lists", "a DNS name such as"
                + " zen.spamhaus.org",
                text -> MailAddress.parse("a@" + text).map(
                        MailAddress::domain));
        if (lists.size() > MAX_LISTS) {
            doctor.problem("block-lists", "has more than " + MAX_LISTS + " names");
        }
        return new DoctorConfig(lists);
    }
}
