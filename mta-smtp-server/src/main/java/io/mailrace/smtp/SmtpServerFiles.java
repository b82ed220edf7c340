// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.bouncycastle.openssl.PEMParser;

/**
 * The files the configuration names: opens each as a start would, and says what is wrong with
 * which, one sentence for each file. Changes nothing.
 */
public final class SmtpServerFiles {
    private SmtpServerFiles() {}

    /**
     * What is wrong with a file.
     *
     * @param key of the configuration that names it
     * @param fatal whether the server would not start; else it starts and somebody misses something
     */
    public record Finding(String key, String text, boolean fatal) {}

    /** Everything that is wrong; empty when a start would find all it needs. Blocks. */
    public static List<Finding> check(SmtpServerConfig config) {
        List<Finding> findings = new ArrayList<>();
        if (config.usesTls()) {
            checkTls(config.tls(), findings);
        }
        if (config.usesAuth()) {
            checkUsers(config, findings);
        }
        return findings;
    }

    private static void checkTls(TlsConfig tls, List<Finding> findings) {
        int before = findings.size();
        if (!tls.selfSigned()) {
            certificates("tls.certificate", tls.certificate(), findings);
            key(tls.key(), findings);
        }
        if (tls.asksClients()) {
            certificates("tls.client-authorities", tls.clientAuthorities(), findings);
        }
        if (findings.size() == before && !tls.selfSigned()) {
            try {
                ServerTls.probe(tls);
            } catch (IOException unfit) {
                findings.add(new Finding("tls.key", "does not fit to tls.certificate "
                        + tls.certificate() + ": " + unfit.getMessage(), true));
            }
        }
    }

    private static void certificates(String key, String file, List<Finding> findings) {
        if (Files.isDirectory(Path.of(file))) {
            findings.add(new Finding(key, file + " is a directory", true));
            return;
        }
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            Collection<?> all = CertificateFactory.getInstance("X.509").generateCertificates(in);
            if (all.isEmpty()) {
                findings.add(new Finding(key, file + " holds no certificate", true));
            }
        } catch (IOException unreadable) {
            findings.add(new Finding(key, file + " " + why(unreadable), true));
        } catch (CertificateException broken) {
            findings.add(new Finding(key, file + " is no PEM file of certificates", true));
        }
    }

    private static void key(String file, List<Finding> findings) {
        try (PEMParser parser = new PEMParser(Files.newBufferedReader(Path.of(file)))) {
            if (parser.readObject() == null) {
                findings.add(new Finding("tls.key", file + " holds no key", true));
            }
        } catch (CharacterCodingException binary) {
            findings.add(new Finding("tls.key", file + " is no PEM file of a key", true));
        } catch (IOException unreadable) {
            findings.add(new Finding("tls.key", file + " " + why(unreadable), true));
        }
    }

    private static void checkUsers(SmtpServerConfig config, List<Finding> findings) {
        Path file = config.users().file();
        try {
            if (UserTable.read(file, config.pools()).users().isEmpty()) {
                findings.add(new Finding("users.file", file + (Files.exists(file)
                        ? " holds no user"
                        : " is not there") + ": nobody can log in; mailrace user add NAME",
                        false));
            }
        } catch (UserTable.BadFile wrong) {
            findings.add(new Finding("users.file", file + " " + wrong.getMessage(), true));
        } catch (IOException unreadable) {
            findings.add(new Finding("users.file", file + " " + why(unreadable), true));
        }
    }

    /** Why a file cannot be read, as the end of a sentence about it. */
    static String why(IOException unreadable) {
        return switch (unreadable) {
            case NoSuchFileException none -> "is not there";
            case AccessDeniedException denied -> "cannot be read: permission denied";
            default -> "cannot be read: " + unreadable.getMessage();
        };
    }
}
