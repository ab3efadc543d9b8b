/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outside.c - see outside.h. The words for programs:
 *
 *   down            the interface is, so that nothing comes or goes
 *   ipv6-off        IPv6 is switched off on the interface
 *   detached        the program is not on its hook
 *   before          another one sees the packet first
 *   transparent     the listener has no IP_TRANSPARENT, which TCP over IPv4 needs
 *   policy-rule     nothing leads marked packets to the policy route
 *   policy-route    or that is not there
 *   rp_filter       the way back to the source is another one
 *   src_valid_mark  the way back is looked for with the mark, which leads here
 *   source          the kernel takes the source for none that can be
 *   forwarding      it is off where the packet would have to be passed on
 *   mark-rules      a rule of nftables or iptables writes over the mark, see outside_filters.c
 *   input-rules     or drops the packet
 *   forward-rules   or drops what would be passed on
 *   route           the kernel has no route for it, or another than to this host
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "outside.h"
#include "sim/explain/explain_text.h"
#include "sim/world.h"
#include "text.h"

struct outside {
	struct loader *loader;
	const struct iface_info *iface;
	const struct sim_world *world;
	const struct packet *packet; /* as the decision understood it */
	enum ifw_direction direction;
	bool down; /* the interface is */
	const struct decision *decision;
	struct findings *findings;
};

