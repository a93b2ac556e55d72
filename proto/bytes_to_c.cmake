# The bytes of INPUT as a C array in OUTPUT: ss_descriptors, ss_descriptors_size.
file(READ ${INPUT} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>\nconst unsigned char ss_descriptors[] = {\n${bytes}\n};\nconst size_t ss_descriptors_size = ${size};\n")
