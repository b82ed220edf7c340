// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** A plain blocking client. Trusts every certificate. */
final class TestClient implements AutoCloseable {
    private static final int PATIENCE_MILLIS = 20_000;
    private Socket socket;
    private InputStream in;

    TestClient(InetSocketAddress address) throws IOException {
        socket = new Socket();
        socket.connect(address, PATIENCE_MILLIS);
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream());
    }

    void startTls() throws IOException {
        startTls(trusting());
    }

    /** Trusts every server and shows no certificate, or one of these. */
    static SSLContext trusting(KeyManager... keys) throws IOException {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys, new TrustManager[]{new TrustAll()}, null);
            return context;
        } catch (GeneralSecurityException impossible) {
            throw new IOException(impossible);
        }
    }

    void startTls(SSLContext context) throws IOException {
        SSLSocket secure = (SSLSocket) context.getSocketFactory().createSocket(socket,
                "mta.test", socket.getPort(), true);
        secure.startHandshake();
        socket = secure;
        in = new BufferedInputStream(secure.getInputStream());
    }

    X509Certificate certificate() throws IOException {
        return (X509Certificate) ((SSLSocket) socket).getSession().getPeerCertificates()[0];
    }

    void send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
    }

    void say(String... commands) throws IOException {
        send(Fixture.latin1(String.join("\r\n", commands) + "\r\n"));
    }

    /** One line without CRLF; fails when there is none in time. */
    String line() throws IOException {
        StringBuilder text = new StringBuilder();
        int b = in.read();
        while (b >= 0 && b != '\n') {
            text.append((char) b);
            b = in.read();
        }
        if (b < 0) {
            throw new IOException("the server hung up after: " + text);
        }
        if (text.isEmpty() || text.charAt(text.length() - 1) != '\r') {
            throw new IOException("reply line without CR: " + text);
        }
        return text.substring(0, text.length() - 1);
    }

    /** The last line of a whole reply. */
    String reply() throws IOException {
        String line = line();
        while (line.length() > 3 && line.charAt(3) == '-') {
            line = line();
        }
        return line;
    }

    String ask(String... commands) throws IOException {
        say(commands);
        return reply();
    }

    /** Whether nothing but the end follows. */
    boolean atEnd() {
        try {
            return in.read() < 0;
        } catch (java.net.SocketTimeoutException stillOpen) {
            return false;
        } catch (IOException reset) {
            return true;
        }
    }

    Socket socket() {
        return socket;
    }

    byte[] readAll() throws IOException {
        return in.readAllBytes();
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    private static final class TrustAll implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
