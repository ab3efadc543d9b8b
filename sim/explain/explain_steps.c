/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_steps.c - see explain_steps.h. It listens to what the decision asks and
 * decides nothing itself.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "explain_steps.h"
#include "explain_text.h"
#include "sim/world.h"

/* What a look at a range means depends on what was asked before. */
enum range_phase {
	RANGE_SEARCH,	  /* is the port in it? */
	RANGE_CANDIDATES, /* does its rule admit the interface? */
	RANGE_DONE,
};

/* A search by halving, of which is told where it ended. */
struct port_search {
	bool begun;
	bool has_below, has_above;
	struct ifw_range below, above; /* the nearest that were looked at */
};

struct listener {
	struct sim_world *world;
	const struct sim_frame *frame;
	const char *ifname;
	uint32_t slot;
	enum ifw_step step;
	enum range_phase phase;
	struct port_search search;
	struct explanation *out;
	bool no_memory;
};

#define SECOND 1e9

static struct explained_step *begin_step(struct listener *l, const char *name)
{
	struct explained_step *step = &l->out->steps[l->out->count++];

	*step = (struct explained_step){.name = name};
	return step;
}

static void say(struct listener *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct listener *l, const char *format, ...)
{
	struct explained_step *step = &l->out->steps[l->out->count - 1];
	char **lines = reallocarray(step->lines, step->count + 1, sizeof(*lines));
	va_list args;
	char *line;

	if (!lines) {
		l->no_memory = true;
		return;
	}
	step->lines = lines;
	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		l->no_memory = true;
	else
		step->lines[step->count++] = line;
	va_end(args);
}

static const char *const step_names[] = {
#define STEP_NAME(id, name) [IFW_STEP_##id] = name,
	IFW_STEPS(STEP_NAME)
#undef STEP_NAME
};

static void on_step(struct listener *l, enum ifw_step step)
{
	l->step = step;
	begin_step(l, step_names[step]);
}

/* Settings that a later step asks for, where something is set. */
static void on_setting(struct listener *l, const struct ifw_iface *iface)
{
	size_t count = 0;

	if (!iface)
		return;
	if (l->step == IFW_STEP_PROTOCOL || l->step == IFW_STEP_NON_IP) {
		say(l, "%s: what it passes besides IPv4, IPv6, TCP and UDP", l->ifname);
		return;
	}
	for (size_t i = 0; i < IFW_GENEVE_SOURCES_MAX; i++) {
		const struct ifw_net *net = &iface->geneve_sources[i];
		char text[INET6_ADDRSTRLEN];

		if (net->family == IFW_FAMILY_NONE)
			continue;
		count++;
		rule_print_addr(net->addr, net->family, text, sizeof(text));
		say(l, "outer sources: %s/%u", text, net->len);
	}
	if (!count)
		say(l, "outer sources: any");
}

static void on_iface(struct listener *l, const struct ifw_iface *iface)
{
	if (l->step != IFW_STEP_END) {
		on_setting(l, iface);
		return;
	}
	if (!iface) {
		say(l, "%s has no settings: the defaults hold, own addresses never recorded",
		    l->ifname);
		return;
	}
	l->slot = iface->slot | (iface->flags & IFW_SLOT_NAMED);
	say(l, "%s: %sssh %s, echo %s, GENEVE %s%s%s%s, mark 0x%x/0x%x, own addresses %s",
	    iface->name, iface->flags & IFW_IFACE_RAW_IP ? "frames without Ethernet header, " : "",
	    iface->flags & IFW_IFACE_SSH_OFF ? "off" : "on",
	    iface->flags & IFW_IFACE_ECHO ? "on" : "off",
	    iface->flags & IFW_IFACE_GENEVE ? "removed" : "off",
	    iface->flags & IFW_IFACE_TRACK ? ", tracks" : "",
	    iface->flags & IFW_IFACE_EGRESS_DENY ? ", egress denied by default" : "",
	    iface->flags & IFW_IFACE_NAMED_RULES ? ", only rules that name it" : "", iface->mark,
	    iface->mark_mask,
	    iface->flags & IFW_IFACE_ADDRS_RECORDED ? "recorded" : "never recorded");
}

