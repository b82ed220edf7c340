// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The users file as {@code mailrace user} edits it: {@code name:hash[:tenant[:key=value ...]]} a
 * line, passwords as Argon2id hashes, for those who want it also as SCRAM secrets. Each change
 * replaces the file at once and whole, keeping comments, owner, group and mode; a new file is
 * readable by its owner only, or also by the directory's group when that is not our own. A running
 * server takes a change up by itself. For one thread; the last writer wins.
 */
public final class UserFile {
    /**
     * One user, without the hash.
     *
     * @param fields {@code key=value} with blanks between, secrets left out
     */
    public record User(String name, String tenant, String fields) {}

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions
            .fromString("rw-------");
    private static final Set<PosixFilePermission> AND_GROUP = PosixFilePermissions
            .fromString("rw-r-----");

    private final Path file;
    private final List<String> lines;
    private final Set<String> pools;
    private final SecureRandom random = new SecureRandom();
    private UserTable table;

    private UserFile(Path file, Set<String> pools, List<String> lines, UserTable table) {
        this.file = file;
        this.pools = pools;
        this.lines = lines;
        this.table = table;
    }

    /**
     * Reads the file; one that is not there counts as empty.
     *
     * @throws IOException when it cannot be read or a line is wrong
     */
    public static UserFile open(Path file) throws IOException {
        return open(file, Set.of());
    }

    /**
     * Reads the file; one that is not there counts as empty.
     *
     * @param pools that exist; empty when that is not known
     * @throws IOException when it cannot be read or a line is wrong
     */
    public static UserFile open(Path file, Set<String> pools) throws IOException {
        List<String> lines = new ArrayList<>(UserTable.readLines(file));
        return new UserFile(file.toAbsolutePath(), pools, lines, UserTable.parse(lines, pools));
    }

    /**
     * Adds a user whose tenant is the user's name and writes the file.
     *
     * @throws IllegalArgumentException when the user exists, or name or password cannot be used
     */
    public void add(String name, char[] password) throws IOException {
        add(name, password, "");
    }

    /**
     * Adds a user and writes the file.
     *
     * @param tenant empty for the user's name
     * @throws IllegalArgumentException when the user exists, or name or password cannot be used
     */
    public void add(String name, char[] password, String tenant) throws IOException {
        add(name, password, tenant, Map.of());
    }

    /**
     * Adds a user and writes the file.
     *
     * @param tenant empty for the user's name
     * @param fields more of the line, by key
     * @throws IllegalArgumentException when the user exists, or something cannot be used
     */
    public void add(String name, char[] password, String tenant, Map<String, String> fields)
            throws IOException {
        if (!UserTable.validName(name)) {
            throw new IllegalArgumentException(
                    "a user name is 1 to 255 printable ASCII characters without blank and colon");
        }
        if (!tenant.isEmpty() && !tenant.equals(UserTable.tenant(tenant))) {
            throw new IllegalArgumentException(
                    "a tenant has lower-case letters, digits and . - _ @ only");
        }
        if (table.users().containsKey(name)) {
            throw new IllegalArgumentException("user exists already: " + name);
        }
        String more = UserFields.parse("", name).with(fields).toString();
        String end = tenant.isEmpty() && more.isEmpty() ? "" : ":" + tenant;
        List<String> changed = new ArrayList<>(lines);
        changed.add(name + ":" + hash(password) + end + (more.isEmpty() ? "" : ":" + more));
        write(changed);
    }

    /**
     * Replaces the password and writes the file; the rest of the line stays. A SCRAM secret goes
     * with the password, or is taken out when the new one cannot be one: see {@link #setScram}.
     *
     * @throws IllegalArgumentException when there is no such user, or the password cannot be used
     */
    public void setPassword(String name, char[] password) throws IOException {
        UserTable.Entry entry = entry(name);
        String hash = hash(password);
        UserFields fields = entry.fields();
        if (fields.scram().isPresent()) {
            fields = fields.with(Map.of(UserFields.SCRAM, ScramSecret.takes(CharBuffer.wrap(
                    password)) ? ScramSecret.of(password, random).toString() : ""));
        }
        replace(name, hash, fields);
    }

    /**
     * Adds a SCRAM secret beside the hash, or replaces it, and writes the file.
     *
     * @param password the one the user has
     * @throws IllegalArgumentException when there is no such user, or the password is not
     *         printable ASCII
     */
    public void setScram(String name, char[] password) throws IOException {
        entry(name);
        if (!ScramSecret.takes(CharBuffer.wrap(password))) {
            throw new IllegalArgumentException(
                    "SCRAM takes passwords of printable ASCII characters only");
        }
        set(name, Map.of(UserFields.SCRAM, ScramSecret.of(password, random).toString()));
    }

