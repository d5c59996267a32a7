/* SPDX-License-Identifier: MIT */
/* glyphs.png as bytes in the program: glyphs_png .. glyphs_png_end. */
    .section .rodata
    .global glyphs_png, glyphs_png_end
    .hidden glyphs_png, glyphs_png_end
    .balign 16
glyphs_png:
    .incbin "glyphs.png"
glyphs_png_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
