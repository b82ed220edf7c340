// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The format of a spool as a text beside its database, for who cannot read the database: an older
 * version's package, which must not be installed over it (packaging/debian/preinst). It follows the
 * number in the database and is written after it: a conversion that fails must leave the way back
 * open, and a note that is missing or too low only means that the older version itself refuses.
 * Any thread.
 */
final class FormatNote {
    static final String NAME = "format";
    private static final Logger LOG = LoggerFactory.getLogger(FormatNote.class);

    private FormatNote() {}

    static String text(int format) {
        return "Mailrace spool, format " + format + "\n";
    }

    /** Notes the current format where another one or none is noted. A full disk is no failure. */
    static void write(Path note) {
        String text = text(Store.FORMAT);
        try {
            if (Files.isRegularFile(note) && Files.size(note) == text.length()
                    && Files.readString(note).equals(text)) {
                return;
            }
            Path fresh = note.resolveSibling(NAME + ".new");
            Files.writeString(fresh, text);
            Files.move(fresh, note, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException refused) {
            LOG.warn("format not noted path={} reason=\"{}\"", note, refused.toString());
        }
    }
}
