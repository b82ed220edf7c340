// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import ch.qos.logback.core.joran.spi.ConsoleTarget;
import ch.qos.logback.core.spi.ContextAwareBase;
import org.slf4j.LoggerFactory;

/**
 * The application log on standard error, one line for an entry, whatever the text holds; with the
 * level as systemd's journal reads it where that is what listens. Logback
 * finds this class by its service file and asks it instead of looking for XML. Commands log
 * warnings, at once; {@link #serve} makes it the log of a daemon.
 */
public final class Logging extends ContextAwareBase implements Configurator {
    /** Control characters would let a text forge an entry or command a terminal. */
    private static final String PATTERN = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level"
            + " [%thread] %logger{0}: "
            + "%replace(%replace(%msg %kvp){' $',''}){'\\p{Cntrl}','?'}%n%ex";
    private static final int QUEUE = 4096;
    private static final String SINK = "stderr";

    @Override
    public ExecutionStatus configure(LoggerContext context) {
        PatternLayout layout = JournalStream.takesErrors()
                ? new JournalStream.Layout()
                : new PatternLayout();
        layout.setContext(context);
        layout.setPattern(PATTERN);
        layout.start();
        LayoutWrappingEncoder<ILoggingEvent> encoder = new LayoutWrappingEncoder<>();
        encoder.setContext(context);
        encoder.setLayout(layout);
        encoder.start();
        ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
        appender.setContext(context);
        appender.setName(SINK);
        appender.setTarget(ConsoleTarget.SystemErr.getName());
        appender.setEncoder(encoder);
        appender.start();
        Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        root.setLevel(Level.WARN);
        root.addAppender(appender);
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    /** Only errors from now on: a simulation's warnings are not about anything real. */
    static void quiet() {
        context().getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.ERROR);
    }

    /**
     * Sets the level and puts a bounded queue before standard error, so that a slow reader there
     * never holds an event loop; entries that do not fit are dropped, the least important first.
     */
    static void serve(LogConfig.Level level) {
        level(level);
        Logger root = context().getLogger(Logger.ROOT_LOGGER_NAME);
        var sink = root.getAppender(SINK);
        if (sink == null) {
            return;
        }
        root.detachAppender(sink);
        AsyncAppender queue = new AsyncAppender();
        queue.setContext(context());
        queue.setName("queue");
        queue.setQueueSize(QUEUE);
        queue.setNeverBlock(true);
        queue.addAppender(sink);
        queue.start();
        root.addAppender(queue);
    }

    /** Sets the least important level. */
    static void level(LogConfig.Level level) {
        LoggerContext context = context();
        context.getLogger(Logger.ROOT_LOGGER_NAME).setLevel(switch (level) {
            case ERROR -> Level.ERROR;
            case WARN -> Level.WARN;
            case INFO -> Level.INFO;
            case DEBUG -> Level.DEBUG;
        });
        context.getLogger("io.netty").setLevel(
                level == LogConfig.Level.ERROR ? Level.ERROR : Level.WARN);
    }

    /** Writes what is queued and stops logging. */
    static void stop() {
        context().stop();
    }

    private static LoggerContext context() {
        return (LoggerContext) LoggerFactory.getILoggerFactory();
    }
}
