// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SIGHUP, by which daemons are told to read their files again: it would end the JVM. The work runs
 * on a thread of the JVM for that signal, one at a time.
 */
final class HangUp {
    private static final Logger LOG = LoggerFactory.getLogger(HangUp.class);

    private HangUp() {}

    /**
     * From now on SIGHUP runs the work and ends nothing. Where the JVM leaves signals alone (-Xrs,
     * nohup) it stays as it was.
     */
    @SuppressWarnings("ReferenceEquality") // a proxy is equal to itself only
    static void runs(Runnable work) {
        try {
            // By reflection: javac warns of sun.misc.Signal, and that warning cannot be silenced.
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object handling = Proxy.newProxyInstance(HangUp.class.getClassLoader(),
                    new Class<?>[]{handler}, (proxy, method, arguments) -> switch (method
                            .getName()) {
                        case "handle" -> {
                            work.run();
                            yield null;
                        }
                        case "equals" -> proxy == arguments[0];
                        case "hashCode" -> System.identityHashCode(proxy);
                        default -> "SIGHUP";
                    });
            signal.getMethod("handle", signal, handler).invoke(null,
                    signal.getConstructor(String.class).newInstance("HUP"), handling);
        } catch (ReflectiveOperationException none) {
            LOG.info("signal=HUP handled=no why=\"{}\"",
                    String.valueOf(none.getCause() == null ? none : none.getCause()));
        }
    }
}
