// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
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
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

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
        assertThat(WideCalls.obstacle()).isEqualTo(obstacle);
        List<String> obstacles = WideCalls.CODES.stream().map(WideCalls::obstacle).toList();
        if (obstacle == null) {
            assertThat(WideCalls.best().code()).isEqualTo(WideCalls.CODES.get(
                    obstacles.indexOf(null)));
        } else {
            assertThat(obstacle).isNotBlank();
            assertThatThrownBy(WideCalls::best).hasMessage(obstacle);
        }
    }

    static List<WideCode> codes() {
        return WideCalls.CODES;
    }

    @Nested
    @ParameterizedClass
    @MethodSource("io.mailrace.dkim.WideRsaTest#codes")
    class WhereTheProcessorCan {
        private static List<RSAPrivateCrtKey> keys = List.of();
        /** The same objects in all calls: what stands in memory already is not placed again. */
        private final IdentityHashMap<RSAPrivateCrtKey, WideKey> wide = new IdentityHashMap<>();
        private final WideCalls calls;

        WhereTheProcessorCan(WideCode code) {
            String obstacle = WideCalls.obstacle(code);
            assumeTrue(obstacle == null, "skipped: " + obstacle);
            calls = new WideCalls(code);
        }

        @BeforeAll
        static void generate() {
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
            WideRsa rsa = new WideRsa(calls);
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
            assertSigns(new WideRsa(calls), messages.stream().map(m -> key).toList(), messages, 0);
        }

        /** Wrong in one half only: given out, it would tell the primes. */
        @Test
        void sign_oneHalfWrong_givesNothingForItAndTheOthersTheirs() throws Exception {
            RSAPrivateCrtKey good = keys.getFirst();
            WideKey[] with = {wide(good), wide(changed(good, 1, 0, 0)),
                    wide(changed(good, 0, 1, 0)), wide(changed(good, 0, 0, 1)), wide(good)};
            byte[] message = octets(BigInteger.TWO.pow(2000).add(BigInteger.TEN));
            byte[][] signatures = new WideRsa(calls).sign(with,
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
                assertGivesNothing(message, key -> Arrays.fill(which.apply(key).inverse(), 0));
                assertGivesNothing(message, key -> {
                    which.apply(key).inverse()[0] ^= 16;
                });
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
            byte[][] signatures = new WideRsa(calls).sign(new WideKey[]{sound, broken},
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

        /**
         * Limbs full and empty, eight different numbers, moduli as of keys and the largest, factors
         * below and above them, results in a place of their own and over a factor.
         */
        @Test
        void arithmetic_limbsOfAnySize_isExact() {
            long seed = new Random().nextLong();
            Random random = new Random(seed);
            Numbers numbers = new Numbers(calls.code(), 6);
            BigInteger limbs = BigInteger.ONE.shiftLeft(2 * WideCode.LIMB_BITS);
            BigInteger[] a = new BigInteger[WideRsa.WIDTH];
            BigInteger[] b = new BigInteger[WideRsa.WIDTH];
            BigInteger[] m = new BigInteger[WideRsa.WIDTH];
            for (int round = 0; round < 120; round++) {
                String as = "seed " + seed + " round " + round;
                int result = round % 3 == 0 ? 4 : round % 3 - 1;
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    if (round % 2 == 0) {
                        m[i] = extreme(random).shiftRight(BITS - 1024).setBit(0).setBit(1023);
                        a[i] = extreme(random);
                        b[i] = extreme(random).mod(m[i]);
                    } else {
                        m[i] = round == 1
                                ? R.shiftRight(1).subtract(BigInteger.ONE)
                                : extreme(random).shiftRight(1).setBit(0).setBit(BITS - 2);
                        a[i] = round < 5
                                ? m[i].subtract(BigInteger.ONE)
                                : extreme(random).mod(m[i]);
                        b[i] = round < 7 ? a[i] : extreme(random).mod(m[i]);
                    }
                    numbers.set(2, i, m[i]);
                    numbers.set(3, i, m[i].negate().modInverse(limbs));
                }
                place(numbers, a, b);
                calls.multiply(numbers.at(result), numbers.at(0), numbers.at(1), numbers.at(2),
                        numbers.at(3));
                assertProducts(as, numbers, result, a, b, m);
                place(numbers, a, b);
                calls.multiply(numbers.at(4), numbers.at(1), numbers.at(1), numbers.at(2),
                        numbers.at(3));
                assertProducts(as, numbers, 4, b, b, m);
                int squared = round % 4 < 2 ? 1 : 4;
                calls.square(numbers.at(squared), numbers.at(1), numbers.at(2), numbers.at(3),
                        numbers.at(5));
                assertProducts(as, numbers, squared, b, b, m);
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    a[i] = a[i].shiftRight(1);
                    b[i] = b[i].shiftRight(1);
                }
                place(numbers, a, b);
                calls.add(numbers.at(result), numbers.at(0), numbers.at(1));
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    assertThat(numbers.get(result, i)).as(as).isEqualTo(a[i].add(b[i]));
                }
            }
        }

        private void place(Numbers numbers, BigInteger[] a, BigInteger[] b) {
            for (int i = 0; i < WideRsa.WIDTH; i++) {
                numbers.set(0, i, a[i]);
                numbers.set(1, i, b[i]);
            }
        }

        private void assertProducts(String as, Numbers numbers, int result, BigInteger[] a,
                BigInteger[] b, BigInteger[] m) {
            for (int i = 0; i < WideRsa.WIDTH; i++) {
                BigInteger found = numbers.get(result, i);
                BigInteger product = a[i].multiply(b[i]);
                assertThat(found.mod(m[i])).as(as)
                        .isEqualTo(product.multiply(R.modInverse(m[i])).mod(m[i]));
                assertThat(found).as(as).isLessThanOrEqualTo(product.divide(R).add(m[i]));
            }
        }

        /**
         * A little more than one: Java rounds it up, and rounding to zero would not. One that no
         * compiler knows, or the sum would be made before.
         */
        @Test
        void calls_leaveTheRoundingOfTheCaller() {
            double one = new Random().nextInt(1, 2);
            double more = one + 0.75 * Math.ulp(1.0);
            Numbers numbers = new Numbers(calls.code(), 6);
            for (int number = 0; number < 6; number++) {
                numbers.set(number, BigInteger.ONE);
            }
            calls.multiply(numbers.at(4), numbers.at(0), numbers.at(1), numbers.at(2),
                    numbers.at(3));
            assertThat(one + 0.75 * Math.ulp(one)).isEqualTo(more).isGreaterThan(1.0);
            calls.square(numbers.at(4), numbers.at(0), numbers.at(2), numbers.at(3),
                    numbers.at(5));
            assertThat(one + 0.75 * Math.ulp(one)).isEqualTo(more).isGreaterThan(1.0);
        }

        /** A number whose limbs are often all ones, or zero. */
        private BigInteger extreme(Random random) {
            BigInteger number = BigInteger.ZERO;
            for (int limb = 0; limb < WideCode.LIMBS; limb++) {
                BigInteger bits = switch (random.nextInt(4)) {
                    case 0 -> BigInteger.ZERO;
                    case 1 -> BigInteger.ONE.shiftLeft(WideCode.LIMB_BITS)
                            .subtract(BigInteger.ONE);
                    default -> new BigInteger(WideCode.LIMB_BITS, random);
                };
                number = number.shiftLeft(WideCode.LIMB_BITS).or(bits);
            }
            return number;
        }

        @Test
        void select_eachEntryInEachPlace_isTaken() {
            long seed = new Random().nextLong();
            Random random = new Random(seed);
            Numbers numbers = new Numbers(calls.code(), WideCode.TABLE + 2);
            BigInteger[][] entries = new BigInteger[WideCode.TABLE][WideRsa.WIDTH];
            for (int entry = 0; entry < WideCode.TABLE; entry++) {
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    entries[entry][i] = extreme(random);
                    numbers.set(entry, i, entries[entry][i]);
                }
            }
            for (int shift = 0; shift < WideCode.TABLE; shift++) {
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    numbers.setPlain(WideCode.TABLE, i, 0, (shift + i) % WideCode.TABLE);
                }
                calls.select(numbers.at(WideCode.TABLE + 1), numbers.at(0),
                        numbers.at(WideCode.TABLE));
                for (int i = 0; i < WideRsa.WIDTH; i++) {
                    assertThat(numbers.get(WideCode.TABLE + 1, i)).as("seed %d", seed)
                            .isEqualTo(entries[(shift + i) % WideCode.TABLE][i]);
                }
            }
        }
    }

    /** Eight of each number, the way of a {@link WideCode}. */
    private static final class Numbers {
        private static final int BYTES = WideCode.LIMBS * WideCode.ROW;
        private final WideCode code;
        private final MemorySegment memory;

        Numbers(WideCode code, int count) {
            this.code = code;
            memory = Arena.ofAuto().allocate((long) count * BYTES, WideCode.ROW);
        }

        long at(int number) {
            return memory.address() + (long) number * BYTES;
        }

        void setPlain(int number, int which, int limb, long bits) {
            memory.set(ValueLayout.JAVA_LONG,
                    (long) number * BYTES + limb * 64L + which * 8L, bits);
        }

        void set(int number, BigInteger value) {
            for (int which = 0; which < WideRsa.WIDTH; which++) {
                set(number, which, value);
            }
        }

        void set(int number, int which, BigInteger value) {
            long mask = (1L << WideCode.LIMB_BITS) - 1;
            for (int limb = 0; limb < WideCode.LIMBS; limb++) {
                setPlain(number, which, limb, code.inMemory(
                        value.shiftRight(limb * WideCode.LIMB_BITS).longValue() & mask));
            }
        }

        BigInteger get(int number, int which) {
            BigInteger value = BigInteger.ZERO;
            for (int limb = WideCode.LIMBS - 1; limb >= 0; limb--) {
                long found = code.limb(memory.get(ValueLayout.JAVA_LONG,
                        (long) number * BYTES + limb * 64L + which * 8L));
                assertThat(found).isBetween(0L, (1L << WideCode.LIMB_BITS) - 1);
                value = value.shiftLeft(WideCode.LIMB_BITS).add(BigInteger.valueOf(found));
            }
            return value;
        }
    }
}
