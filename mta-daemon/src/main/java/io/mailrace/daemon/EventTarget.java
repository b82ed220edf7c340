// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/** Where event lines go. Confined to the thread {@code event-log}. */
interface EventTarget extends AutoCloseable {

    /** Takes whole lines; in the hands of the operating system when this returns. */
    void write(byte[] lines, int length) throws IOException;

    /** On disk when this returns, where there is a disk. */
    void sync() throws IOException;

    @Override
    void close() throws IOException;

    /** Standard output: journald or a container's log. A reader that stops reading stops us. */
    static EventTarget stdout() {
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        return JournalStream.takesOutput() ? journal(out) : stream(out);
    }

    /** Lines that say their level to systemd's journal. */
    static EventTarget journal(OutputStream out) {
        return stream(new OutputStream() {
            @Override
            public void write(int one) throws IOException {
                throw new IllegalStateException("whole lines only");
            }

            @Override
            public void write(byte[] lines, int from, int length) throws IOException {
                out.write(JournalStream.markedAsInfo(lines, length));
            }
        });
    }

    /** A stream that belongs to somebody else and stays open. */
    static EventTarget stream(OutputStream out) {
        return new EventTarget() {
            @Override
            public void write(byte[] lines, int length) throws IOException {
                out.write(lines, 0, length);
                out.flush();
            }

            @Override
            public void sync() {}

            @Override
            public void close() {}
        };
    }
}
