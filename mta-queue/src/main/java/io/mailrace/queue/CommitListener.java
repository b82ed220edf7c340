// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.function.Consumer;

/** Is told what became of a batch. Exactly one of the two is called, once. */
public interface CommitListener {
    /** It is on disk. */
    void committed();

    /** It is not and will not be; {@code why} is for the log and for operators, not for clients. */
    void failed(SpoolException why);

    /** Of a batch nobody waits for: only its failure matters. */
    static CommitListener onFailure(Consumer<SpoolException> failed) {
        return new CommitListener() {
            @Override
            public void committed() {
                // nobody waits
            }

            @Override
            public void failed(SpoolException why) {
                failed.accept(why);
            }
        };
    }
}
