/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture_pcap.h - what the files that include pcap.h share.
 */
#ifndef IFW_SIM_CAPTURE_PCAP_H
#define IFW_SIM_CAPTURE_PCAP_H

#include <pcap/pcap.h>

struct ng_reader;

struct capture {
	pcap_t *pcap; /* NULL: pcapng */
	struct ng_reader *ng;
};

#endif /* IFW_SIM_CAPTURE_PCAP_H */
