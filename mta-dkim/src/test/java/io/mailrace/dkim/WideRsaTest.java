// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.security.KeyFactory;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAPrivateCrtKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class WideRsaTest {
    private static final int BITS = WideCode.LIMBS * WideCode.LIMB_BITS;
    private static final BigInteger R = BigInteger.ONE.shiftLeft(BITS);

    private static RSAPrivateCrtKey key(int bits) {
        return TestKeys.rsa("example.com", "s", bits).key();
    }

    private static WideKey wide(RSAPrivateCrtKey key) {
        return WideKey.of(key).orElseThrow();
    }

    private static byte[] octets(BigInteger number) {
        byte[] bytes = number.toByteArray();
        byte[] octets = new byte[WideRsa.OCTETS];
        int length = Math.min(bytes.length, octets.length);
        System.arraycopy(bytes, bytes.length - length, octets, octets.length - length, length);
        return octets;
    }

    @Test
    void key_ofAnotherLengthOrExponent_isNotTaken() throws Exception {
        assertThat(WideKey.of(TestKeys.RSA_2048.key())).isPresent();
        assertThat(List.of(1024, 2047, 3072).stream().map(bits -> WideKey.of(key(bits))))
                .allMatch(Optional::isEmpty);
        var generator = java.security.KeyPairGenerator.getInstance("RSA");
        generator.initialize(new java.security.spec.RSAKeyGenParameterSpec(2048,
                BigInteger.valueOf(3)));
        assertThat(WideKey.of((RSAPrivateCrtKey) generator.generateKeyPair().getPrivate()))
                .isEmpty();
        assertThat(wide(TestKeys.RSA_2048.key()).toString()).doesNotContainPattern("[0-9]{5}");
    }

    @Test
    void obstacle_isNoneOrSaysWhy() {
        String obstacle = WideCalls.obstacle();
        assertThat(obstacle == null || !obstacle.isBlank()).isTrue();
        assertThat(WideCalls.obstacle()).isEqualTo(obstacle);
    }

    @Nested
    class WhereTheProcessorCan {
        private static List<RSAPrivateCrtKey> keys = List.of();
        /** The same objects in all calls: what stands in memory already is not placed again. */
        private final IdentityHashMap<RSAPrivateCrtKey, WideKey> wide = new IdentityHashMap<>();

        @BeforeAll
        static void able() {
            String obstacle = WideCalls.obstacle();
            assumeTrue(obstacle == null, "skipped: " + obstacle);
            keys = IntStream.range(0, WideRsa.WIDTH).mapToObj(i -> key(2048)).toList();
        }

        private void assertSigns(WideRsa rsa, List<RSAPrivateCrtKey> with,
                List<BigInteger> messages, long seed) {
            byte[][] signatures = rsa.sign(
                    with.stream().map(key -> wide.computeIfAbsent(key, WideRsaTest::wide))
                            .toArray(WideKey[]::new),
                    messages.stream().map(WideRsaTest::octets).toArray(byte[][]::new));
            assertThat(signatures).hasNumberOfRows(with.size());
            for (int i = 0; i < with.size(); i++) {
                assertThat(new BigInteger(1, signatures[i])).as("seed %d, %d of %d", seed, i,
                        with.size()).isEqualTo(
                                messages.get(i).modPow(
                                        with.get(i).getPrivateExponent(),
                                        with.get(i).getModulus()));
            }
        }

        @Test
        void sign_anyNumberOfKeysAndMessages_givesWhatTheDefinitionSays() {
            long seed = new Random().nextLong();
            Random random = new Random(seed);
            WideRsa rsa = new WideRsa();
            for (int round = 0; round < 24; round++) {
                int count = 1 + round % WideRsa.WIDTH;
                List<RSAPrivateCrtKey> with = new ArrayList<>();
                List<BigInteger> messages = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    with.add(keys.get(random.nextInt(keys.size())));
                    messages.add(new BigInteger(2048, random).mod(with.get(i).getModulus()));
                }
                assertSigns(rsa, with, messages, seed);
            }
        }

        @Test
        void sign_messagesAtTheEdges_givesWhatTheDefinitionSays() {
            RSAPrivateCrtKey key = keys.getFirst();
            BigInteger n = key.getModulus();
            List<BigInteger> messages = List.of(BigInteger.ZERO, BigInteger.ONE,
                    n.subtract(BigInteger.ONE), key.getPrimeP(), key.getPrimeQ(),
                    R.subtract(BigInteger.ONE), R, n.shiftRight(1));
            assertSigns(new WideRsa(), messages.stream().map(m -> key).toList(), messages, 0);
        }

        /** Wrong in one half only: given out, it would tell the primes. */
        @Test
        void sign_oneHalfWrong_givesNothingForItAndTheOthersTheirs() throws Exception {
            RSAPrivateCrtKey good = keys.getFirst();
            WideKey[] with = {wide(good), wide(changed(good, 1, 0, 0)),
                    wide(changed(good, 0, 1, 0)), wide(changed(good, 0, 0, 1)), wide(good)};
            byte[] message = octets(BigInteger.TWO.pow(2000).add(BigInteger.TEN));
            byte[][] signatures = new WideRsa().sign(with,
                    new byte[][]{message, message, message, message, message});
            assertThat(signatures[0]).hasSize(WideRsa.OCTETS).isEqualTo(signatures[4]);
            assertThat(Arrays.asList(signatures).subList(1, 4))
                    .allMatch(signature -> signature.length == 0);
        }

        /** Whatever constant is broken: nothing that is right in one half only is given out. */
        @Test
        void sign_aConstantBrokenOrZero_givesNothing() {
            byte[] message = octets(BigInteger.TWO.pow(2000).add(BigInteger.TEN));
            List<Function<WideKey.Half, long[]>> constants = List.of(WideKey.Half::modulus,
                    WideKey.Half::one, WideKey.Half::square, WideKey.Half::cube);
            for (Function<WideKey, WideKey.Half> which : List.<Function<WideKey, WideKey.Half>>of(
                    WideKey::p, WideKey::q)) {
                for (var constant : constants) {
                    assertGivesNothing(message, key -> Arrays.fill(
                            constant.apply(which.apply(key)), 0));
                    assertGivesNothing(message, key -> {
                        constant.apply(which.apply(key))[7] ^= 16;
                    });
                }
                assertGivesNothing(message, key -> {
                    Arrays.fill(which.apply(key).square(), 0);
                    Arrays.fill(which.apply(key).cube(), 0);
                });
                assertGivesNothing(message, key -> {
                    which.apply(key).exponent()[9] ^= 1;
                });
            }
            for (var constant : List.<Function<WideKey, long[]>>of(WideKey::coefficient,
                    WideKey::negative)) {
                assertGivesNothing(message, key -> Arrays.fill(constant.apply(key), 0));
                assertGivesNothing(message, key -> {
                    constant.apply(key)[0] ^= 1;
                });
            }
        }

        private void assertGivesNothing(byte[] message, Consumer<WideKey> fault) {
            WideKey broken = wide(keys.getFirst());
            fault.accept(broken);
            WideKey sound = wide(keys.getFirst());
            byte[][] signatures = new WideRsa().sign(new WideKey[]{sound, broken},
                    new byte[][]{message, message});
            assertThat(signatures[0]).hasSize(WideRsa.OCTETS);
            assertThat(signatures[1]).isEmpty();
        }

        @Test
        void residue_isTheRemainder_whateverCameBefore() {
            long seed = new Random().nextLong();
            Random random = new Random(seed);
            RSAPrivateCrtKey key = keys.getFirst();
            WideKey.Half half = wide(key).p();
            BigInteger p = key.getPrimeP();
            List<BigInteger> messages = new ArrayList<>(List.of(BigInteger.ZERO, BigInteger.ONE, p,
                    p.subtract(BigInteger.ONE), p.shiftLeft(1024), key.getModulus()));
            for (int i = 0; i < 20; i++) {
                BigInteger upper = new BigInteger(1792, random).shiftLeft(256);
                messages.add(upper.add(new BigInteger(256, random)));
                messages.add(upper.add(new BigInteger(256, random)));
            }
            for (BigInteger message : messages) {
                assertThat(half.residue(octets(message))).as("seed %d", seed)
                        .isEqualTo(message.mod(p));
            }
        }

        private RSAPrivateCrtKey changed(RSAPrivateCrtKey k, int p, int q, int joining)
                throws Exception {
            return (RSAPrivateCrtKey) KeyFactory.getInstance("RSA").generatePrivate(
                    new RSAPrivateCrtKeySpec(k.getModulus(), k.getPublicExponent(),
                            k.getPrivateExponent(), k.getPrimeP(), k.getPrimeQ(),
                            k.getPrimeExponentP().subtract(BigInteger.TWO.multiply(
                                    BigInteger.valueOf(p))),
                            k.getPrimeExponentQ().subtract(BigInteger.TWO.multiply(
                                    BigInteger.valueOf(q))),
                            k.getCrtCoefficient().subtract(BigInteger.valueOf(joining))));
        }

        /** Every limb full: no column may overflow, no carry be lost. */
        @Test
        void arithmetic_limbsOfAnySize_isExact() {
            long seed = new Random().nextLong();
            Random random = new Random(seed);
            for (int round = 0; round < 200; round++) {
                BigInteger full = R.subtract(BigInteger.ONE);
                BigInteger m = round == 0
                        ? full
                        : new BigInteger(BITS, random).setBit(0).setBit(BITS - 1);
                BigInteger a = round < 2 ? m.subtract(BigInteger.ONE) : below(m, random);
                BigInteger b = round < 3 ? m.subtract(BigInteger.ONE) : below(m, random);
                Numbers numbers = new Numbers(6);
                numbers.set(0, a);
                numbers.set(1, b);
                numbers.set(2, m);
                numbers.set(3, m.negate().modInverse(BigInteger.ONE.shiftLeft(
                        WideCode.LIMB_BITS)));
                WideCalls.multiply(numbers.at(4), numbers.at(0), numbers.at(1), numbers.at(2),
                        numbers.at(3));
                BigInteger expected = a.multiply(b).multiply(R.modInverse(m)).mod(m);
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    BigInteger found = numbers.get(4, i);
                    assertThat(found.mod(m)).as("seed %d round %d", seed, round)
                            .isEqualTo(expected);
                    assertThat(found).isLessThanOrEqualTo(a.multiply(b).divide(R).add(m));
                }
                WideCalls.square(numbers.at(4), numbers.at(0), numbers.at(2), numbers.at(3),
                        numbers.at(5));
                BigInteger squared = a.multiply(a).multiply(R.modInverse(m)).mod(m);
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    assertThat(numbers.get(4, i).mod(m)).as("seed %d round %d", seed, round)
                            .isEqualTo(squared);
                }
                BigInteger half = a.shiftRight(1);
                numbers.set(0, half);
                numbers.set(1, b.shiftRight(1));
                WideCalls.add(numbers.at(4), numbers.at(0), numbers.at(1));
                assertThat(numbers.get(4, 3)).isEqualTo(half.add(b.shiftRight(1)));
            }
        }

        private BigInteger below(BigInteger m, Random random) {
            return new BigInteger(BITS, random).mod(m);
        }

        @Test
        void select_eachEntryInEachPlace_isTaken() {
            Numbers numbers = new Numbers(WideCode.TABLE + 2);
            for (int entry = 0; entry < WideCode.TABLE; entry++) {
                numbers.set(entry, R.subtract(BigInteger.valueOf(entry + 1)));
            }
            for (int shift = 0; shift < WideCode.TABLE; shift++) {
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    numbers.set(WideCode.TABLE, i, 0, (shift + i) % WideCode.TABLE);
                }
                WideCalls.select(numbers.at(WideCode.TABLE + 1), numbers.at(0),
                        numbers.at(WideCode.TABLE));
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    assertThat(numbers.get(WideCode.TABLE + 1, i)).isEqualTo(
                            R.subtract(BigInteger.valueOf((shift + i) % WideCode.TABLE + 1)));
                }
            }
        }
    }

    /** Eight of each number, the way of {@link WideCode}. */
    private static final class Numbers {
        private static final int BYTES = WideCode.LIMBS * VectorAssembler.VECTOR;
        private final MemorySegment memory;

        Numbers(int count) {
            memory = Arena.ofAuto().allocate((long) count * BYTES, VectorAssembler.VECTOR);
        }

        long at(int number) {
            return memory.address() + (long) number * BYTES;
        }

        void set(int number, int which, int limb, long bits) {
            memory.set(ValueLayout.JAVA_LONG,
                    (long) number * BYTES + limb * 64L + which * 8L, bits);
        }

        void set(int number, BigInteger value) {
            long mask = (1L << WideCode.LIMB_BITS) - 1;
            for (int which = 0; which < WideRsa.WIDTH; which++) {
                for (int limb = 0; limb < WideCode.LIMBS; limb++) {
                    set(number, which, limb,
                            value.shiftRight(limb * WideCode.LIMB_BITS).longValue() & mask);
                }
            }
        }

        BigInteger get(int number, int which) {
            BigInteger value = BigInteger.ZERO;
            for (int limb = WideCode.LIMBS - 1; limb >= 0; limb--) {
                value = value.shiftLeft(WideCode.LIMB_BITS).add(BigInteger.valueOf(memory.get(
                        ValueLayout.JAVA_LONG, (long) number * BYTES + limb * 64L + which * 8L)));
            }
            return value;
        }
    }
}