static void on_load(struct listener *l, const struct sim_trace *t)
{
	say(l, "bytes %u to %u: %s", t->offset, t->offset + t->length - 1,
	    t->error ? "not there" : "read");
}

static void on_addr(struct listener *l, const struct sim_trace *t)
{
	char text[INET6_ADDRSTRLEN];

	rule_print_addr(t->addr, t->family, text, sizeof(text));
	say(l, "%s: %s of %s", text,
	    t->addr_kind == IFW_ADDR_LOCAL	 ? "an own address"
	    : t->addr_kind == IFW_ADDR_BROADCAST ? "a broadcast address"
						 : "no own address",
	    l->ifname);
}

static void on_socket(struct listener *l, const struct sim_trace *t)
{
	const char *protocol = t->kind == SIM_TRACE_SOCKET_TCP ? "tcp" : "udp";
	char asked[EXPLAIN_TUPLE_MAX], found[EXPLAIN_TUPLE_MAX];

	explain_tuple(t->tuple, t->tuple_size, asked);
	if (!t->socket) {
		say(l, "%s %s: no socket", protocol, asked);
		return;
	}
	explain_socket(t->socket, found);
	say(l, "%s %s: socket %s, %s", protocol, asked, found,
	    explain_socket_state(t->socket, t->kind == SIM_TRACE_SOCKET_TCP));
}

static void on_assign(struct listener *l, const struct sim_trace *t)
{
	char found[EXPLAIN_TUPLE_MAX];

	explain_socket(t->socket, found);
	if (t->error)
		say(l, "assign %s: refused, %s", found, strerror((int)-t->error));
	else
		say(l, "assign %s: done", found);
}

static void on_keep(struct listener *l, const struct sim_trace *t)
{
	char kept[EXPLAIN_TUPLE_MAX];

	explain_socket(t->socket, kept);
	if (t->error)
		say(l, "keep %s for lookups of the stack: refused, %s", kept,
		    strerror((int)-t->error));
	else
		say(l, "keep %s for lookups of the stack: done", kept);
}

static void on_strip(struct listener *l, const struct sim_trace *t)
{
	if (!t->error) {
		l->out->stripped = true;
		l->out->outer = l->world->packet.work[l->frame->direction].packet;
	}
	say(l, "remove %u bytes of outer headers: %s", t->length, t->error ? "refused" : "done");
}

/* Each word is asked for by itself; they are told at once. */
static void on_lengths(struct listener *l, const struct sim_trace *t)
{
	const char *protocol = (t->protocol & ~IFW_EGRESS) == IPPROTO_TCP ? "tcp" : "udp";
	const char *way = t->protocol & IFW_EGRESS ? "egress " : "";
	char lengths[EXPLAIN_LENGTHS_MAX] = "";

	if (t->index)
		return;
	if (t->lengths)
		explain_lengths(t->lengths, lengths);
	if (lengths[0])
		say(l, "destination lengths of %s%s rules:%s", way, protocol, lengths);
	else
		say(l, "there are no %s%s rules", way, protocol);
}

static void on_prefix(struct listener *l, const struct sim_trace *t)
{
	char addr[INET6_ADDRSTRLEN], lengths[EXPLAIN_LENGTHS_MAX];

	l->phase = RANGE_SEARCH;
	rule_print_addr(t->key->addr, t->key->family, addr, sizeof(addr));
	lengths[0] = '\0';
	if (t->prefix)
		explain_lengths(t->prefix->lengths, lengths);
	switch (t->key->kind) {
	case IFW_PREFIX_DESTINATION:
		if (!t->prefix)
			say(l, "to %s/%u: no rules", addr, t->key->len);
		else if (lengths[0])
			say(l, "to %s/%u: rules, source lengths%s", addr, t->key->len, lengths);
		else
			say(l, "to %s/%u: rules", addr, t->key->len);
		break;
	default:
		say(l, "  from %s/%u: %s", addr, t->key->len, t->prefix ? "rules" : "no rules");
		break;
	}
}

