// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** How signing keeps up with the mail that was taken. Any thread. */
public interface SigningLoad {
    /** Of a server that signs nothing. */
    SigningLoad NONE = new SigningLoad() {
        @Override
        public long begun() {
            return 0;
        }

        @Override
        public long pauses() {
            return 0;
        }

        @Override
        public boolean busy() {
            return false;
        }
    };

    /** Attempts begun since the start, of signed mail and other. */
    long begun();

    /** How often since the start a signing thread found nothing to do. */
    long pauses();

    /** Whether every signing thread has something to do now. */
    boolean busy();
}
