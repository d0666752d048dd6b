import struct

HEADER = struct.Struct(">H")


def pack(number):
    return HEADER.pack(number)
