// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.util.List;

/**
 * With 256-bit vectors: AVX2 and FMA, which servers have had since 2014 (Intel) and 2017 (AMD). A
 * limb is a floating-point number; {@link FmaFunction} says why.
 */
final class FmaCode implements WideCode {
    @Override
    public String name() {
        return "AVX2 and FMA";
    }

    @Override
    public List<String> needs() {
        return List.of("avx2", "fma");
    }

    @Override
    public long inMemory(long limb) {
        return Double.doubleToRawLongBits((double) limb);
    }

    @Override
    public long limb(long inMemory) {
        return (long) Double.longBitsToDouble(inMemory);
    }

    @Override
    public byte[] multiply() {
        return new FmaFunction().multiply();
    }

    @Override
    public byte[] square() {
        return new FmaFunction().square();
    }

    @Override
    public byte[] add() {
        return new FmaFunction().add();
    }

    @Override
    public byte[] select() {
        return new FmaFunction().select();
    }
}
