// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The users file. */
public final class UserFile {
    /** One user, without the hash. */
    public record User(String name, String tenant) {}

    private UserFile() {}

    /** Reads the file; one that is not there counts as empty. */
    public static UserFile open(Path file) throws IOException {
        return new UserFile();
    }

    /** Adds a user whose tenant is the user's name and writes the file. */
    public void add(String name, char[] password) throws IOException {}

    /** Adds a user and writes the file. */
    public void add(String name, char[] password, String tenant) throws IOException {}

    /** Replaces the password and writes the file. */
    public void setPassword(String name, char[] password) throws IOException {}

    /** Removes the user and writes the file; false when there is none. */
    public boolean remove(String name) throws IOException {
        return false;
    }

    /** All users in the order of the file. */
    public List<User> list() {
        return List.of();
    }
}
