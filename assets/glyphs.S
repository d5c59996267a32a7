/* SPDX-License-Identifier: MIT */
/* glyphs.png as glyphs_png_bytes bytes in the program, from glyphs_png on. */
    .section .rodata
    .global glyphs_png, glyphs_png_bytes
    .hidden glyphs_png, glyphs_png_bytes
    .balign 16
glyphs_png:
    .incbin "glyphs.png"
glyphs_png_end:
    .balign 8
glyphs_png_bytes:
    .quad glyphs_png_end - glyphs_png
    .section .note.GNU-stack, "", %progbits
