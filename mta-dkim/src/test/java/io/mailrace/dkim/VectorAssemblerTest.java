// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.dkim.VectorAssembler.Base;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The expected octets are what a disassembler reads as the instruction beside them. */
class VectorAssemblerTest {
    private static String code(Consumer<VectorAssembler> instruction) {
        VectorAssembler code = new VectorAssembler();
        instruction.accept(code);
        return HexFormat.ofDelimiter(" ").formatHex(code.bytes());
    }

    @Test
    void multiply_lowAndHighRegisters_encodes() {
        assertThat(code(c -> c.multiplyLow(0, 26, 21))) // vpmadd52luq zmm0, zmm26, zmm21
                .isEqualTo("62 b2 ad 40 b4 c5");
        assertThat(code(c -> c.multiplyHigh(8, 27, 21))) // vpmadd52huq zmm8, zmm27, zmm21
                .isEqualTo("62 32 a5 40 b5 c5");
        assertThat(code(c -> c.multiplyHigh(16, 29, 21))) // vpmadd52huq zmm16, zmm29, zmm21
                .isEqualTo("62 a2 95 40 b5 c5");
        assertThat(code(c -> c.multiplyLow(22, 0, 23))) // vpmadd52luq zmm22, zmm0, zmm23
                .isEqualTo("62 a2 fd 48 b4 f7");
    }

    @Test
    void memory_everyKindOfBase_encodes() {
        assertThat(code(c -> c.load(21, Base.RDX, 0))) // vmovdqu64 zmm21, [rdx + 0]
                .isEqualTo("62 e1 fe 48 6f 6a 00");
        assertThat(code(c -> c.load(23, Base.R8, 0))) // vmovdqu64 zmm23, [r8 + 0]
                .isEqualTo("62 c1 fe 48 6f 78 00");
        assertThat(code(c -> c.load(28, Base.RSI, 8))) // vmovdqu64 zmm28, [rsi + 0x200]
                .isEqualTo("62 61 fe 48 6f 66 08");
        assertThat(code(c -> c.store(Base.RDI, 15, 14))) // vmovdqu64 [rdi + 0x3c0], zmm14
                .isEqualTo("62 71 fe 48 7f 77 0f");
        assertThatThrownBy(() -> code(c -> c.load(0, Base.RDI, 128)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void arithmetic_encodes() {
        assertThat(code(c -> c.add(14, 14, 25))) // vpaddq zmm14, zmm14, zmm25
                .isEqualTo("62 11 8d 48 d4 f1");
        assertThat(code(c -> c.and(16, 16, 24))) // vpandq zmm16, zmm16, zmm24
                .isEqualTo("62 81 fd 40 db c0");
        assertThat(code(c -> c.shiftRight(25, 14, 52))) // vpsrlq zmm25, zmm14, 52
                .isEqualTo("62 d1 b5 40 73 d6 34");
        assertThat(code(c -> c.zero(20))) // vpxorq zmm20, zmm20, zmm20
                .isEqualTo("62 a1 dd 40 ef e4");
        assertThat(code(c -> c.ones(23))) // vpternlogq zmm23, zmm23, zmm23, 0xff
                .isEqualTo("62 a3 c5 40 25 ff ff");
    }

    @Test
    void masksAndLoops_encode() {
        assertThat(code(c -> c.compareEqual(22, 21))) // vpcmpeqq k1, zmm22, zmm21
                .isEqualTo("62 b2 cd 40 29 cd");
        assertThat(code(c -> c.moveMasked(2, 28))) // vmovdqa64 zmm2{k1}, zmm28
                .isEqualTo("62 91 fd 49 6f d4");
        // mov ecx, 16; add rsi, 0x500; dec ecx; jne to the add; vzeroupper; ret
        assertThat(code(c -> {
            c.rounds(16);
            int start = c.position();
            c.advance(Base.RSI, 1280);
            c.repeat(start);
            c.end();
        })).isEqualTo("b9 10 00 00 00 48 81 c6 00 05 00 00 ff c9 0f 85 f1 ff ff ff"
                + " c5 f8 77 c3");
        assertThat(code(c -> c.advance(Base.R9, -1))) // add r9, -1
                .isEqualTo("49 81 c1 ff ff ff ff");
    }
}
