// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.TimeSource;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import org.bouncycastle.math.ec.rfc8032.Ed25519;

/**
 * Signs over the bytes: header fields picked from the header block, the body passed once through a
 * digest chunk by chunk. relaxed/relaxed, no l=. Thread-safe: each signing borrows a desk with
 * everything that can be used again; at most {@value #MAX_IDLE_DESKS} desks are kept.
 */
final class StreamingSigner implements MessageSigner {
    private static final int MAX_IDLE_DESKS = 64;
    private static final int KEPT_BYTES = 256 * 1024;
    private static final int FIELD_BYTES = 1024;
    /** With more to read, those that come first would wait, and their headers stand in memory. */
    private static final long TOGETHER_BYTES = 1 << 20;
    private static final byte[] LOWER_NAME = {'d', 'k', 'i', 'm', '-', 's', 'i', 'g', 'n', 'a',
            't', 'u', 'r', 'e'};

    private final KeyRing keys;
    private final HeaderNames names;
    private final RsaSigning rsa;
    private final long lifetimeSeconds;
    private final TimeSource time;
    private final ArrayBlockingQueue<Desk> idle = new ArrayBlockingQueue<>(MAX_IDLE_DESKS);

    StreamingSigner(KeyRing keys, HeaderNames names, RsaSigning rsa, Duration lifetime,
            TimeSource time) {
        this.keys = keys;
        this.names = names;
        this.rsa = rsa;
        this.time = time;
        lifetimeSeconds = lifetime.toSeconds();
    }

    @Override
    public boolean signs(ContentFacts facts) {
        return keys.find(facts.fromDomain()) != null;
    }

    @Override
    public Signature sign(Content content, ContentFacts facts) {
        KeyRing.Keys found = keys.find(facts.fromDomain());
        if (found == null) {
            return Signature.NONE;
        }
        Desk desk = borrow();
        Draft draft = desk.draft(content, found);
        desk.complete(List.of(draft));
        giveBack(desk);
        return draft.signature();
    }

    @Override
    public int together() {
        return rsa.together();
    }

    @Override
    public void signAll(List<? extends Job> jobs) {
        int from = 0;
        long bytes = 0;
        for (int to = 0; to < jobs.size(); to++) {
            long more = jobs.get(to).facts().sizeBytes();
            if (to > from && (to - from == WideRsa.WIDTH || bytes + more > TOGETHER_BYTES)) {
                signTogether(jobs.subList(from, to));
                from = to;
                bytes = 0;
            }
            bytes += more;
        }
        if (from < jobs.size()) {
            signTogether(jobs.subList(from, jobs.size()));
        }
    }

    private void signTogether(List<? extends Job> jobs) {
        Desk desk = borrow();
        List<Job> drafted = new ArrayList<>(jobs.size());
        List<Draft> drafts = new ArrayList<>(jobs.size());
        for (Job job : jobs) {
            try {
                KeyRing.Keys found = keys.find(job.facts().fromDomain());
                drafts.add(found == null ? Draft.NONE : desk.draft(job.content(), found));
                drafted.add(job);
            } catch (RuntimeException unreadable) {
                desk = new Desk();
                job.failed(unreadable);
            }
        }
        try {
            desk.complete(drafts);
        } catch (RuntimeException oneOfThem) {
            MessageSigner.super.signAll(drafted); // each for itself
            return;
        }
        giveBack(desk);
        for (int i = 0; i < drafts.size(); i++) {
            drafted.get(i).signed(drafts.get(i).signature());
        }
    }

    private Desk borrow() {
        Desk borrowed = idle.poll();
        return borrowed == null ? new Desk() : borrowed;
    }

    /** Not for one whose signing threw: it is in an unknown state. */
    private void giveBack(Desk desk) {
        desk.clear();
        idle.offer(desk);
    }

    @Override
    public void close() {
        idle.clear();
    }

    /** A field whose b= is still empty, with the text that its signature is over. */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    private record Part(DkimKey key, ByteBuilder field, SignatureField text, byte[] signed) {
        void complete(byte[] signature) {
            text.folded(Base64.getEncoder().encode(signature));
            text.end();
        }
    }

