// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Content;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.LintMode;
import io.mailrace.core.LintReport;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Draft;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.EventJournal;
import io.mailrace.queue.HeaderEdits;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.LintPolicy;
import io.mailrace.queue.MailQueues;
import io.mailrace.queue.Memos;
import io.mailrace.queue.RouteTerms;
import io.mailrace.queue.Settlement;
import io.mailrace.queue.SetOperations;
import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolCare;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.SpoolPressure;
import io.mailrace.queue.Submission;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.concurrent.ConcurrentHashMap;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/** A spool in memory that remembers what it was given and does as it is told. Any thread. */
final class RecordingSpool implements Spool {
    /** What was accepted. */
    record Stored(SpoolId id, Submission submission, String text) {
        /** What lint found, in order; a plus before what was mended. */
        String findings() {
            LintReport lint = submission.lint();
            return lint.findings().stream().map(
                    rule -> (lint.fixed().contains(rule) ? "+" : "") + rule.word())
                    .collect(Collectors.joining(" "));
        }
    }

    /** Of the route to {@code edit.test}. */
    private static final HeaderEdits EDITS = new HeaderEdits(Map.of("Reply-To",
            "<answers@edit.test>"), Set.of("reply-to", "x-secret"));

    enum Commits {
        AT_ONCE, HELD, FAILING
    }

    final List<Stored> stored = new CopyOnWriteArrayList<>();
    final List<Event> events = new CopyOnWriteArrayList<>();
    final Map<String, byte[]> memoValues = new ConcurrentHashMap<>();
    final AtomicInteger begun = new AtomicInteger();
    final AtomicInteger discarded = new AtomicInteger();
    final List<Incoming> incoming = new CopyOnWriteArrayList<>();
    private final Deque<Runnable> heldCommits = new ArrayDeque<>();
    private final AtomicLong ids = new AtomicLong(SpoolId.firstOf(1_700_000_000_000L).value());
    volatile Commits commits = Commits.AT_ONCE;
    volatile boolean writable = true;
    volatile Optional<String> refusal = Optional.empty();
    volatile SpoolPressure pressure = SpoolPressure.NONE;
    volatile int freshPercent;

    /** One message on its way. */
    final class Incoming implements IncomingContent {
        @Override
        public Set<String> routedFields() {
            return Set.of("x-campaign");
        }

        /** The domain of a recipient says how strict its route is and what it edits. */
        @Override
        public RouteTerms terms(Draft draft) {
            boolean bulk = draft.hints().lane().equals(Optional.of(Lane.BULK));
            LintMode mode = LintMode.OFF;
            HeaderEdits edits = HeaderEdits.NONE;
            boolean differ = false;
            for (Recipient recipient : draft.recipients()) {
                switch (recipient.address().domain()) {
                    case "warn.test" -> mode = mode.and(LintMode.WARN);
                    case "fix.test" -> mode = mode.and(LintMode.FIX);
                    case "reject.test" -> mode = mode.and(LintMode.REJECT);
                    case "edit.test" -> {
                        mode = mode.and(LintMode.WARN);
                        edits = EDITS;
                    }
                    case "differ.test" -> differ = true;
                    default -> {
                    }
                }
            }
            return new RouteTerms(bulk, new LintPolicy(mode, Set.of()), edits, differ);
        }

        private final SpoolId id = new SpoolId(ids.incrementAndGet());
        private final Executor loop;
        private final Runnable whenWritable;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private boolean over;

        Incoming(Executor loop, Runnable whenWritable) {
            this.loop = loop;
            this.whenWritable = whenWritable;
        }

        @Override
        public SpoolId id() {
            return id;
        }

        @Override
        public void append(byte[] source, int offset, int length) {
            check();
            bytes.write(source, offset, length);
        }

        @Override
        public long sizeBytes() {
            return bytes.size();
        }

        @Override
        public boolean writable() {
            return writable;
        }

        @Override
        public void accept(Submission submission, CommitListener listener) {
            check();
            over = true;
            Runnable done = commits == Commits.FAILING
                    ? () -> listener.failed(new SpoolException("told to fail"))
                    : () -> {
                        stored.add(new Stored(id, submission,
                                bytes.toString(StandardCharsets.ISO_8859_1)));
                        listener.committed();
                    };
            if (commits == Commits.HELD) {
                synchronized (heldCommits) {
                    heldCommits.add(() -> loop.execute(done));
                }
            } else {
                loop.execute(done);
            }
        }

        @Override
        public void discard() {
            check();
            over = true;
            discarded.incrementAndGet();
        }

        private void check() {
            if (over) {
                throw new IllegalStateException("content is over");
            }
        }

        void becomeWritable() {
            loop.execute(whenWritable);
        }
    }

    @Override
    public IncomingContent newContent(Executor loop, Runnable whenWritable) {
        begun.incrementAndGet();
        Incoming fresh = new Incoming(loop, whenWritable);
        incoming.add(fresh);
        return fresh;
    }

    int heldCommits() {
        synchronized (heldCommits) {
            return heldCommits.size();
        }
    }

    void releaseCommits() {
        List<Runnable> all;
        synchronized (heldCommits) {
            all = new ArrayList<>(heldCommits);
            heldCommits.clear();
        }
        all.forEach(Runnable::run);
    }

    @Override
    public SetOperations operations() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Memos memos() {
        return new Memos() {
            @Override
            public Map<String, byte[]> beginningWith(String prefix) {
                Map<String, byte[]> found = new TreeMap<>();
                each(prefix, found::put);
                return found;
            }

            @Override
            public void each(String prefix, BiConsumer<String, byte[]> visitor) {
                memoValues.forEach((name, value) -> {
                    if (name.startsWith(prefix)) {
                        visitor.accept(name, value);
                    }
                });
            }

            @Override
            public void write(List<Change> changes, List<Event> with, Executor where,
                    CommitListener listener) {
                if (commits == Commits.FAILING) {
                    where.execute(() -> listener.failed(new SpoolException("disk full")));
                    return;
                }
                for (Change change : changes) {
                    change.value().ifPresentOrElse(
                            value -> memoValues.put(change.name(), value),
                            () -> memoValues.remove(change.name()));
                }
                where.execute(listener::committed);
            }
        };
    }

    @Override
    public SpoolCare care() {
        throw new UnsupportedOperationException();
    }

    @Override
    public EventJournal journal() {
        return new EventJournal() {
            @Override
            public void append(Event event) {
                events.add(event);
            }

            @Override
            public List<Recorded> after(long sequence, int max) {
                return List.of();
            }

            @Override
            public long newest() {
                return 0;
            }

            @Override
            public History ofMessage(SpoolId id, int max) {
                return new History(List.of(), 0, false);
            }

            @Override
            public long position(String reader) {
                return 0;
            }

            @Override
            public void savePosition(String reader, long sequence) {}

            @Override
            public void onGrowth(Runnable listener) {}
        };
    }

    @Override
    public int freshPercent() {
        return freshPercent;
    }

    @Override
    public SpoolPressure pressure() {
        return pressure;
    }

    @Override
    public Optional<String> refusal() {
        return refusal;
    }

    @Override
    public void settle(Settlement settlement, Executor where, CommitListener listener) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Content content(Envelope envelope) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Executor readers() {
        throw new UnsupportedOperationException();
    }

    @Override
    public MailQueues queues() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
