import struct

HEADER = struct.Struct(">I")


def pack(number):
    return HEADER.pack(number)
