/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world_parse.h - what the files that read the world file share.
 */
#ifndef IFW_SIM_WORLD_PARSE_H
#define IFW_SIM_WORLD_PARSE_H

#include "scan.h"
#include "world.h"

struct parser {
	struct scan scan;
	struct sim_world *world;
	bool kernel_given;
	bool event; /* the statement comes later, in a world that is under way */
};

/*
 * Each reports what is wrong and returns -EINVAL then. what names the number in
 * messages. A number may be written as 0x... too.
 */
int parse_expect_end(struct parser *p);
int parse_number(struct parser *p, uint64_t min, uint64_t max, const char *what, uint64_t *number);
int parse_number_word(struct parser *p, struct word word, uint64_t min, uint64_t max,
		      const char *what, uint64_t *number);

int parse_endpoint(struct parser *p, const char *what, uint8_t *family, struct ifw_addr *addr,
		   uint16_t *port);
int parse_on_off(struct parser *p, bool *on);

/* The statements behind their first word. 0 or -EINVAL; -ENOMEM. */
int parse_set(struct parser *p);
int parse_track(struct parser *p);
int parse_flow(struct parser *p);
int parse_socket(struct parser *p);
int parse_close(struct parser *p);
int parse_after(struct parser *p);

/* "02:00:00:00:00:01", and "6.1" as SIM_KERNEL(). 0 or -EINVAL. */
int world_mac(const char *text, size_t len, uint8_t mac[ETH_ALEN]);
int world_kernel(const char *text, size_t len, uint32_t *kernel);

/* A state (enum ifw_flow_state) is of one protocol. */
bool world_state_suits(unsigned int state, uint8_t protocol);

#endif /* IFW_SIM_WORLD_PARSE_H */
