// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The arrows between the modules, and who may know which library. */
class ArchitectureTest {
    private static final JavaClasses ALL = new ClassFileImporter()
            .withImportOption(location -> !location.contains("/test-classes/")
                    && !location.contains("-tests.jar"))
            .importPackages("io.mailrace");

    /** One line for each module: what it may use of the others. */
    @ParameterizedTest
    @CsvSource({"core,", "queue, core", "dkim, core", "smtp, core queue",
            "delivery, core queue dkim", "daemon, core queue dkim smtp delivery"})
    void module_usesOnlyItsArrows(String module, String others) {
        String[] allowed = Stream.concat(Stream.of(module),
                others == null ? Stream.of() : Arrays.stream(others.split(" ")))
                .map(name -> "io.mailrace." + name).toArray(String[]::new);
        // a class of ours in a package that nobody listed is against the arrows too
        noClasses().that().resideInAPackage("io.mailrace." + module).should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAPackage("io.mailrace..")
                        .and(JavaClass.Predicates.resideOutsideOfPackages(allowed)))
                .because("the arrows of ARCHITECTURE.md allow only " + String.join(", ", allowed))
                .check(ALL);
    }

    /** One package for each module: a second one is a sign of a second module. */
    @Test
    void modules_areFlatPackages() {
        classes().that().resideInAPackage("io.mailrace..").should().resideInAnyPackage(
                "io.mailrace.core", "io.mailrace.queue", "io.mailrace.dkim", "io.mailrace.smtp",
                "io.mailrace.delivery", "io.mailrace.daemon").check(ALL);
    }

    @Test
    void modules_haveNoCycles() {
        slices().matching("io.mailrace.(*)..").should().beFreeOfCycles().check(ALL);
    }

    /** A library is known to the modules named here and to no other. */
    @ParameterizedTest
    @CsvSource({"io.netty.., smtp delivery daemon", "org.rocksdb.., queue",
            "org.xbill.DNS.., delivery daemon", "com.typesafe.config.., core",
            "org.simplejavamail.., dkim", "jakarta.mail.., dkim",
            "com.amazon.corretto.., dkim", "com.linecorp.armeria.., daemon",
            "io.micrometer.., daemon", "org.HdrHistogram.., daemon",
            "picocli.., daemon", "tools.jackson.., daemon",
            "org.apache.james.., daemon", "ch.qos.logback.., daemon"})
    void library_isKnownOnlyTo(String library, String modules) {
        String[] known = Arrays.stream(modules.split(" ")).map(name -> "io.mailrace." + name)
                .toArray(String[]::new);
        noClasses().that().resideOutsideOfPackages(known).should().dependOnClassesThat()
                .resideInAPackage(library).check(ALL);
    }

    /** The dialogues are state machines without I/O, so that text files can test them. */
    @ParameterizedTest
    @CsvSource({"io.mailrace.smtp.SmtpSession", "io.mailrace.delivery.SmtpClientSession"})
    void session_knowsNoNetwork(String session) {
        assertThat(ALL.contain(session)).as("%s exists", session).isTrue();
        noClasses().that().haveNameMatching(session.replace(".", "\\.") + "(\\$.*)?").should()
                .dependOnClassesThat().resideInAnyPackage("io.netty..", "java.nio.channels..")
                .orShould().dependOnClassesThat().haveNameMatching("java\\.net\\..*Socket.*")
                .check(ALL);
    }

    @Test
    void logging_isSlf4j() {
        noClasses().should().dependOnClassesThat().resideInAPackage("java.util.logging..")
                .check(ALL);
    }

    /** A provider installed for the process changes what everybody else's crypto does. */
    @Test
    void securityProviders_areNeverInstalled() {
        noClasses().should().callMethod(java.security.Security.class, "addProvider",
                java.security.Provider.class).orShould()
                .callMethod(java.security.Security.class, "insertProviderAt",
                        java.security.Provider.class, int.class)
                .check(ALL);
    }

    /** The rules above would pass on nothing. */
    @Test
    void import_foundAllModules() {
        assertThat(ALL.stream().map(JavaClass::getPackageName).collect(Collectors.toSet()))
                .contains("io.mailrace.core", "io.mailrace.queue", "io.mailrace.dkim",
                        "io.mailrace.smtp", "io.mailrace.delivery", "io.mailrace.daemon");
    }
}
