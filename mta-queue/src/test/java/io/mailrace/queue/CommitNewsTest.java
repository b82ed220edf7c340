// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.Executor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is told of a commit. */
class CommitNewsTest {
    private static final Executor HERE = Runnable::run;

    /** Nobody else comes to tell those behind it. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void listener_endsWithAnError_othersAreTold(boolean committed) {
        SpoolFixture.Outcome second = new SpoolFixture.Outcome();
        CommitNews.tell(List.of(told(new Broken()), told(second)),
                committed ? null : new SpoolException("in a test"));
        assertThat(second.isDone()).isTrue();
    }

    private static Operation told(CommitListener listener) {
        return new Operation.Append(new Operation.Recorded(null, new byte[0]),
                new Operation.Told(HERE, listener));
    }

    /** Fails as one for which there is no memory. */
    private static final class Broken implements CommitListener {
        @Override
        public void committed() {
            throw new InternalError("in a test");
        }

        @Override
        public void failed(SpoolException why) {
            throw new InternalError("in a test");
        }
    }
}
