// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is said when a port is taken: by /proc of a machine made of files, by real greetings. */
class PortHolderTest {
    private static final String KEY = "listeners.relay.bind";
    private final BindException inUse = new BindException("Address already in use");
    @TempDir
    private Path proc;

    private void table(String name, String... rows) throws IOException {
        Path file = proc.resolve("net").resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "  sl  local_address rem_address   st\n"
                + String.join("\n", rows) + "\n");
    }

    private static String row(String local, String state, int inode) {
        return "   0: " + local + " 00000000:0000 " + state
                + " 00000000:00000000 00:00000000 00000000     0        0 " + inode + " 1 0";
    }

    private void process(int pid, String command, int inode) throws IOException {
        Path fd = Files.createDirectories(proc.resolve(pid + "/fd"));
        Files.writeString(proc.resolve(pid + "/comm"), command + "\n");
        Files.createSymbolicLink(fd.resolve("13"), Path.of("socket:[" + inode + "]"));
    }

    /** Port 1: nobody answers there. */
    private String advise(String host) throws IOException {
        return new PortHolder(proc).advise(KEY,
                new InetSocketAddress(InetAddress.getByName(host), 1), inUse);
    }

    @ParameterizedTest
    @CsvSource({"master, Postfix, postfix", "exim4, Exim, exim4", "smtpd, OpenSMTPD, opensmtpd"})
    void knownServer_isNamedWithItsUnit(String command, String name, String unit)
            throws IOException {
        table("tcp", row("0100007F:0002", "0A", 1), row("00000000:0001", "0A", 77));
        process(12, "sshd", 1);
        process(345, command, 77);
        assertThat(advise("127.0.0.1")).isEqualTo("Port 1 belongs to " + name
                + ", process 345 (" + command + "). Stop it for good: systemctl disable --now "
                + unit + "; or take another port with " + KEY);
    }

    @Test
    void postfix_isItsMaster_notTheChildThatInheritsTheSocket() throws IOException {
        table("tcp", row("00000000:0001", "0A", 77));
        process(1, "smtpd", 77);
        process(2, "master", 77);
        process(3, "smtpd", 77);
        assertThat(advise("127.0.0.1")).contains("Postfix, process 2 (master)");
    }

    @ParameterizedTest
    @CsvSource({"tcp, 0100007F:0001, 0.0.0.0", "tcp, 0100007F:0001, 127.0.0.1",
            "tcp6, 00000000000000000000000000000000:0001, 127.0.0.1",
            "tcp6, 0000000000000000FFFF00000100007F:0001, 127.0.0.1",
            "tcp6, 00000000000000000000000001000000:0001, ::1"})
    void addresses_thatOverlap_areFound(String table, String local, String wanted)
            throws IOException {
        table(table, row(local, "0A", 5));
        process(9, "nc\u001b[31m", 5);
        assertThat(advise(wanted)).isEqualTo(
                "Port 1 belongs to process 9 (nc?[31m). Stop it, or take another port with " + KEY);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0200007F:0001 0A", "0100007F:0001 01", "0100007F:0011 0A"})
    void otherSockets_areNotMeant(String row) throws IOException {
        table("tcp", row(row.substring(0, 13), row.substring(14), 5));
        process(9, "master", 5);
        assertThat(advise("127.0.0.1")).isEqualTo("Port 1 belongs to another program. Find it:"
                + " ss -ltnp 'sport = :1'; or take another port with " + KEY);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "  0: zz:qq 0 0A", "  0: 0100007F:0001", "0A 0A 0A 0A 0A 0A 0A"
            + " 0A 0A 0A 0A 0A"})
    void tablesThatMakeNoSense_harmNobody(String row) throws IOException {
        table("tcp", row);
        assertThat(advise("127.0.0.1")).contains("another program");
    }

    @ParameterizedTest
    @CsvSource({"220 mx.test ESMTP Postfix (Debian/GNU), Postfix, postfix",
            "220 mx.test ESMTP Exim 4.96, Exim, exim4",
            "220 mx.test ESMTP Mailrace, another Mailrace, mailrace"})
    void whoIsNotShown_isKnownByItsGreeting(String greeting, String name, String unit)
            throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Void> greeted = greets(server, greeting);
            assertThat(new PortHolder(proc).advise(KEY, new InetSocketAddress(
                    InetAddress.getByName("0.0.0.0"), server.getLocalPort()), inUse))
                    .isEqualTo("Port " + server.getLocalPort() + " belongs to " + name
                            + ". Stop it for good: systemctl disable --now " + unit
                            + "; or take another port with " + KEY);
            greeted.join();
        }
    }

    @ParameterizedTest
    @CsvSource({"220 mx.test ESMTP Mailrace, true", "220 mx.test ESMTP Postfix, false"})
    void isMailrace_byItsGreeting(String greeting, boolean own) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Void> greeted = greets(server, greeting);
            assertThat(new PortHolder(proc).isMailrace(
                    (InetSocketAddress) server.getLocalSocketAddress())).isEqualTo(own);
            greeted.join();
        }
    }

    private static CompletableFuture<Void> greets(ServerSocket server, String greeting) {
        return CompletableFuture.runAsync(() -> {
            try (Socket client = server.accept()) {
                client.getOutputStream().write((greeting + "\r\n").getBytes(
                        StandardCharsets.US_ASCII));
            } catch (IOException closed) {
                throw new java.io.UncheckedIOException(closed);
            }
        });
    }

    /** It takes connections and says nothing: that must not hold up the message for long. */
    @Test
    void silentServer_isAnotherProgram() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            assertThat(new PortHolder(proc).advise(KEY,
                    (InetSocketAddress) server.getLocalSocketAddress(), inUse))
                    .contains("another program");
        }
    }

    @Test
    void otherReasons_haveTheirAdvice() {
        PortHolder holder = new PortHolder(proc);
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 25);
        assertThat(holder.advise(KEY, address, new RuntimeException(
                new BindException("bind(..) failed with error(-13): Permission denied"))))
                .contains("CAP_NET_BIND_SERVICE");
        assertThat(holder.advise(KEY, address, new BindException(
                "Cannot assign requested address"))).contains("no such address");
        assertThat(holder.advise(KEY, address, new BindException("strange"))).isEqualTo(
                "See " + KEY);
    }
}
