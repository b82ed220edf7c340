// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/** Is told what became of a batch. Exactly one of the two is called, once. */
public interface CommitListener {
    /** It is on disk. */
    void committed();

    /** It is not and will not be; {@code why} is for the log and for operators, not for clients. */
    void failed(SpoolException why);
}
