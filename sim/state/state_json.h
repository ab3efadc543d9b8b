/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_json.h - members of a JSON object with their places, so that what is wrong with one
 * can be said. Internal to the readers of a state.
 */
#ifndef IFW_SIM_STATE_JSON_H
#define IFW_SIM_STATE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define PLACE_MAX 96 /* bytes, with the final NUL */

/* A value and where it stands: "sockets[3].local". */
struct node {
	const json_t *json; /* NULL: it is not there */
	char *message;	    /* STATE_MESSAGE_MAX bytes; what is wrong goes there */
	char place[PLACE_MAX];
};

/* "PLACE: ..." into the message. Always -EINVAL. */
int node_fault(const struct node *node, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct node node_member(const struct node *of, const char *name);
struct node node_element(const struct node *of, size_t index);

/* What is of another kind than asked for is a fault: 0 or -EINVAL. */
int node_object(const struct node *node);
int node_array(const struct node *node, size_t *count);
int node_bool(const struct node *node, bool *value);
int node_number(const struct node *node, uint64_t min, uint64_t max, uint64_t *value);
int node_text(const struct node *node, const char **text); /* until the document is freed */
bool node_is_null(const struct node *node);		   /* null, and not missing */

/* One of so many words, by its index. */
int node_word(const struct node *node, const char *const *words, size_t count, size_t *index);

#endif /* IFW_SIM_STATE_JSON_H */