static void found(const struct outside *out, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void found(const struct outside *out, const char *what, const char *format, ...)
{
	struct finding *finding;
	va_list args;

	if (out->findings->count == FINDINGS_MAX)
		return;
	finding = &out->findings->list[out->findings->count++];
	finding->what = what;
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
	text_tame(finding->text);
}

static void on_before(void *arg, const char *text)
{
	const struct outside *out = arg;

	found(out, "before",
	      "%s on '%s' sees it first, and what it drops or takes never comes here", text,
	      out->iface->name);
}

static int check_hook(const struct outside *out)
{
	const bool leaving = out->direction == IFW_DIRECTION_OUT;

	if (out->down)
		found(out, "down", "'%s' is down, so nothing %s by it; run: ip link set %s up",
		      out->iface->name, leaving ? "leaves" : "comes", out->iface->name);
	if (!(leaving ? out->iface->egress : out->iface->attached))
		found(out, "detached",
		      leaving && !out->iface->settings.at[IFW_DIRECTION_OUT].hook
			      ? "no program looks at what leaves by '%s': nothing is tracked "
				"there, "
				"and there are no egress rules"
			      : "the program is not on its hook of '%s' any more; run: ifw up %s",
		      out->iface->name, out->iface->name);
	return loader_before(out->loader, out->iface, out->direction, on_before,
			     (void *)(uintptr_t)out);
}

/* --- The listener ------------------------------------------------------------------- */

bool outside_is_listener(const struct sim_world *world, const struct socket_info *socket,
			 const struct sim_socket_key *key)
{
	const uint32_t slot = socket->ifindex ? sim_world_iface_slot(world, socket->ifindex) : 0;

	/* Bound to an interface that is not of the world: none that a decision finds. */
	return !socket->peer_port && socket->protocol == key->protocol &&
	       socket->family == key->family && socket->local_port == key->local_port &&
	       ifw_addr_equal(socket->local, key->local) && slot == key->slot &&
	       !socket->ifindex == !slot;
}

struct wanted_listener {
	const struct sim_world *world;
	const struct sim_socket_key *key;
	bool opaque; /* it is there, and not transparent */
};

static int on_socket(void *arg, const struct socket_info *socket)
{
	struct wanted_listener *wanted = arg;
	const struct sim_socket_key *key = wanted->key;

	if (outside_is_listener(wanted->world, socket, key))
		wanted->opaque |= socket->options_known && !socket->transparent;
	return 0;
}

const struct sim_socket *outside_listener(const struct sim_world *world, uint32_t ifindex,
					  const struct rule *rule)
{
	struct bpf_sock_tuple tuple = {};
	uint32_t size = sizeof(tuple.ipv4);

	if (rule->family == IFW_FAMILY_IPV6) {
		size = sizeof(tuple.ipv6);
		ifw_addr_to_ipv6(rule->listener, tuple.ipv6.daddr);
		tuple.ipv6.dport = htons(rule->listener_port);
	} else {
		tuple.ipv4.daddr = ifw_addr_to_ipv4(rule->listener);
		tuple.ipv4.dport = htons(rule->listener_port);
	}
	return rule_protocol(rule) == IPPROTO_TCP
		       ? sim_world_lookup_tcp(world, ifindex, &tuple, size)
		       : sim_world_lookup_udp(world, ifindex, &tuple, size);
}

static int check_listener(const struct outside *out, struct failure *failure)
{
	const struct rule *rule = sim_world_rule(out->world, out->decision->rule);
	const struct sim_socket *listener =
		rule ? outside_listener(out->world, out->iface->ifindex, rule) : NULL;
	struct wanted_listener wanted = {
		.world = out->world,
		.key = listener ? &listener->key : NULL,
	};
	char end[EXPLAIN_END_MAX];
	int err;

	/* Tried on 6.18: IPv6 listeners answer without it, and datagrams arrive without it. */
	if (out->decision->assigned != IFW_ASSIGNED_LISTENER || !listener ||
	    rule->family != IFW_FAMILY_IPV4 || rule_protocol(rule) != IPPROTO_TCP)
		return 0;
	err = loader_sockets(on_socket, &wanted, failure);
	if (err || !wanted.opaque)
		return err;
	explain_end(rule->listener, rule->listener_port, rule->family, end);
	found(out, "transparent",
	      "the listener on %s has no IP_TRANSPARENT, so the kernel does not answer for it from "
	      "an address of others; the proxy has to set that before it listens",
	      end);
	return 0;
}

/* --- Routing ------------------------------------------------------------------------- */

static int64_t conf(const char *family, const char *ifname, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/conf/%s/%s", family, ifname, name);
	return loader_sysctl(path, 0);
}

int64_t outside_larger_conf(const char *ifname, const char *name)
{
	const int64_t all = conf("ipv4", "all", name);
	const int64_t own = conf("ipv4", ifname, name);

	return own > all ? own : all;
}

bool outside_ipv6_off(const char *ifname)
{
	return conf("ipv6", ifname, "disable_ipv6") > 0;
}

/* net/ipv6/ip6_input.c ip6_rcv_core(): dropped there, before anything else is asked. */
static bool is_family_off(const struct outside *out)
{
	const char *name = out->iface->name;

	if (out->packet->family != IFW_FAMILY_IPV6 || !outside_ipv6_off(name))
		return false;
	found(out, "ipv6-off",
	      "IPv6 is switched off on '%s', so the kernel drops the packet; run: sysctl -w "
	      "net/ipv6/conf/%s/disable_ipv6=0 (its addresses have gone, and have to be given "
	      "again)",
	      name, name);
	return true;
}

static void found_rp_filter(const struct outside *out, const char *src, int64_t value)
{
	found(out, "rp_filter",
	      "rp_filter is %" PRId64
	      " on '%s', and the way back to %s is %s: the kernel drops the "
	      "packet; set net.ipv4.conf.%s.rp_filter and that of 'all' to %s, or route %s there",
	      value, out->iface->name, src, value == 1 ? "not by that interface" : "not there",
	      out->iface->name, value == 1 ? "0 or 2" : "0", src);
}

static void found_mark(const struct outside *out, const char *src, const struct policy_info *policy)
{
	found(out, "src_valid_mark",
	      "src_valid_mark is on for '%s', so the way back to %s is looked for with the mark, "
	      "and "
	      "the policy rule of priority %u, by the mark alone, leads that to this host (table "
	      "%u): "
	      "the kernel drops the packet; give that rule 'iif %s', or set src_valid_mark to 0",
	      out->iface->name, src, policy->alone_priority, policy->alone_table, out->iface->name);
}

/*
 * Whether it is the source that is refused: then it is for a destination of this host, too, which
 * no policy rule and no route but the source's own comes before. True where none is known.
 */
static int is_source_refused(const struct outside *out, const struct routed_packet *packet,
			     bool *refused)
{
	struct routed_packet asked = *packet;
	struct route_answer answer;
	int err;

	*refused = true;
	for (size_t i = 0; i < out->iface->addr_count; i++) {
		const struct iface_addr *own = &out->iface->addrs[i];

		if (own->family != packet->family || own->kind != IFW_ADDR_LOCAL ||
		    ifw_addr_equal(own->addr, packet->src))
			continue;
		asked.dst = own->addr;
		err = loader_route(&asked, &answer);
		*refused = answer.error;
		return err;
	}
	return 0;
}

/*
 * Whether the kernel would not take the source. It says -EXDEV or -EINVAL, newer ones only
 * the latter, so why is found out by the way back, as it looks for it itself.
 */
static int check_source(const struct outside *out, const struct routed_packet *packet,
			const struct policy_info *policy, int error, bool *refused)
{
	const int64_t rp_filter = outside_larger_conf(out->iface->name, "rp_filter");
	const bool with_mark = outside_larger_conf(out->iface->name, "src_valid_mark") > 0;
	struct routed_packet asked = *packet;
	char src[INET6_ADDRSTRLEN];
	struct way_back back;
	int err;

	*refused = packet->family == IFW_FAMILY_IPV4 && (error == -EXDEV || error == -EINVAL);
	if (!*refused)
		return 0;
	err = is_source_refused(out, packet, refused);
	if (err || !*refused)
		return err;
	asked.mark = with_mark ? packet->mark : 0;
	err = loader_way_back(&asked, &back);
	if (err)
		return err;
	rule_print_addr(packet->src, packet->family, src, sizeof(src));
	if (back.here && with_mark && out->decision->marked && policy->alone)
		found_mark(out, src, policy);
	else if (!back.here && rp_filter > 0 &&
		 (back.error || (rp_filter == 1 && back.ifindex != packet->ifindex)))
		found_rp_filter(out, src, rp_filter);
	else
		found(out, "source",
		      "the kernel takes %s for a source that cannot come in by '%s' (martian), and "
		      "drops the packet",
		      src, out->iface->name);
	return 0;
}

static bool check_refusal(const struct outside *out, const struct route_refusal *refusal)
{
	const char *version = out->packet->family == IFW_FAMILY_IPV6 ? "-6 " : "";
	char dst[INET6_ADDRSTRLEN];

	if (!refusal->kind)
		return false;
	if (refusal->rule) {
		found(out, "route",
		      "the policy rule of priority %u (%s) refuses the packet; see: ip %srule show "
		      "priority %u",
		      refusal->priority, refusal->kind, version, refusal->priority);
		return true;
	}
	rule_print_addr(refusal->dst, out->packet->family, dst, sizeof(dst));
	found(out, "route",
	      "the route '%s %s/%u' of table %u refuses the packet; see: ip %sroute show table %u",
	      refusal->kind, dst, refusal->dst_len, refusal->table, version, refusal->table);
	return true;
}

/* Marked: it has to come to this host. */
static void check_marked(const struct outside *out, const struct policy_info *policy,
			 const struct route_answer *answer, const struct route_refusal *refusal)
{
	const struct ifw_iface *set = &out->iface->settings;
	const char *version = out->packet->family == IFW_FAMILY_IPV6 ? "-6 " : "";

	if (!policy->rule)
		found(out, "policy-rule",
		      "no policy rule leads what comes in by '%s' with mark 0x%x/0x%x to table %u, "
		      "so "
		      "the kernel takes it for somebody else's; run: ifw up %s (then 'ip %srule' "
		      "has "
		      "it)",
		      out->iface->name, set->mark, set->mark_mask, set->table, out->iface->name,
		      version);
	if (!policy->route)
		found(out, "policy-route",
		      "table %u has no route 'local default dev lo', so the kernel takes the "
		      "packet "
		      "for somebody else's; is lo up? then run: ifw up %s (and 'ip %sroute show "
		      "table "
		      "%u' has it)",
		      set->table, out->iface->name, version, set->table);
	if (!policy->rule || !policy->route || check_refusal(out, refusal))
		return;
	if (answer->error)
		found(out, "route", "the kernel does not route the packet to this host: %s",
		      strerror(-answer->error));
	else
		found(out, "route",
		      "another policy rule comes first, and table %u leads the packet away from "
		      "this "
		      "host",
		      answer->table);
}

bool outside_forwards(const char *ifname, uint8_t family)
{
	if (family != IFW_FAMILY_IPV6)
		return conf("ipv4", ifname, "forwarding") > 0;
	return conf("ipv6", "all", "forwarding") > 0 ||
	       conf("ipv6", ifname, "force_forwarding") > 0;
}

/* Not marked: where the destination is not of this host, it has to be passed on. */
static void check_passed_on(const struct outside *out, const struct route_answer *answer,
			    const struct route_refusal *refusal)
{
	const bool ipv6 = out->packet->family == IFW_FAMILY_IPV6;
	char dst[INET6_ADDRSTRLEN];

	rule_print_addr(out->packet->dst, out->packet->family, dst, sizeof(dst));
	if (!outside_forwards(out->iface->name, out->packet->family))
		found(out, "forwarding",
		      "forwarding is off (net.%s.forwarding), so the kernel does not pass the "
		      "packet "
		      "on to %s",
		      ipv6 ? "ipv6.conf.all" : "ipv4.conf.*", dst);
	else if (check_refusal(out, refusal))
		return;
	else if (answer->error)
		found(out, "route", "the kernel has no route to %s: %s", dst,
		      strerror(-answer->error));
	else
		out->findings->passed_on = true;
}

/*
 * Whether there is something to ask the routes about: lo has no policy route, an interface that
 * is down has lost those by it, and other packets than these stay on the link.
 */
static bool is_routed(const struct outside *out)
{
	const struct packet *packet = out->packet;

	return !out->down && out->iface->ifindex != IFW_LOOPBACK_IFINDEX &&
	       packet->family != IFW_FAMILY_NONE &&
	       !ifw_addr_is_multicast(packet->dst, packet->family) &&
	       !ifw_addr_is_limited_broadcast(packet->dst, packet->family);
}

static int check_routing(const struct outside *out)
{
	const struct ifw_iface *set = &out->iface->settings;
	const struct routed_packet packet = {
		.src = out->packet->src,
		.dst = out->packet->dst,
		.src_port = out->packet->src_port,
		.dst_port = out->packet->dst_port,
		.family = out->packet->family,
		.protocol = out->packet->protocol,
		.ifindex = out->iface->ifindex,
		.mark = out->decision->marked ? set->mark : 0,
	};
	struct policy_info policy = {};
	struct route_refusal refusal = {};
	struct route_answer answer;
	bool refused;
	int err = loader_route(&packet, &answer);

	if (!err)
		err = loader_policy(out->iface, out->packet->family, &policy);
	if (err || (answer.here && !answer.error))
		return err;
	err = check_source(out, &packet, &policy, answer.error, &refused);
	if (!err && !refused)
		err = loader_refusal(&packet, &refusal);
	if (err || refused)
		return err;
	if (out->decision->marked)
		check_marked(out, &policy, &answer, &refusal);
	else
		check_passed_on(out, &answer, &refusal);
	return 0;
}

int outside_find_route(const struct iface_info *iface, const struct explanation *explanation,
		       struct findings *findings)
{
	const struct outside out = {.iface = iface,
				    .packet = &explanation->packet,
				    .direction = IFW_DIRECTION_IN,
				    .decision = &explanation->result.decision,
				    .findings = findings};

	return is_routed(&out) ? check_routing(&out) : 0;
}

/* --- All of it ----------------------------------------------------------------------- */

int outside_find(const struct cli *cli, struct loader *loader, const struct iface_info *iface,
		 const struct sim_world *world, enum ifw_direction direction,
		 const struct explanation *explanation, struct findings *findings)
{
	struct outside out = {.loader = loader,
			      .iface = iface,
			      .world = world,
			      .packet = &explanation->packet,
			      .direction = direction,
			      .decision = &explanation->result.decision,
			      .findings = findings};
	struct failure failure = {0};
	int err = loader_is_down(iface->ifindex, &out.down);

	if (!err)
		err = check_hook(&out);
	/* What is dropped goes nowhere, and what leaves has been routed. */
	if (!err && out.decision->verdict == IFW_VERDICT_PASS && direction == IFW_DIRECTION_IN &&
	    !is_family_off(&out)) {
		err = check_listener(&out, &failure);
		if (!err && is_routed(&out))
			err = check_routing(&out);
	}
	if (!err)
		return CLI_DONE;
	complain(cli, "cannot look at what is outside the program: %s",
		 failure.text[0] ? failure.text : strerror(-err));
	return CLI_REFUSED;
}