    /**
     * Changes what else the line says and writes the file.
     *
     * @param changes values by key; an empty value takes the key out
     * @throws IllegalArgumentException when there is no such user, no such key, or a value is wrong
     */
    public void set(String name, Map<String, String> changes) throws IOException {
        UserTable.Entry entry = entry(name);
        replace(name, entry.hash().toString(), entry.fields().with(changes));
    }

    private UserTable.Entry entry(String name) {
        UserTable.Entry entry = table.users().get(name);
        if (entry == null) {
            throw new IllegalArgumentException("no such user: " + name);
        }
        return entry;
    }

    private void replace(String name, String hash, UserFields fields) throws IOException {
        int at = lineOf(name);
        String[] old = lines.get(at).split(":", 4);
        String tenant = old.length > 2 ? old[2] : "";
        String more = fields.toString();
        List<String> changed = new ArrayList<>(lines);
        changed.set(at, name + ":" + hash + (tenant.isEmpty() && more.isEmpty() ? ""
                : ":" + tenant) + (more.isEmpty() ? "" : ":" + more));
        write(changed);
    }

    /** Removes the user and writes the file; false when there is none. */
    public boolean remove(String name) throws IOException {
        int at = lineOf(name);
        if (at < 0) {
            return false;
        }
        List<String> changed = new ArrayList<>(lines);
        changed.remove(at);
        write(changed);
        return true;
    }

    /** All users in the order of the file. */
    public List<User> list() {
        List<User> all = new ArrayList<>();
        table.users().forEach((name, entry) -> all.add(new User(name, entry.rights().tenant(),
                entry.fields().shown())));
        return List.copyOf(all);
    }

    private int lineOf(String name) {
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).startsWith(name + ":")) {
                return i;
            }
        }
        return -1;
    }

    private String hash(char[] password) {
        ByteBuffer utf8 = StandardCharsets.UTF_8.encode(CharBuffer.wrap(password));
        byte[] bytes = new byte[utf8.remaining()];
        utf8.get(bytes);
        boolean hasNul = new String(password).indexOf('\0') >= 0;
        if (bytes.length == 0 || bytes.length > SaslDialogue.MAX_PASSWORD || hasNul) {
            throw new IllegalArgumentException(
                    "a password is 1 to " + SaslDialogue.MAX_PASSWORD + " octets without NUL");
        }
        String hash = PasswordHash.of(bytes, random).toString();
        Arrays.fill(bytes, (byte) 0);
        return hash;
    }

    /** New file beside the old one, synced, renamed over it; then the directory is synced. */
    private void write(List<String> changed) throws IOException {
        UserTable parsed;
        try {
            parsed = UserTable.parse(changed, pools);
        } catch (UserTable.BadFile wrong) {
            throw new IllegalArgumentException(wrong.getMessage(), wrong);
        }
        // A symbolic link stays one: what it points to is replaced.
        Path target = Files.exists(file) ? file.toRealPath() : file;
        Path directory = Optional.ofNullable(target.getParent()).orElse(Path.of("/"));
        Path fresh = Files.createTempFile(directory, ".users", ".new",
                PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        try {
            try (FileChannel out = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
                ByteBuffer bytes = StandardCharsets.UTF_8.encode(String.join("\n", changed)
                        + (changed.isEmpty() ? "" : "\n"));
                while (bytes.hasRemaining()) {
                    out.write(bytes);
                }
                out.force(true);
            }
            copyOwnership(target, directory, fresh);
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(fresh);
        }
        try (FileChannel entry = FileChannel.open(directory, StandardOpenOption.READ)) {
            entry.force(true);
        }
        lines.clear();
        lines.addAll(changed);
        table = parsed;
    }

    private static void copyOwnership(Path target, Path directory, Path fresh)
            throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(fresh,
                PosixFileAttributeView.class);
        PosixFileAttributes now = view.readAttributes();
        if (Files.exists(target)) {
            PosixFileAttributes old = Files.readAttributes(target, PosixFileAttributes.class);
            if (!old.owner().equals(now.owner())) {
                view.setOwner(old.owner());
            }
            if (!old.group().equals(now.group())) {
                view.setGroup(old.group());
            }
            view.setPermissions(old.permissions());
            return;
        }
        // /etc/mailrace belongs to the service's group: without it the server could not read.
        GroupPrincipal group = Files.readAttributes(directory, PosixFileAttributes.class,
                LinkOption.NOFOLLOW_LINKS).group();
        if (!group.equals(now.group())) {
            view.setGroup(group);
            view.setPermissions(AND_GROUP);
        }
    }
}
