# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BPF system calls that bpftool of Debian 12 does not make, and somebody else's program.

CountingProgram stands for other software on the same hook: what it has counted
tells whether packets still reach it.
"""

import ctypes
import errno
import os
import pathlib
import platform
import re
import struct

import lab as laboratory

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_NEXT_KEY = 0, 1, 2, 4
PROG_LOAD, OBJ_PIN, OBJ_GET = 5, 6, 7
PROG_QUERY, LINK_CREATE = 16, 28
TCX = {"ingress": 46, "egress": 47}
CONTINUE, PASS, DROP = -1, 0, 2  # TC_ACT_UNSPEC (TCX_NEXT), TC_ACT_OK, TC_ACT_SHOT
BEFORE = 8  # BPF_F_BEFORE


def call(command, attributes):
    """(what the call returned, the attributes afterwards); raises OSError."""
    raw = ctypes.create_string_buffer(attributes, 128)
    number = laboratory.BPF_SYSCALL[platform.machine()]
    status = laboratory.libc.syscall(number, command, raw, len(raw))
    if status < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return status, raw.raw


def tcx_programs(ifindex, hook):
    """Ids in the order in which they run; none where the kernel has no TCX."""
    ids = (ctypes.c_uint32 * 64)()
    query = struct.pack("=IIIIQI", ifindex, TCX[hook], 0, 0, ctypes.addressof(ids), len(ids))
    try:
        _, answer = call(PROG_QUERY, query)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return []
        raise
    return list(ids[: struct.unpack_from("=I", answer, 24)[0]])


def open_pin(path):
    name = ctypes.create_string_buffer(os.fsencode(path))
    return call(OBJ_GET, struct.pack("=QI", ctypes.addressof(name), 0))[0]


def change_element(command, path, size, value=None):
    """Element 0 of a pinned array map."""
    key = ctypes.create_string_buffer(4)
    buffer = ctypes.create_string_buffer(value or bytes(size), size)
    fd = open_pin(path)
    try:
        call(command, struct.pack("=I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(buffer), 0))
    finally:
        os.close(fd)
    return buffer.raw


def set_abi(meta, number):
    """Makes the pins look like another version's; returns the number that they had."""
    fd = open_pin(meta)
    info = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text()
    os.close(fd)
    size = int(re.search(r"value_size:\s*(\d+)", info)[1])
    value = change_element(MAP_LOOKUP, meta, size)
    change_element(MAP_UPDATE, meta, size, struct.pack("=I", number) + value[4:])
    return struct.unpack_from("=I", value)[0]


def element_call(command, fd, key, value):
    """A call about one element; key and value are buffers, or None."""
    addresses = (ctypes.addressof(buffer) if buffer else 0 for buffer in (key, value))
    call(command, struct.pack("=I4xQQQ", fd, *addresses, 0))


def next_key(fd, key, size):
    """The key behind this one (None: the first); None behind the last."""
    after = ctypes.create_string_buffer(size)
    try:
        element_call(MAP_NEXT_KEY, fd, ctypes.create_string_buffer(key, size) if key else None, after)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return after.raw


def lookup(fd, key, size):
    value = ctypes.create_string_buffer(size)
    element_call(MAP_LOOKUP, fd, ctypes.create_string_buffer(key, len(key)), value)
    return value.raw


def update(fd, key, value):
    element_call(MAP_UPDATE, fd, ctypes.create_string_buffer(key, len(key)),
                 ctypes.create_string_buffer(value, len(value)))


def instruction(code, dst=0, src=0, offset=0, value=0):
    return struct.pack("=BBhi", code, src << 4 | dst, offset, value)


class XdpDropper:
    """Drops every frame that comes in by an interface, until close()."""

    def __init__(self, ifindex):
        code = instruction(0xB7, 0, value=1) + instruction(0x95)  # return XDP_DROP
        text = ctypes.create_string_buffer(code, len(code))
        licence = ctypes.create_string_buffer(b"GPL")
        load = struct.pack("=IIQQ", 6, 2, ctypes.addressof(text), ctypes.addressof(licence))
        self.program, _ = call(PROG_LOAD, load)
        # BPF_XDP, XDP_FLAGS_SKB_MODE
        self.link, _ = call(LINK_CREATE, struct.pack("=IIII", self.program, ifindex, 37, 2))

    def close(self):
        os.close(self.link)
        os.close(self.program)


