// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static io.mailrace.dkim.ShortVectorAssembler.at;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.dkim.ShortVectorAssembler.Base;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The expected octets are what a disassembler reads as the instruction beside them. */
class ShortVectorAssemblerTest {
    private static String code(Consumer<ShortVectorAssembler> instruction) {
        ShortVectorAssembler code = new ShortVectorAssembler();
        instruction.accept(code);
        int length = code.position();
        return HexFormat.ofDelimiter(" ").formatHex(code.bytes(), 0, length);
    }

    @Test
    void memory_nearAndFar_encodes() {
        assertThat(code(c -> c.load(3, at(Base.RDI, 0)))) // vmovdqa ymm3, [rdi+0]
                .isEqualTo("c4 e1 7d 6f 5f 00");
        assertThat(code(c -> c.load(12, at(Base.R10, 0x500)))) // vmovdqa ymm12, [r10+0x500]
                .isEqualTo("c4 41 7d 6f a2 00 05 00 00");
        assertThat(code(c -> c.store(at(Base.R11, -0x80), 9))) // vmovdqa [r11-0x80], ymm9
                .isEqualTo("c4 41 7d 7f 4b 80");
        assertThat(code(c -> c.store(at(Base.RSI, 0x80), 1))) // vmovdqa [rsi+0x80], ymm1
                .isEqualTo("c4 e1 7d 7f 8e 80 00 00 00");
        assertThat(code(c -> c.move(14, 0))) // vmovdqa ymm14, ymm0
                .isEqualTo("c4 61 7d 6f f0");
    }

    @Test
    void arithmetic_registersAndMemory_encodes() {
        assertThat(code(c -> c.add(9, 15, 10))) // vpaddq ymm9, ymm15, ymm10
                .isEqualTo("c4 41 05 d4 ca");
        assertThat(code(c -> c.add(9, 9, at(Base.R10, 0x40)))) // vpaddq ymm9, ymm9, [r10+0x40]
                .isEqualTo("c4 41 35 d4 4a 40");
        assertThat(code(c -> c.and(6, 7, at(Base.R8, 0x40)))) // vpand ymm6, ymm7, [r8+0x40]
                .isEqualTo("c4 c1 45 db 70 40");
        assertThat(code(c -> c.or(13, 2, 9))) // vpor ymm13, ymm2, ymm9
                .isEqualTo("c4 41 6d eb e9");
        assertThat(code(c -> c.zero(11))) // vpxor ymm11, ymm11, ymm11
                .isEqualTo("c4 41 25 ef db");
        assertThat(code(c -> c.compareEqual(11, 10, at(Base.RDX, 0x20))))
                .isEqualTo("c4 62 2d 29 5a 20"); // vpcmpeqq ymm11, ymm10, [rdx+0x20]
        assertThat(code(c -> c.shiftRight(7, 12, 52))) // vpsrlq ymm7, ymm12, 52
                .isEqualTo("c4 c1 45 73 d4 34");
        assertThat(code(c -> c.subtractDouble(15, 1, 9))) // vsubpd ymm15, ymm1, ymm9
                .isEqualTo("c4 41 75 5c f9");
        assertThat(code(c -> c.multiplyAdd(8, 6, 15))) // vfmadd231pd ymm8, ymm6, ymm15
                .isEqualTo("c4 42 cd b8 c7");
        assertThat(code(c -> c.multiplyAdd(4, 6, at(Base.R8, 0x40))))
                .isEqualTo("c4 c2 cd b8 60 40"); // vfmadd231pd ymm4, ymm6, [r8+0x40]
    }

    @Test
    void constants_standAlignedBehindTheCode_eachOnce() {
        ShortVectorAssembler code = new ShortVectorAssembler();
        code.load(1, code.constant(5)); // vmovdqa ymm1, [rip+0x17], from the 9th octet
        code.or(2, 2, code.constant(6)); // vpor ymm2, ymm2, [rip+0x2e], from the 18th
        code.load(3, code.constant(5)); // vmovdqa ymm3, [rip+0x5], from the 27th
        String five = "05 00 00 00 00 00 00 00 ".repeat(4);
        String six = "06 00 00 00 00 00 00 00 ".repeat(4);
        assertThat(HexFormat.ofDelimiter(" ").formatHex(code.bytes()) + " ").isEqualTo(
                "c4 e1 7d 6f 0d 17 00 00 00 c4 e1 6d eb 15 2e 00 00 00 "
                        + "c4 e1 7d 6f 1d 05 00 00 00 00 00 00 00 00 " + five + six);
    }

    @Test
    void function_setsRoundingAndFrame_andRestoresThem() {
        // push rbp; mov rbp, rsp; sub rsp, 0xc0; and rsp, -64; mov r11, rsp; stmxcsr [rbp-4];
        // mov dword [rbp-8], 0x7f80; ldmxcsr [rbp-8]
        assertThat(code(c -> c.begin(Base.R11, 64))).isEqualTo("55 48 89 e5"
                + " 48 81 ec c0 00 00 00 48 83 e4 c0 49 89 e3 0f ae 5d fc"
                + " c7 45 f8 80 7f 00 00 0f ae 55 f8");
        // ldmxcsr [rbp-4]; mov rsp, rbp; pop rbp; vzeroupper; ret
        assertThat(code(ShortVectorAssembler::end)).isEqualTo(
                "0f ae 55 fc 48 89 ec 5d c5 f8 77 c3");
    }

    @Test
    void addressesAndLoops_encode() {
        assertThat(code(c -> c.address(Base.R10, Base.R11, 0x540))) // lea r10, [r11+0x540]
                .isEqualTo("4d 8d 93 40 05 00 00");
        assertThat(code(c -> c.address(Base.RSI, Base.RSI, -0x280))) // lea rsi, [rsi-0x280]
                .isEqualTo("48 8d b6 80 fd ff ff");
        assertThat(code(c -> c.address(Base.R8, Base.RSI, 0x280))) // lea r8, [rsi+0x280]
                .isEqualTo("4c 8d 86 80 02 00 00");
        // mov rax, 10; dec rax; jne to the dec; mov r9, 2; dec r9; jne to the dec
        assertThat(code(c -> {
            c.count(Base.RAX, 10);
            c.repeat(Base.RAX, c.position());
            c.count(Base.R9, 2);
            c.repeat(Base.R9, c.position());
        })).isEqualTo("48 c7 c0 0a 00 00 00 48 ff c8 0f 85 f7 ff ff ff"
                + " 49 c7 c1 02 00 00 00 49 ff c9 0f 85 f7 ff ff ff");
    }
}
