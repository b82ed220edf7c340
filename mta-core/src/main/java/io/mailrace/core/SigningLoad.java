// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** How signing keeps up with the mail that was taken. Any thread. */
public interface SigningLoad {
    /** Of a server that signs nothing. */
    SigningLoad NONE = new SigningLoad() {
        @Override
        public long passed() {
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

    /** Messages signed, or found in no need of it, for their first attempt since the start. */
    long passed();

    /** How often since the start a signing thread stopped, for there was too little to do. */
    long pauses();

    /** Whether every signing thread is at work now. */
    boolean busy();
}
