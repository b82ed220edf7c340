// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What is known of a source that is warmed up, at all providers together; also as it is on disk.
 * Immutable.
 *
 * @param plan name of it; empty: what is on disk cannot be read
 * @param first the first day; empty: at once
 * @param admitted the gate had nothing against it, or was not to be asked
 * @param byOperator it was started by command and stands in no configuration
 * @param insteadOf the first day of the configuration, empty for none, that a command made void;
 *        empty: none did
 * @param seen by which receivers know it
 * @param providers that there were when it joined; mail for newer ones was counted at the default
 *        one before. None: not known
 * @param paused why nothing is sent from it at any provider; empty: it may be
 * @param complete it is warm at each provider it gets mail for
 * @param warning what the gate said though it let it begin
 */
record WarmupMember(String plan, Optional<LocalDate> first, boolean admitted, boolean byOperator,
        Optional<String> insteadOf, Seen seen, List<String> providers, Optional<String> paused,
        boolean complete, String warning) {
    private static final int VERSION = 2;
    /** Of version 1, which was text. */
    private static final String TEXT_VERSION = "1";
    /** With more of them it is not remembered which there were. */
    private static final int MAX_PROVIDERS = 1000;

    /** What cannot be read. */
    static final WarmupMember UNREADABLE = new WarmupMember("", Optional.empty(), false, true,
            Optional.empty(), Seen.UNKNOWN, List.of(), Optional.empty(), false, "");

    /**
     * By what receivers know a source; of an address that is not configured the text is empty.
     *
     * @param ehlo empty: nothing is known at all
     */
    record Seen(String bound4, String bound6, String public4, String public6, String ehlo) {
        static final Seen UNKNOWN = new Seen("", "", "", "", "");

        static Seen of(SourceConfig source) {
            List<InetAddress> told = Stream.of(source.publicAddress(), source.publicAddress6())
                    .flatMap(Optional::stream).toList();
            return new Seen(text(source.addresses(), true), text(source.addresses(), false),
                    text(told, true), text(told, false), source.ehlo());
        }

        private static String text(List<InetAddress> of, boolean four) {
            return of.stream().filter(one -> one instanceof Inet4Address == four).findFirst()
                    .map(InetAddress::getHostAddress).orElse("");
        }

        /**
         * Whether mail comes from an address that receivers do not know from before. To be told
         * the public address of what it had already is no change.
         */
        boolean movedFrom(Seen old) {
            return !old.ehlo.isEmpty() && (addresses().isEmpty()
                    ? !old.addresses().isEmpty()
                    : moved(old.bound4, old.public4, bound4, public4)
                            || moved(old.bound6, old.public6, bound6, public6));
        }

        private static boolean moved(String oldBound, String oldPublic, String bound,
                String told) {
            String now = told.isEmpty() ? bound : told;
            String before = oldPublic.isEmpty() ? oldBound : oldPublic;
            boolean sameBound = bound.equals(oldBound)
                    && (told.isEmpty() || oldPublic.isEmpty());
            return !now.isEmpty() && !now.equals(before) && !sameBound;
        }

        boolean renamedFrom(Seen old) {
            return !old.ehlo.isEmpty() && !old.ehlo.equals(ehlo);
        }

        /** As receivers see them. */
        String addresses() {
            return String.join(" and ", Stream.of(public4.isEmpty() ? bound4 : public4,
                    public6.isEmpty() ? bound6 : public6).filter(one -> !one.isEmpty()).toList());
        }
    }

    WarmupMember {
        providers = List.copyOf(providers);
    }

    /** One that joins now. */
    static WarmupMember joining(String plan, Optional<LocalDate> first, boolean byOperator,
            SourceConfig source, DeliveryConfig config) {
        return new WarmupMember(plan, first, false, byOperator, Optional.empty(), Seen.of(source),
                namesOf(config), Optional.empty(), false, "");
    }

    private static List<String> namesOf(DeliveryConfig config) {
        return config.providers().names().size() > MAX_PROVIDERS ? List.of()
                : List.copyOf(config.providers().names());
    }

    /** What the configuration says of it. */
    WarmupMember configured(String by, Optional<LocalDate> from) {
        String date = from.map(LocalDate::toString).orElse("");
        boolean overruled = by.equals(plan) && insteadOf.filter(date::equals).isPresent();
        return new WarmupMember(by, overruled ? first : from, admitted, false,
                overruled ? insteadOf : Optional.empty(), seen, providers, paused, complete,
                warning);
    }

    /** Of an address no receiver knows. */
    WarmupMember moved(DeliveryConfig config) {
        return new WarmupMember(plan, first, false, byOperator, insteadOf, seen, namesOf(config),
                paused, false, "");
    }

    WarmupMember instead(String of) {
        return new WarmupMember(plan, first, admitted, byOperator, Optional.of(of), seen,
                providers, paused, complete, warning);
    }

    /** As a source that looks so; where nothing was known before, that is how it always was. */
    WarmupMember seen(Seen now, DeliveryConfig config) {
        return new WarmupMember(plan, first, admitted, byOperator, insteadOf, now,
                seen.equals(Seen.UNKNOWN) ? namesOf(config) : providers, paused, complete,
                warning);
    }

    /** What it has of the time before a command began it. */
    WarmupMember after(WarmupMember old) {
        return old.equals(UNREADABLE) ? this
                : new WarmupMember(plan, first, admitted, byOperator, insteadOf, seen,
                        old.providers, old.paused, complete, warning);
    }

    WarmupMember admitted(boolean now, String with) {
        return new WarmupMember(plan, first, now, byOperator, insteadOf, seen, providers, paused,
                complete, with);
    }

    WarmupMember paused(Optional<String> why) {
        return new WarmupMember(plan, first, admitted, byOperator, insteadOf, seen, providers, why,
                complete, warning);
    }

    WarmupMember complete(boolean now) {
        return new WarmupMember(plan, first, admitted, byOperator, insteadOf, seen, providers,
                paused, now, warning);
    }

    // ------------------------------------------------------------------ on disk

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(VERSION);
            out.writeUTF(plan);
            out.writeUTF(first.map(LocalDate::toString).orElse(""));
            out.writeBoolean(admitted);
            out.writeBoolean(byOperator);
            out.writeBoolean(insteadOf.isPresent());
            out.writeUTF(insteadOf.orElse(""));
            for (String one : List.of(seen.bound4, seen.bound6, seen.public4, seen.public6,
                    seen.ehlo)) {
                out.writeUTF(one);
            }
            out.writeInt(providers.size());
            for (String name : providers) {
                out.writeUTF(name);
            }
            out.writeBoolean(paused.isPresent());
            out.writeUTF(paused.orElse(""));
            out.writeBoolean(complete);
            out.writeUTF(warning);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }

    /** Reads what this version or the first one wrote; empty when it cannot be read. */
    static Optional<WarmupMember> decode(byte[] stored) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(stored))) {
            if (in.readByte() != VERSION) {
                return decodeText(stored);
            }
            String plan = in.readUTF();
            Optional<LocalDate> first = date(in.readUTF());
            boolean admitted = in.readBoolean();
            boolean byOperator = in.readBoolean();
            Optional<String> insteadOf = optional(in);
            Seen seen = new Seen(in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF(),
                    in.readUTF());
            List<String> providers = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                providers.add(in.readUTF());
            }
            return Optional.of(new WarmupMember(plan, first, admitted, byOperator, insteadOf, seen,
                    providers, optional(in), in.readBoolean(), in.readUTF()));
        } catch (IOException | DateTimeException unreadable) {
            return Optional.empty();
        }
    }

    private static Optional<String> optional(DataInputStream in) throws IOException {
        boolean present = in.readBoolean();
        String text = in.readUTF();
        return present ? Optional.of(text) : Optional.empty();
    }

    private static Optional<LocalDate> date(String text) {
        return text.isEmpty() ? Optional.empty() : Optional.of(LocalDate.parse(text));
    }

    private static Optional<WarmupMember> decodeText(byte[] stored) {
        String[] parts = new String(stored, StandardCharsets.UTF_8).split("\n", -1);
        if (parts.length != 5 || !parts[0].equals(TEXT_VERSION)) {
            return Optional.empty();
        }
        return Optional.of(new WarmupMember(parts[1], date(parts[2]),
                Boolean.parseBoolean(parts[3]), Boolean.parseBoolean(parts[4]), Optional.empty(),
                Seen.UNKNOWN, List.of(), Optional.empty(), false, ""));
    }
}