/* The port that the rules are asked for: of an ICMP error the one that the quoted packet left. */
static uint16_t asked_port(const struct listener *l)
{
	const struct ifw_work *w = &l->world->packet.work[l->frame->direction];

	return l->step == IFW_STEP_ICMP_RELATED ? w->quoted.src_port : w->packet.dst_port;
}

static void print_ports(const struct ifw_range *range, char text[EXPLAIN_PORTS_MAX])
{
	if (range->low == range->high)
		snprintf(text, EXPLAIN_PORTS_MAX, "%u", range->low);
	else
		snprintf(text, EXPLAIN_PORTS_MAX, "%u-%u", range->low, range->high);
}

/* No range held the port: what lies around it. */
static void end_search(struct listener *l)
{
	const struct port_search *search = &l->search;
	char below[EXPLAIN_PORTS_MAX] = "", above[EXPLAIN_PORTS_MAX] = "";

	if (!search->begun)
		return;
	if (search->has_below)
		print_ports(&search->below, below);
	if (search->has_above)
		print_ports(&search->above, above);
	if (search->has_below && search->has_above)
		say(l, "  port %u: in no range; next below %s, above %s", asked_port(l), below,
		    above);
	else
		say(l, "  port %u: in no range; next %s %s", asked_port(l),
		    search->has_below ? "below" : "above", search->has_below ? below : above);
	l->search = (struct port_search){};
}

static void on_search(struct listener *l, const struct ifw_range *range)
{
	uint16_t port = asked_port(l);

	l->search.begun = true;
	if (port > range->high) {
		l->search.has_below = true;
		l->search.below = *range;
	} else if (port < range->low) {
		l->search.has_above = true;
		l->search.above = *range;
	} else {
		l->search = (struct port_search){};
		l->phase = RANGE_CANDIDATES;
		if (range->low == range->high)
			say(l, "  port %u: yes", range->low);
		else
			say(l, "  ports %u-%u: hold %u", range->low, range->high, port);
	}
}

static void on_range(struct listener *l, const struct sim_trace *t)
{
	const struct ifw_range *range = t->range;
	char names[EXPLAIN_NAMES_MAX];

	if (!range || l->phase == RANGE_DONE)
		return;
	if (l->phase == RANGE_SEARCH) {
		on_search(l, range);
		return;
	}
	if (IFW_ADMITS(range->ifaces, l->slot)) {
		explain_names(&l->world->names, range->ifaces, names);
		say(l, "  rule %u: holds on %s (on %s)", range->rule, l->ifname, names);
		l->phase = RANGE_DONE;
	} else {
		explain_names(&l->world->names, range->ifaces, names);
		say(l,
		    range->ifaces == IFW_IFACES_ANY ? "  rule %u: does not name %s (on %s)"
						    : "  rule %u: not on %s (on %s)",
		    range->rule, l->ifname, names);
		if (range->next == 0)
			l->phase = RANGE_SEARCH;
	}
}

static const char *class_name(uint32_t class)
{
	static const char *const names[] = {
		[IFW_FLOWS_NEW] = "new flows",
		[IFW_FLOWS_REPLIED] = "replied flows",
		[IFW_FLOWS_CONNECTED] = "connections",
	};

	return names[class];
}

static void note_flow(struct listener *l, const struct sim_trace *t)
{
	l->out->has_flow = true;
	l->out->flow_key = *t->flow_key;
	l->out->flow = *t->flow;
}

static void on_flow(struct listener *l, const struct sim_trace *t)
{
	const char *class = class_name(t->flow_class);
	char text[EXPLAIN_TUPLE_MAX];

	if (!t->flow) {
		say(l, "%s: not there", class);
		return;
	}
	explain_tracked(t->flow_key, t->flow, text);
	if (t->flow->expires_ns <= l->out->now_ns) {
		say(l, "%s: %s, expired", class, text);
		return;
	}
	say(l, "%s: %s, %s%s, began %.0f s ago, expires in %.0f s", class, text,
	    ifw_flow_state_info(t->flow->state)->name, t->flow->forwarded ? ", forwarded" : "",
	    (double)(l->out->now_ns - t->flow->began_ns) / SECOND,
	    (double)(t->flow->expires_ns - l->out->now_ns) / SECOND);
	note_flow(l, t);
}

