// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.TimeSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread {@code spool-operations}: carries out set operations one after the other. Walks the
 * queues in pages, has at most {@value #MAX_UNDER_WAY} changes on their way to the disk. What an
 * operation does to one envelope is {@link SetChange}'s.
 */
final class SetWorker implements SetOperations, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SetWorker.class);
    private static final int MAX_UNDER_WAY = 512;
    private static final int REMEMBERED = 100;
    private static final int HELD_PAGE = 256;

    /** One operation; its state is guarded by the worker's monitor. */
    private static final class Job {
        final long number;
        final String who;
        final Selection selection;
        final SetAction action;
        final Consumer<Set<QueueKey>> found;
        /** Queues a retry lets go on at its end. Confined to {@code spool-operations}. */
        final Map<QueueKey, QueueState> goOn = new HashMap<>();
        State state = State.WAITING;
        long startedEpochMillis;
        long endedEpochMillis;
        long looked;
        long changed;
        long underWay;
        String why = "";
        volatile boolean cancelled;

        Job(long number, String who, Selection selection, SetAction action,
                Consumer<Set<QueueKey>> found) {
            this.number = number;
            this.who = who;
            this.selection = selection;
            this.action = action;
            this.found = found;
        }
    }

    private final Store store;
    private final SpoolClock clock;
    private final TimeSource time;
    private final QueueTable queues;
    private final QueueLoader loader;
    private final Journal journal;
    private final SetChange change;
    private final CommitSlots slots;
    private final ThreadPoolExecutor thread = new ThreadPoolExecutor(1, 1, 10, TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MAX_WAITING + 1),
            task -> Thread.ofPlatform().daemon(true).name("spool-operations").unstarted(task));
    private final Deque<Job> jobs = new ArrayDeque<>();
    private long newest;
    private volatile boolean closing;

    SetWorker(Store store, SpoolClock clock, TimeSource time, QueueTable queues,
            QueueLoader loader, Journal journal, SetChange change) {
        this.store = store;
        this.clock = clock;
        this.time = time;
        slots = new CommitSlots(MAX_UNDER_WAY, time);
        this.queues = queues;
        this.loader = loader;
        this.journal = journal;
        this.change = change;
        thread.allowCoreThreadTimeOut(true);
    }

    @Override
    public synchronized long start(Selection selection, SetAction action, String who,
            Consumer<Set<QueueKey>> found) {
        long waiting = jobs.stream().filter(job -> job.state == State.WAITING).count();
        if (closing || waiting >= MAX_WAITING) {
            throw new IllegalStateException(closing
                    ? "the spool is closing"
                    : MAX_WAITING + " operations wait already");
        }
        Job job = new Job(++newest, who, selection, action, found);
        jobs.addFirst(job);
        while (jobs.size() > REMEMBERED) {
            jobs.removeLast();
        }
        thread.execute(() -> carryOut(job));
        return job.number;
    }

    @Override
    public synchronized List<Status> statuses() {
        List<Status> statuses = new ArrayList<>();
        for (Job job : jobs) {
            statuses.add(new Status(job.number, job.who, job.action.word(), job.selection.text(),
                    job.state, job.startedEpochMillis, job.endedEpochMillis, job.looked,
                    job.changed, job.underWay, job.why));
        }
        return statuses;
    }

    @Override
    public synchronized boolean cancel(long number) {
        for (Job job : jobs) {
            if (job.number == number
                    && (job.state == State.WAITING || job.state == State.RUNNING)) {
                job.cancelled = true;
                return true;
            }
        }
        return false;
    }

    /** The one catch-all of the thread: whatever goes wrong ends this operation only. */
    @SuppressWarnings("CatchingUnchecked")
    private void carryOut(Job job) {
        begin(job);
        try {
            if (!slots.settled()) {
                // Held rows are not claimed: those of an operation before would be changed twice.
                throw new SpoolException("changes made before still wait for the disk");
            }
            walk(job);
            goOn(job);
            if (!slots.settled()) {
                throw new SpoolException("the disk takes no writes");
            }
            end(job, job.cancelled || closing ? State.CANCELLED : State.DONE, "");
        } catch (SpoolException failed) {
            LOG.error("operation failed number={} reason=\"{}\"", job.number,
                    failed.getMessage());
            end(job, State.FAILED, String.valueOf(failed.getMessage()));
        } catch (InterruptedException closed) {
            end(job, State.CANCELLED, "");
            Thread.currentThread().interrupt();
        } catch (Exception unexpected) {
            LOG.error("operation failed number={}", job.number, unexpected);
            end(job, State.FAILED, unexpected.toString());
        } finally {
            job.goOn.clear(); // the operation is remembered for long, its queues need not be
        }
    }

    private synchronized void begin(Job job) {
        job.state = State.RUNNING;
        job.startedEpochMillis = time.epochMillis();
    }

    private synchronized void end(Job job, State state, String why) {
        job.state = state;
        job.why = why;
        job.endedEpochMillis = time.epochMillis();
        journal.append(new Event.AdminAction(time.epochMillis(), job.who,
                job.action.word() + " " + job.selection.text() + ": "
                        + state.name().toLowerCase(java.util.Locale.ROOT) + ", " + job.changed
                        + " changed, " + job.underWay + " were under way and left alone"
                        + (why.isEmpty() ? "" : ", " + why)));
    }

    private void walk(Job job) throws InterruptedException {
        long now = clock.now();
        for (QueueState queue : List.copyOf(queues.all())) {
            if (job.cancelled || closing) {
                return;
            }
            if (!job.selection.mayMean(queue.key())) {
                continue;
            }
            switch (job.action) {
                case SetAction.Release release -> held(job, queue, now);
                case SetAction.Bounce bounce -> {
                    waiting(job, queue, now);
                    held(job, queue, now);
                }
                case SetAction.Discard discard -> {
                    waiting(job, queue, now);
                    held(job, queue, now);
                }
                case SetAction.RetryNow retry -> {
                    waiting(job, queue, now);
                    if (job.selection.meansAllOf(queue.key())) {
                        queue.park(0, "");
                    }
                }
                case SetAction.Hold hold -> waiting(job, queue, now);
                case SetAction.Rebind rebind -> waiting(job, queue, now);
            }
        }
    }

    /** Lets queues go on that had some of the mail; all at once, so one look wakes the sites. */
    private static void goOn(Job job) {
        if (!job.goOn.isEmpty()) {
            job.found.accept(Set.copyOf(job.goOn.keySet()));
            job.goOn.values().forEach(queue -> queue.park(0, ""));
        }
    }

    private void waiting(Job job, QueueState queue, long now) throws InterruptedException {
        if (queue.count() == 0) {
            return;
        }
        // Mail that is due already is not changed, but its queue may be parked, or its site wait.
        boolean dueToo = job.action instanceof SetAction.RetryNow
                && !job.selection.meansAllOf(queue.key())
                && (!NOBODY.equals(job.found) || queue.status().parkedUntilEpochMillis() != 0);
        new ScheduleWalk(store, loader).over(queue, row -> {
            one(job, queue, row, now, dueToo);
            return !job.cancelled && !closing;
        });
    }

    private void one(Job job, QueueState queue, QueueLoader.Row row, long now, boolean dueToo)
            throws InterruptedException {
        looked(job);
        Schedule schedule = loader.schedule(queue, row);
        boolean applies = change.applies(job.action, queue, row.place(), now);
        boolean tells = dueToo && !job.goOn.containsKey(queue.key());
        if (schedule == null || !(applies || tells)
                || !job.selection.means(row.place().id(), schedule.sinceEpochMillis(), now)) {
            return;
        }
        @Nullable
        Entry entry = entry(queue, row.place(), schedule);
        if (entry == null || (job.selection.needsEnvelope(queue.key())
                && !job.selection.means(entry.envelope()))) {
            return;
        }
        if (change.waitsForRelease(job.action, job.selection, entry.envelope(), now)) {
            return;
        }
        if (tells) {
            job.goOn.put(queue.key(), queue);
        }
        if (!applies) {
            return;
        }
        if (!queue.claim(row.place())) {
            leftAlone(job);
            return;
        }
        Operation.Told told = slots.take(() -> changed(job), () -> queue.unclaim(row.place()));
        try {
            change.waiting(job.action, queue, entry, schedule, now, told);
        } catch (RuntimeException unchanged) {
            slots.giveBack();
            queue.unclaim(row.place());
            throw unchanged;
        }
    }

    private void held(Job job, QueueState queue, long now) throws InterruptedException {
        byte[] from = Keys.held(queue.number(), 0, 0);
        while (queue.held() > 0 && from.length > 0 && !job.cancelled && !closing) {
            List<HeldRow> page = page(queue, from);
            for (HeldRow row : page) {
                looked(job);
                one(job, queue, row, now);
            }
            from = page.size() < HELD_PAGE
                    ? new byte[0]
                    : Keys.held(queue.number(), page.getLast().id(),
                            page.getLast().ordinal() + 1);
        }
    }

    /** One held envelope as it stands on disk. */
    @SuppressWarnings("ArrayRecordComponent")
    private record HeldRow(long id, int ordinal, byte[] value) {}

    private List<HeldRow> page(QueueState queue, byte[] from) {
        List<HeldRow> page = new ArrayList<>();
        store.scanAround(Store.Family.HELD, from, Keys.queue(queue.number() + 1), (key, value) -> {
            page.add(new HeldRow(Keys.longAt(key, 4), Keys.intAt(key, 12), value));
            return page.size() < HELD_PAGE;
        }, (after, next, why) -> loader.damaged(queue, why));
        return page;
    }

    private void one(Job job, QueueState queue, HeldRow row, long now)
            throws InterruptedException {
        Held held;
        try {
            held = Held.decode(row.value());
        } catch (SpoolException damaged) {
            loader.damaged(queue, damaged);
            return;
        }
        Place place = new Place(held.dueEpochMillis(), row.id(), row.ordinal());
        if (!job.selection.means(row.id(), held.schedule().sinceEpochMillis(), now)) {
            return;
        }
        @Nullable
        Entry entry = entry(queue, place, held.schedule());
        if (entry == null || (job.selection.needsEnvelope(queue.key())
                && !job.selection.means(entry.envelope()))) {
            return;
        }
        Operation.Told told = slots.take(() -> changed(job), () -> {});
        try {
            change.held(job.action, queue, entry, held, now, told);
        } catch (RuntimeException unchanged) {
            slots.giveBack();
            throw unchanged;
        }
    }

    /** Null when it has left meanwhile, or is damaged: then the loader meets it and says so. */
    private @Nullable Entry entry(QueueState queue, Place place, Schedule schedule) {
        try {
            return loader.read(queue, place, schedule);
        } catch (SpoolException gone) {
            if (gone.mayPass()) {
                throw gone;
            }
            return null;
        }
    }

    private synchronized void looked(Job job) {
        job.looked++;
    }

    private synchronized void changed(Job job) {
        job.changed++;
    }

    private synchronized void leftAlone(Job job) {
        job.underWay++;
    }

    /** Ends what runs. Blocks for moments. */
    @Override
    public void close() {
        closing = true;
        thread.shutdown();
        try {
            if (!thread.awaitTermination(10, TimeUnit.SECONDS)) {
                thread.shutdownNow();
            }
        } catch (InterruptedException hurry) {
            thread.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