class MarkProgram:
    """Behind ifw on the ingress of interfaces: the mark of the packet that came by last."""

    SEEN = 1 << 32

    def __init__(self):
        self.map, _ = call(MAP_CREATE, struct.pack("=IIII", 2, 4, 8, 1))
        code = b"".join((
            instruction(0x61, 6, 1, 8),  # r6 = *(u32 *)(r1 + 8), which is the mark
            instruction(0x62, 10, offset=-4),  # *(u32 *)(r10 - 4) = 0
            instruction(0xBF, 2, 10),  # r2 = r10
            instruction(0x07, 2, value=-4),  # r2 += -4
            instruction(0x18, 1, 1, value=self.map), instruction(0),  # r1 = map
            instruction(0x85, value=1),  # call bpf_map_lookup_elem
            instruction(0x15, 0, offset=4),  # if r0 == 0 goto + 4
            instruction(0xB7, 1, value=1),  # r1 = 1
            instruction(0x67, 1, value=32),  # r1 <<= 32
            instruction(0x4F, 1, 6),  # r1 |= r6
            instruction(0x7B, 0, 1),  # *(u64 *)(r0 + 0) = r1
            instruction(0xB7, 0, value=CONTINUE),  # r0 = TC_ACT_UNSPEC
            instruction(0x95),  # exit
        ))
        text = ctypes.create_string_buffer(code, len(code))
        licence = ctypes.create_string_buffer(b"GPL")
        load = struct.pack("=IIQQ", 3, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence))
        self.program, _ = call(PROG_LOAD, load)

    def attach(self, host, iface):
        attach_filter(self.program, host, iface, 60000)

    def take(self):
        """Its mark, once; None where none has come by since."""
        key = bytes(4)
        number = struct.unpack("=Q", lookup(self.map, key, 8))[0]
        update(self.map, key, bytes(8))
        return number - self.SEEN if number >= self.SEEN else None


def attach_filter(program, host, iface, priority, hook="ingress"):
    """A filter of tc on an interface of the host (a namespace)."""
    path = pathlib.Path(f"/sys/fs/bpf/theirs_{program}")
    name = ctypes.create_string_buffer(os.fsencode(path))
    call(OBJ_PIN, struct.pack("=QI", ctypes.addressof(name), program))
    host.run(*f"tc filter add dev {iface} {hook} prio {priority} bpf direct-action "
             f"object-pinned {path}".split())
    path.unlink()


class CountingProgram:
    """Counts its packets, then says verdict. Goes with the process, or where it is detached."""

    def __init__(self, verdict):
        # An array of one 64-bit number.
        self.map, _ = call(MAP_CREATE, struct.pack("=IIII", 2, 4, 8, 1))
        code = b"".join((
            instruction(0x62, 10, offset=-4),  # *(u32 *)(r10 - 4) = 0
            instruction(0xBF, 2, 10),  # r2 = r10
            instruction(0x07, 2, value=-4),  # r2 += -4
            instruction(0x18, 1, 1, value=self.map), instruction(0),  # r1 = map
            instruction(0x85, value=1),  # call bpf_map_lookup_elem
            instruction(0x15, 0, offset=2),  # if r0 == 0 goto + 2
            instruction(0xB7, 1, value=1),  # r1 = 1
            instruction(0xDB, 0, 1),  # lock *(u64 *)(r0 + 0) += r1
            instruction(0xB7, 0, value=verdict),  # r0 = verdict
            instruction(0x95),  # exit
        ))
        text = ctypes.create_string_buffer(code, len(code))
        licence = ctypes.create_string_buffer(b"GPL")
        load = struct.pack("=IIQQ", 3, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence))
        self.program, _ = call(PROG_LOAD, load)

    def count(self):
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(8)
        call(MAP_LOOKUP, struct.pack("=I4xQQQ", self.map, ctypes.addressof(key), ctypes.addressof(value), 0))
        return struct.unpack("=Q", value.raw)[0]

    def attach_filter(self, host, iface, priority, hook="ingress"):
        attach_filter(self.program, host, iface, priority, hook)

    def attach_tcx(self, ifindex, flags=0):
        """Behind those that are there (flags BEFORE: in front of them), until the descriptor
        that this returns is closed.
        """
        attributes = struct.pack("=IIII", self.program, ifindex, TCX["ingress"], flags)
        return call(LINK_CREATE, attributes)[0]
