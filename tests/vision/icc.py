"""Colour profiles (ICC.1:2001-04) as small as they can be, for tests."""

import struct

_D50 = (0.9642, 1.0, 0.8249)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65_536) for value in values))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50), **tags}
    at, table, content = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", at + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    # Size and maker; version 2.4; date; platform to intent; illuminant; creator and what is spare.
    head = struct.pack(">I4x", at + len(content)) + bytes.fromhex("02400000") + kind + space
    head += connection + bytes(12) + b"acsp" + bytes(28) + _fixed(*_D50) + bytes(48)
    return head + table + content


def display_p3() -> bytes:
    """Of telephones and screens: more red and green than sRGB; gamma 2.2."""
    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    primaries = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    tags = {name: b"XYZ \0\0\0\0" + _fixed(*xyz) for name, xyz in primaries.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma)
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def green_ink() -> bytes:
    """Of a printer whose cyan is green, and whose other inks are grey."""
    even = bytes(range(256))
    colours = b""
    for inks in range(16):
        cyan, others = inks >> 3, (inks & 7).bit_count()
        lab = (255 - 60 * others - 100 * cyan, 128 - 60 * cyan, 128 + 60 * cyan)
        colours += bytes(max(0, value) for value in lab)
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table + even * 4 + colours + even * 3})
