/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* aging.h - time that passes for what the kernel's maps remember, without waiting for it. */
#ifndef IFW_TESTS_AGING_H
#define IFW_TESTS_AGING_H

#include <stdint.h>

/* Every element of a map of flows, or of fragments, gets so much older. 0 or -errno. */
int age_flows(int map, uint64_t ns);
int age_fragments(int map, uint64_t ns);

/* Deletes every element of a hash. 0 or -errno. */
int empty_map(int map, uint32_t key_size);
unsigned int count_elements(int map, uint32_t key_size);

#endif /* IFW_TESTS_AGING_H */
