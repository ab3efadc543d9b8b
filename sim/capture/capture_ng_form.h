/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture_ng_form.h - numbers of pcapng (draft-ietf-opsawg-pcapng 3.5, 4) and of link types
 * (pcap-linktype(7)), as they stand in files; those of pcap.h are others.
 */
#ifndef IFW_SIM_CAPTURE_NG_FORM_H
#define IFW_SIM_CAPTURE_NG_FORM_H

#define NG_MAGIC 0x1a2b3c4dU

enum ng_block {
	NG_INTERFACE = 1,
	NG_OLD_PACKET = 2,
	NG_SIMPLE_PACKET = 3,
	NG_PACKET = 6,
	NG_SECTION = 0x0a0d0d0a,
};

enum ng_option {
	NG_COMMENT = 1,
	NG_IF_NAME = 2,
	NG_IF_TSRESOL = 9,
	NG_IF_TSOFFSET = 14,
	NG_EPB_FLAGS = 2,
};

#define NG_DIRECTION 3 /* of the flags: enum capture_direction */

enum ng_linktype {
	NG_LINKTYPE_ETHERNET = 1,
	NG_LINKTYPE_RAW = 101,
	NG_LINKTYPE_SLL = 113,
	NG_LINKTYPE_IPV4 = 228,
	NG_LINKTYPE_IPV6 = 229,
	NG_LINKTYPE_SLL2 = 276,
};

#endif /* IFW_SIM_CAPTURE_NG_FORM_H */
