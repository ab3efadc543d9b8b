/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_read.c - see state.h: reading. The decision takes much for granted of what stands in
 * its maps, so all is looked at.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "ruleset/cleanup.h"
#include "ruleset/grammar.h"
#include "state.h"
#include "state_flow.h"
#include "state_iface.h"
#include "state_json.h"
#include "sim/world_parse.h"
#include "sim/world_socket.h"

/* --- Rules ------------------------------------------------------------------------ */

/* Where in the list the text of all rules has its lines, and what is wrong with one. */
static void on_diagnostic(void *arg, const struct diagnostic *diagnostic)
{
	struct node *list = arg;
	struct node node;

	if (diagnostic->severity != SEVERITY_ERROR || list->message[0])
		return;
	node = node_element(list, diagnostic->line - 1);
	node_fault(&node, "column %u: %s", diagnostic->column, diagnostic->message);
}

static int join_rules(const struct node *list, FILE *out)
{
	size_t count;
	int error = node_array(list, &count);

	for (size_t i = 0; !error && i < count; i++) {
		const struct node node = node_element(list, i);
		const char *text;

		error = node_text(&node, &text);
		if (!error && strchr(text, '\n'))
			error = node_fault(&node, "is more than one line");
		if (!error)
			fprintf(out, "%s\n", text);
	}
	return error;
}

static int read_rules(struct sim_world *world, const struct node *root)
{
	struct node list = node_member(root, "rules");
	auto_free char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int error = out ? join_rules(&list, out) : -ENOMEM;

	if (out && fclose(out) != 0 && !error)
		error = -ENOMEM;
	if (error)
		return error;
	error = sim_world_parse_rules(world, text, size, on_diagnostic, &list);
	if (error == -E2BIG)
		return node_fault(&list, "too many different pairs of prefix lengths");
	return error;
}

/* --- Sockets ---------------------------------------------------------------------- */

static int read_word(const struct node *node, const struct socket_word **word)
{
	const struct node protocol_node = node_member(node, "protocol");
	const struct node state_node = node_member(node, "state");
	const char *protocol, *state;
	int error = node_text(&protocol_node, &protocol);

	if (!error)
		error = node_text(&state_node, &state);
	if (error)
		return error;
	*word = socket_word_find(protocol, strlen(protocol), state, strlen(state));
	return *word ? 0
		     : node_fault(&state_node, "no socket of '%.16s' is '%.32s'", protocol, state);
}

static int read_end(const struct node *node, struct ifw_addr *addr, uint16_t *port, uint8_t *family)
{
	const char *text;
	int error = node_text(node, &text);

	if (error)
		return error;
	if (grammar_parse_endpoint(text, strlen(text), family, addr, port) != 0)
		return node_fault(node, "'%.64s' is not ADDRESS:PORT or [ADDRESS]:PORT", text);
	return 0;
}

static int read_socket_flag(const struct node *node, const char *name, unsigned int flag,
			    unsigned int *flags)
{
	const struct node member = node_member(node, name);
	bool on = false;
	int error = node_bool(&member, &on);

	if (on)
		*flags |= flag;
	return error;
}

static int read_socket(struct sim_world *world, const struct node *node)
{
	const struct node local = node_member(node, "local"), remote = node_member(node, "remote");
	const struct socket_word *word = NULL;
	struct sim_socket_key key = {};
	uint8_t family_of_peer = 0;
	unsigned int flags = 0;
	const char *fault;
	int error = node_object(node);

	if (!error)
		error = read_word(node, &word);
	if (!error)
		error = read_end(&local, &key.local, &key.local_port, &key.family);
	if (!error && word->kind == SIM_SOCKET_CONNECTED)
		error = read_end(&remote, &key.peer, &key.peer_port, &family_of_peer);
	if (!error)
		error = read_socket_flag(node, "reuseport", SIM_SOCKET_REUSEPORT, &flags);
	if (!error)
		error = read_socket_flag(node, "v6only", SIM_SOCKET_V6ONLY, &flags);
	if (!error)
		error = state_read_slot(world, node, &key.slot);
	if (error)
		return error;
	key.protocol = word->number;
	key.kind = word->kind;
	fault = socket_fault(&key, family_of_peer, flags);
	if (fault)
		return node_fault(node, "%s", fault);
	error = sim_world_add_socket(world, &key, word->state, flags);
	return error == -EEXIST ? node_fault(node, "is there already") : error;
}

/* --- All of it -------------------------------------------------------------------- */

static int read_kernel(struct sim_world *world, const struct node *root)
{
	const struct node node = node_member(root, "kernel");
	const char *text;
	int error = node_text(&node, &text);

	if (!error && world_kernel(text, strlen(text), &world->kernel) != 0)
		error = node_fault(&node, "'%.64s' is no version such as 6.1", text);
	return error;
}

static int read_version(const struct node *root)
{
	const struct node node = node_member(root, "ifw_state");
	uint64_t version;
	int error = node_number(&node, 1, INT_MAX, &version);

	if (!error && version != STATE_VERSION)
		return node_fault(&node, "this is version %u, and only %d is read",
				  (unsigned int)version, STATE_VERSION);
	return error;
}

static int read_list(struct sim_world *world, const struct node *root, const char *name,
		     int (*one)(struct sim_world *world, const struct node *node))
{
	const struct node list = node_member(root, name);
	size_t count;
	int error = node_array(&list, &count);

	for (size_t i = 0; !error && i < count; i++) {
		const struct node node = node_element(&list, i);

		error = one(world, &node);
	}
	return error;
}

static int read_all(struct sim_world *world, const struct node *root)
{
	int error = json_is_object(root->json)
			    ? read_version(root)
			    : node_fault(root, "it is JSON, but no object, which `ifw snapshot` "
					       "writes");

	if (!error)
		error = read_kernel(world, root);
	if (!error)
		error = read_list(world, root, "interfaces", state_read_iface);
	if (!error)
		error = read_rules(world, root);
	if (!error)
		error = read_list(world, root, "sockets", read_socket);
	if (!error)
		error = state_read_track(world, root);
	if (!error)
		error = read_list(world, root, "flows", state_read_flow);
	return error;
}

int state_read(struct sim_world *world, const char *text, size_t size,
	       char message[STATE_MESSAGE_MAX])
{
	struct node root = {.message = message};
	json_error_t why;
	json_t *json;
	int error;

	message[0] = '\0';
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	root.json = json;
	if (!json) {
		snprintf(message, STATE_MESSAGE_MAX, "line %d, column %d: %s", why.line, why.column,
			 why.text);
		return -EINVAL;
	}
	error = read_all(world, &root);
	json_decref(json);
	if (error)
		sim_world_clear(world);
	return error;
}
