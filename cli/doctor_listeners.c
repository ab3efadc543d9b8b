/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* doctor_listeners.c - see doctor_looks.h: whether somebody takes what is intercepted. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "doctor_looks.h"
#include "iface.h"
#include "outside.h"
#include "sim/explain/explain_text.h"
#include "ruleset/room.h"
#include "text.h"

#define NAMED_MAX 16 /* of those that are wrong; there may be one a service */

/* Listeners without IP_TRANSPARENT. */
struct opaque {
	struct socket_info *sockets;
	size_t count, room;
};

static int on_socket(void *arg, const struct socket_info *socket)
{
	struct opaque *opaque = arg;

	if (socket->peer_port || socket->protocol != IPPROTO_TCP || !socket->options_known ||
	    socket->transparent)
		return 0;
	if (room_for_one(&opaque->sockets, opaque->count, &opaque->room, sizeof(*opaque->sockets)))
		return -ENOMEM;
	opaque->sockets[opaque->count++] = *socket;
	return 0;
}

static void opaque_free(struct opaque *opaque)
{
	free(opaque->sockets);
}

static bool is_opaque(const struct look *look, const struct opaque *opaque,
		      const struct sim_socket_key *key)
{
	for (size_t i = 0; i < opaque->count; i++)
		if (outside_is_listener(look->world, &opaque->sockets[i], key))
			return true;
	return false;
}

struct wanted {
	const struct rule *rule; /* one of those that lead there */
	uint64_t ifaces;	 /* of all that do, as in struct rule */
};

struct wanted_list {
	struct wanted *list; /* one a listener */
	size_t count;
	size_t looked, there; /* for interfaces that are there; for at least one of these */
	size_t missing, not_transparent;
};

static void wanted_free(struct wanted_list *wanted)
{
	free(wanted->list);
}

/* By protocol, family, address and port: what makes a listener. */
static int by_listener(const void *a, const void *b)
{
	const struct rule *x = ((const struct wanted *)a)->rule;
	const struct rule *y = ((const struct wanted *)b)->rule;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->listener.hi != y->listener.hi)
		return x->listener.hi < y->listener.hi ? -1 : 1;
	if (x->listener.lo != y->listener.lo)
		return x->listener.lo < y->listener.lo ? -1 : 1;
	return (x->listener_port > y->listener_port) - (x->listener_port < y->listener_port);
}

static int collect(const struct look *look, struct wanted_list *wanted)
{
	size_t found = 0;

	wanted->list = calloc(look->rules->count + 1, sizeof(*wanted->list));
	if (!wanted->list)
		return -ENOMEM;
	for (size_t i = 0; i < look->rules->count; i++)
		if (look->rules->rules[i].action == IFW_ACTION_INTERCEPT)
			wanted->list[found++] = (struct wanted){&look->rules->rules[i],
								look->rules->rules[i].ifaces};
	qsort(wanted->list, found, sizeof(*wanted->list), by_listener);
	for (size_t i = 0; i < found; i++) {
		struct wanted *last = &wanted->list[wanted->count - !!wanted->count];

		if (wanted->count && by_listener(last, &wanted->list[i]) == 0)
			last->ifaces |= wanted->list[i].ifaces;
		else
			wanted->list[wanted->count++] = wanted->list[i];
	}
	return 0;
}

/* for_one: the interface for which there is none, where there is one for another. */
static void add_missing(const struct look *look, const struct rule *rule,
			const struct iface_info *for_one)
{
	const char *protocol = text_protocol(rule_protocol(rule));
	char end[EXPLAIN_END_MAX], text[RULE_TEXT_MAX], which[64] = "";
	struct doctor_check *check;

	explain_end(rule->listener, rule->listener_port, rule->family, end);
	rule_print(rule, &look->rules->names, text, sizeof(text));
	if (for_one)
		snprintf(which, sizeof(which), " for what comes in by '%s'", for_one->name);
	check = doctor_add(look->doctor, "listener", DOCTOR_FAILED,
			   "nobody listens on %s %s%s, so start the proxy; it is for: %s", protocol,
			   end, which, text);
	doctor_mend(check, DOCTOR_OTHERS, "ss -nlp --%s 'sport = :%u'", protocol,
		    rule->listener_port);
}

