// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How long policies hold, and when they are fetched again. */
class StsPoliciesTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private final AtomicInteger fetches = new AtomicInteger();
    private volatile boolean reachable = true;
    private volatile Duration maxAge = Duration.ofDays(1);
    private TestDns dns = unset();
    private StsPolicies policies = unset();

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // set before each test
    private static <T> T unset() {
        return null;
    }

    @BeforeEach
    void start() throws IOException {
        dns = new TestDns();
        dns.txt("_mta-sts.d.test", "v=STSv1; id=1;");
        DeliveryConfig config = DeliveryConfig.from(ConfigSource.ofText("dns { servers = [\""
                + dns.address() + "\"] }").root(), "mta.example.com");
        policies = new StsPolicies(config, new DnsClient(config.dns(), new Metrics()), time,
                new LateMemos(), (host, path) -> fetch(), new Metrics());
    }

    @AfterEach
    void stop() {
        dns.close();
    }

    private CompletableFuture<String> fetch() {
        fetches.incrementAndGet();
        return reachable ? CompletableFuture.completedFuture("""
                version: STSv1
                mode: enforce
                mx: mx.d.test
                max_age: %d
                """.formatted(maxAge.toSeconds()))
                : CompletableFuture.failedFuture(new Https.Failed(
                        TlsResult.STS_POLICY_FETCH_ERROR, "no answer"));
    }

    private StsPolicy.Mode mode() {
        return policies.of("d.test").orTimeout(10, TimeUnit.SECONDS).join().policy().mode();
    }

    @Test
    void of_policyOfOneDay_isFetchedAgainBeforeItEnds() {
        assertThat(mode()).isEqualTo(StsPolicy.Mode.ENFORCE);
        assertThat(fetches.get()).isEqualTo(1);
        time.advance(Duration.ofHours(11));
        assertThat(mode()).isEqualTo(StsPolicy.Mode.ENFORCE);
        DeliveryFixture.await(() -> !policies.asking("d.test"));
        assertThat(fetches.get()).as("not yet").isEqualTo(1);
        time.advance(Duration.ofHours(2));
        assertThat(mode()).isEqualTo(StsPolicy.Mode.ENFORCE);
        DeliveryFixture.await(() -> !policies.asking("d.test"));
        assertThat(fetches.get()).as("half of its time is over").isEqualTo(2);
        reachable = false;
        time.advance(Duration.ofHours(12));
        assertThat(mode()).as("25 hours after the first").isEqualTo(StsPolicy.Mode.ENFORCE);
    }

    /** The record may be kept for longer than the policy holds. */
    @Test
    void of_policyOfTenMinutes_isFetchedAgainBeforeItEnds() {
        maxAge = Duration.ofMinutes(10);
        dns.forget("_mta-sts.d.test");
        dns.ttl(3600);
        dns.txt("_mta-sts.d.test", "v=STSv1; id=1;");
        assertThat(mode()).isEqualTo(StsPolicy.Mode.ENFORCE);
        for (int fetched = 2; fetched < 6; fetched++) {
            int expected = fetched;
            time.advance(Duration.ofMinutes(6));
            assertThat(mode()).isEqualTo(StsPolicy.Mode.ENFORCE);
            DeliveryFixture.await(() -> fetches.get() == expected
                    && !policies.asking("d.test"));
        }
    }
}
