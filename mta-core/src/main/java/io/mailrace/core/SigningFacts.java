// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** What is known of the signatures mail gets on its way out; asked each time. Any thread. */
public interface SigningFacts {
    /** Of a server that signs nothing: somebody else does. */
    SigningFacts NONE = new SigningFacts() {
        @Override
        public boolean signsAny() {
            return false;
        }

        @Override
        public boolean signs(String fromDomain) {
            return false;
        }

        @Override
        public boolean covers(String field) {
            return false;
        }
    };

    /** Whether there is any key at all. */
    boolean signsAny();

    /** Whether mail of an author's domain is signed with a key that aligns with it. */
    boolean signs(String fromDomain);

    /** Whether signatures cover a header field, named in lower case. */
    boolean covers(String field);
}