static void on_put_flow(struct listener *l, const struct sim_trace *t)
{
	char text[EXPLAIN_TUPLE_MAX];

	explain_tracked(t->flow_key, t->flow, text);
	if (t->error) {
		say(l, "%s cannot be remembered: %s", text, strerror((int)-t->error));
		return;
	}
	say(l, "remember among %s: %s, %s", class_name(t->flow_class), text,
	    ifw_flow_state_info(t->flow->state)->name);
	note_flow(l, t);
}

static void on_sender(struct listener *l, const struct sim_trace *t)
{
	char text[EXPLAIN_TUPLE_MAX];

	if (t->socket) {
		explain_socket(t->socket, text);
		say(l, "sent by socket %s%s", text,
		    t->sender == IFW_SENDER_NO_PEER ? ", connected to nobody" : "");
	} else {
		say(l, t->sender == IFW_SENDER_NONE ? "sent by no socket here: forwarded"
						    : "sent from an own address");
	}
}

/* What became of the flow; a packet that went on to the rules may not have been of it. */
static void look_at_flow(struct listener *l)
{
	struct explanation *out = l->out;
	const struct ifw_flow *flow = NULL;

	for (int class = 0; out->has_flow && class < IFW_FLOW_CLASSES && !flow; class ++)
		flow = sim_world_find_flow(l->world, class, &out->flow_key);
	out->has_flow = flow != NULL;
	if (flow)
		out->flow = *flow;
}

static void on_trace(void *arg, const struct sim_trace *t)
{
	struct listener *l = arg;

	if (t->kind != SIM_TRACE_RANGE)
		end_search(l);
	switch (t->kind) {
	case SIM_TRACE_STEP:
		on_step(l, t->step);
		break;
	case SIM_TRACE_LOAD:
		on_load(l, t);
		break;
	case SIM_TRACE_IFACE:
		on_iface(l, t->iface);
		break;
	case SIM_TRACE_ADDR:
		on_addr(l, t);
		break;
	case SIM_TRACE_SOCKET_TCP:
	case SIM_TRACE_SOCKET_UDP:
		on_socket(l, t);
		break;
	case SIM_TRACE_ASSIGN:
		on_assign(l, t);
		break;
	case SIM_TRACE_LENGTHS:
		on_lengths(l, t);
		break;
	case SIM_TRACE_PREFIX:
		on_prefix(l, t);
		break;
	case SIM_TRACE_RANGE:
		on_range(l, t);
		break;
	case SIM_TRACE_FRAGMENT:
		say(l, "its first fragment: %s", t->fragment ? "known" : "not known");
		break;
	case SIM_TRACE_KEEP:
		on_keep(l, t);
		break;
	case SIM_TRACE_STRIP:
		on_strip(l, t);
		break;
	case SIM_TRACE_FLOW:
		on_flow(l, t);
		break;
	case SIM_TRACE_PUT_FLOW:
		on_put_flow(l, t);
		break;
	case SIM_TRACE_SENDER:
		on_sender(l, t);
		break;
	}
}

int explain_steps(struct sim_world *world, const struct sim_frame *frame,
		  struct explanation *explanation)
{
	const char *ifname = sim_world_ifname(world, frame->ifindex);
	struct listener l = {
		.world = world,
		.frame = frame,
		.ifname = ifname ? ifname : "the interface",
		.step = IFW_STEP_END, /* none yet */
		.out = explanation,
	};
	int error;

	begin_step(&l, "interface");
	sim_world_trace(world, on_trace, &l);
	error = sim_decide(world, frame, &explanation->result);
	sim_world_trace(world, NULL, NULL);
	end_search(&l);
	if (!error || error == -EPROTO)
		explanation->packet = *sim_world_packet(world);
	look_at_flow(&l);
	return l.no_memory ? -ENOMEM : error;
}

bool explain_asked_rules(const struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->count; i++)
		if (strcmp(explanation->steps[i].name, step_names[IFW_STEP_RULES]) == 0 ||
		    strcmp(explanation->steps[i].name, step_names[IFW_STEP_EGRESS_RULES]) == 0)
			return true;
	return false;
}