    /** The fields of one message. */
    private record Draft(List<Part> parts, String signedBy) {
        static final Draft NONE = new Draft(List.of(), "");

        Signature signature() {
            if (parts.isEmpty()) {
                return Signature.NONE;
            }
            ByteBuilder all = new ByteBuilder(FIELD_BYTES);
            for (Part part : parts) {
                all.put(part.field().bytes(), 0, part.field().length());
            }
            return new Signature(all.toBytes(), signedBy);
        }
    }

    /** What signing needs; used by one thread at a time. */
    private final class Desk {
        private final MessageDigest digest = RsaSigning.sha256();
        private final HeaderBlock header = new HeaderBlock();
        private final HeaderFields fields = new HeaderFields(names);
        private final RelaxedBody body = new RelaxedBody(digest);
        private final RsaSigning.Desk rsaDesk = rsa.desk();
        private ByteBuilder signed = new ByteBuilder(4096);

        /** All but the signatures themselves. */
        Draft draft(Content content, KeyRing.Keys found) {
            if (!header.locate(content)) {
                return Draft.NONE;
            }
            fields.scan(header.bytes(), header.end());
            if (!fields.hasFrom()) {
                return Draft.NONE;
            }
            signed.cut(0);
            fields.relaxed(signed);
            body.start();
            header.readBody(content, body);
            String bodyHash = "bh=" + Base64.getEncoder().encodeToString(body.finish()) + ";";

            int afterFields = signed.length();
            List<Part> parts = new ArrayList<>(found.all().size());
            for (DkimKey key : found.all()) {
                signed.cut(afterFields);
                parts.add(part(key, bodyHash));
            }
            return new Draft(parts, found.signedBy());
        }

        /** Writes the field with an empty b=, and what is signed with its relaxed form. */
        private Part part(DkimKey key, String bodyHash) {
            ByteBuilder field = new ByteBuilder(FIELD_BYTES);
            SignatureField text = new SignatureField(field);
            long now = Math.floorDiv(time.epochMillis(), 1000L);
            text.start();
            text.word("v=1;");
            text.word("a=" + key.algorithm() + ";");
            text.word("c=relaxed/relaxed;");
            text.word("d=" + key.domain() + ";");
            text.word("s=" + key.selector() + ";");
            text.word("t=" + now + ";");
            if (lifetimeSeconds > 0) {
                text.word("x=" + (now + lifetimeSeconds) + ";");
            }
            text.word(bodyHash);
            text.headers(names, fields);
            text.word("b=");
            HeaderFields.relaxed(LOWER_NAME, field.bytes(), SignatureField.NAME.length() + 1,
                    field.length(), signed);
            return new Part(key, field, text, signed.toBytes());
        }

        /** Signs what the drafts are over, RSA of all of them together. */
        void complete(List<Draft> drafts) {
            List<Part> rsaParts = new ArrayList<>();
            List<RsaSigning.Task> tasks = new ArrayList<>();
            for (Draft draft : drafts) {
                for (Part part : draft.parts()) {
                    switch (part.key()) {
                        case DkimKey.Rsa key -> {
                            rsaParts.add(part);
                            tasks.add(new RsaSigning.Task(key, part.signed()));
                        }
                        case DkimKey.Ed25519 key -> part.complete(sign(key, part.signed()));
                    }
                }
            }
            List<byte[]> signatures = rsaDesk.sign(tasks);
            for (int i = 0; i < signatures.size(); i++) {
                rsaParts.get(i).complete(signatures.get(i));
            }
        }

        /** What is signed is the hash of the header (RFC 8463 3). */
        private byte[] sign(DkimKey.Ed25519 key, byte[] text) {
            byte[] hash = digest.digest(text);
            byte[] signature = new byte[Ed25519.SIGNATURE_SIZE];
            key.key().sign(Ed25519.Algorithm.Ed25519, null, hash, 0, hash.length, signature, 0);
            return signature;
        }

        void clear() {
            header.release();
            fields.release();
            if (signed.capacity() > KEPT_BYTES) {
                signed = new ByteBuilder(4096);
            }
        }
    }
}