static void add_opaque(const struct look *look, const struct rule *rule)
{
	char end[EXPLAIN_END_MAX], text[RULE_TEXT_MAX];

	explain_end(rule->listener, rule->listener_port, rule->family, end);
	rule_print(rule, &look->rules->names, text, sizeof(text));
	doctor_mend(doctor_add(look->doctor, "transparent", DOCTOR_FAILED,
			       "the listener on %s %s has no IP_TRANSPARENT, which the proxy has "
			       "to set before it listens; it is for: %s",
			       text_protocol(rule_protocol(rule)), end, text),
		    DOCTOR_OTHERS, "ss -nlp --tcp 'sport = :%u'", rule->listener_port);
}

/* One may be bound to an interface, so it is asked for from each that the rules hold on. */
static void look_listener(const struct look *look, const struct ifaces *ifaces,
			  const struct opaque *opaque, const struct wanted *one,
			  struct wanted_list *wanted)
{
	/* Tried on 6.18: IPv6 listeners answer without it, and datagrams arrive without it. */
	const bool needs_option =
		one->rule->family == IFW_FAMILY_IPV4 && rule_protocol(one->rule) == IPPROTO_TCP;
	const struct iface_info *without = NULL;
	size_t held = 0, there = 0, bare = 0;

	for (size_t i = 0; i < ifaces->count; i++) {
		const struct iface_info *iface = &ifaces->shown[i];
		const struct sim_socket *listener;

		if (!iface->present ||
		    (one->ifaces != IFW_IFACES_ANY && !(one->ifaces >> iface->settings.slot & 1)))
			continue;
		listener = outside_listener(look->world, iface->ifindex, one->rule);
		if (!listener && !without)
			without = iface;
		held++;
		there += !!listener;
		bare += listener && needs_option && is_opaque(look, opaque, &listener->key);
	}
	wanted->looked += !!held;
	wanted->there += !!there;
	if (without && wanted->missing++ < NAMED_MAX)
		add_missing(look, one->rule, there ? without : NULL);
	if (bare && wanted->not_transparent++ < NAMED_MAX)
		add_opaque(look, one->rule);
}

static void sum_up(const struct look *look, const char *name, size_t wrong, size_t all,
		   const char *good)
{
	if (wrong > NAMED_MAX)
		doctor_add(look->doctor, name, DOCTOR_FAILED, "and %zu more of %zu listeners",
			   wrong - NAMED_MAX, all);
	else if (!wrong)
		doctor_add(look->doctor, name, DOCTOR_OK, good, all, text_s(all));
}

int look_listeners(const struct look *look, const struct ifaces *ifaces)
{
	struct opaque opaque __attribute__((cleanup(opaque_free))) = {.count = 0};
	struct wanted_list wanted __attribute__((cleanup(wanted_free))) = {.count = 0};
	struct failure failure = {0};
	int err = collect(look, &wanted);

	if (!err)
		err = loader_sockets(on_socket, &opaque, &failure);
	for (size_t i = 0; i < wanted.count && !err; i++)
		look_listener(look, ifaces, &opaque, &wanted.list[i], &wanted);
	if (err)
		return err;
	sum_up(look, "listener", wanted.missing, wanted.looked,
	       "%zu listener%s of rules, all there");
	/* Of one that is not there nothing can be said. */
	if (wanted.there || !wanted.looked)
		sum_up(look, "transparent", wanted.not_transparent, wanted.there,
		       "%zu listener%s of rules, IP_TRANSPARENT where it is needed");
	return 0;
}
