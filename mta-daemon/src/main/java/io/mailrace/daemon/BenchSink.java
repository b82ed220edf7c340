// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Takes {@link BenchMessage}s, checks each by length and checksum while it streams by, and tells
 * the ledger. Called by several event loops; what is held of a message is its header, at most
 * {@value #HEADER_LIMIT} octets.
 */
final class BenchSink implements SimulatedInbox {
    private static final int HEADER_LIMIT = 64 * 1024;
    private static final byte[] FIELD = BenchMessage.FIELD.getBytes(StandardCharsets.US_ASCII);
    private static final ByteBuf FIELD_BUFFER = Unpooled.unreleasableBuffer(
            Unpooled.wrappedBuffer(FIELD).asReadOnly());

    private final BenchLedger ledger;
    private final TimeSource time;

    BenchSink(BenchLedger ledger, TimeSource time) {
        this.ledger = ledger;
        this.time = time;
    }

    @Override
    public Incoming begin(String sender, List<String> recipients) {
        return new Checked(recipients);
    }

    /** One message on its way in. */
    private final class Checked implements Incoming {
        private final List<String> recipients;
        private final CRC32C crc = new CRC32C();
        private final StringBuilder header = new StringBuilder(0);
        private boolean found;
        private long number = -1;
        private long lengthSaid;
        private long crcSaid;
        private long length;

        Checked(List<String> recipients) {
            this.recipients = recipients;
        }

        @Override
        public void write(ByteBuf bytes) {
            if (!found && header.length() < HEADER_LIMIT) {
                scan(bytes);
            }
            if (found && bytes.isReadable()) {
                length += bytes.readableBytes();
                crc.update(bytes.nioBuffer());
            }
        }

        /** Looks for the field; when its line is complete, what follows it is left in bytes. */
        private void scan(ByteBuf bytes) {
            if (header.isEmpty()) {
                int at = indexOf(bytes);
                int end = at < 0 ? -1 : bytes.indexOf(at, bytes.writerIndex(), (byte) '\n');
                if (end >= 0) {
                    parse(bytes.toString(at + FIELD.length, end - at - FIELD.length,
                            StandardCharsets.US_ASCII));
                    bytes.readerIndex(end + 1);
                    return;
                }
            }
            int had = header.length();
            header.append(bytes.toString(StandardCharsets.ISO_8859_1));
            int at = header.indexOf(BenchMessage.FIELD);
            int end = at < 0 ? -1 : header.indexOf("\n", at);
            if (end < 0) {
                bytes.skipBytes(bytes.readableBytes());
                return;
            }
            parse(header.substring(at + FIELD.length, end));
            bytes.skipBytes(end + 1 - had);
        }

        private void parse(String field) {
            found = true;
            String[] words = field.strip().split(" ", 4);
            if (words.length == 3) {
                number = BenchMessage.number(words[0], 0, words[0].length(), 10);
                lengthSaid = BenchMessage.number(words[1], 0, words[1].length(), 10);
                crcSaid = BenchMessage.number(words[2], 0, words[2].length(), 16);
            }
        }

        private static int indexOf(ByteBuf bytes) {
            for (int from = bytes.readerIndex(); from < bytes.writerIndex();) {
                int at = bytes.indexOf(from, bytes.writerIndex(), FIELD[0]);
                if (at < 0 || at + FIELD.length > bytes.writerIndex()) {
                    return -1;
                }
                if (ByteBufUtil.equals(bytes, at, FIELD_BUFFER, 0, FIELD.length)) {
                    return at;
                }
                from = at + 1;
            }
            return -1;
        }

        @Override
        public void end(boolean answered) {
            boolean whole = number >= 0 && length == lengthSaid && crc.getValue() == crcSaid;
            long now = time.nanos();
            for (String recipient : recipients) {
                if (whole && BenchMessage.numberOf(recipient) == number) {
                    ledger.arrived(number, BenchMessage.whichOf(recipient), now);
                } else {
                    ledger.corrupt();
                }
            }
        }
    }

}
