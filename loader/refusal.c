/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * refusal.c - which policy rule or route refuses a packet. The kernel says only that one does:
 * so the rules are gone through in its order, and the tables that they lead to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/addr.h"
#include "netlink.h"

struct step {
	uint32_t priority, table, target; /* target: of goto */
	int suppressed; /* shorter prefixes of the table do not count; -1: all do */
	uint8_t action; /* FR_ACT_* */
};

struct walk {
	const struct routed_packet *packet;
	char ifname[IFW_NAME_MAX];
	struct step *steps; /* of rules that the packet matches, in order */
	size_t count;
};

static void walk_free(struct walk *walk)
{
	free(walk->steps);
}

/* --- Prefixes --------------------------------------------------------------------- */

static struct ifw_addr addr_of(const struct nlattr *attr, uint8_t family)
{
	__be32 wire[4] = {0};

	memcpy(wire, mnl_attr_get_payload(attr),
	       family == IFW_FAMILY_IPV6 ? sizeof(wire) : sizeof(wire[0]));
	return family == IFW_FAMILY_IPV6 ? ifw_addr_from_ipv6(wire) : ifw_addr_from_ipv4(wire[0]);
}

static bool holds(struct ifw_addr prefix, uint8_t len, struct ifw_addr addr)
{
	return len == 0 || ifw_addr_equal(ifw_addr_mask(addr, len), ifw_addr_mask(prefix, len));
}

/* --- Policy rules ------------------------------------------------------------------- */

static bool in_range(const struct nlattr *attr, uint16_t port)
{
	const struct fib_rule_port_range *range = mnl_attr_get_payload(attr);

	return port >= range->start && port <= range->end;
}

struct mark_test {
	uint32_t mark, mask;
};

/* net/core/fib_rules.c fib_rule_match(), of one attribute. */
static bool attr_matches(const struct walk *walk, const struct fib_rule_hdr *header,
			 const struct nlattr *attr, struct mark_test *test)
{
	const struct routed_packet *packet = walk->packet;

	switch (mnl_attr_get_type(attr)) {
	case FRA_IIFNAME:
		return strcmp(mnl_attr_get_str(attr), walk->ifname) == 0;
	case FRA_OIFNAME:
	case FRA_TUN_ID:
		return false;
	case FRA_L3MDEV:
		return !mnl_attr_get_u8(attr);
	case FRA_FWMARK:
		test->mark = mnl_attr_get_u32(attr);
		return true;
	case FRA_FWMASK:
		test->mask = mnl_attr_get_u32(attr);
		return true;
	case FRA_UID_RANGE: /* what comes in is nobody's, and is asked for as root's */
		return ((const struct fib_rule_uid_range *)mnl_attr_get_payload(attr))->start == 0;
	case FRA_DST:
		return holds(addr_of(attr, packet->family), header->dst_len, packet->dst);
	case FRA_SRC:
		return holds(addr_of(attr, packet->family), header->src_len, packet->src);
	case FRA_IP_PROTO:
		return mnl_attr_get_u8(attr) == packet->protocol;
	case FRA_SPORT_RANGE:
		return in_range(attr, packet->src_port);
	case FRA_DPORT_RANGE:
		return in_range(attr, packet->dst_port);
	default:
		return true;
	}
}

static void read_step(const struct nlmsghdr *nlh, struct step *step)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	*step = (struct step){.table = header->table, .action = header->action, .suppressed = -1};
	mnl_attr_for_each(attr, nlh, sizeof(*header))
	{
		switch (mnl_attr_get_type(attr)) {
		case FRA_PRIORITY:
			step->priority = mnl_attr_get_u32(attr);
			break;
		case FRA_TABLE:
			step->table = mnl_attr_get_u32(attr);
			break;
		case FRA_GOTO:
			step->target = mnl_attr_get_u32(attr);
			break;
		case FRA_SUPPRESS_PREFIXLEN:
			step->suppressed = (int)mnl_attr_get_u32(attr);
			break;
		default:
			break;
		}
	}
}

static int take_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(nlh);
	struct mark_test test = {0};
	struct walk *walk = arg;
	const struct nlattr *attr;
	bool matches = header->tos == 0;
	void *grown;

	mnl_attr_for_each(attr, nlh, sizeof(*header)) matches =
		attr_matches(walk, header, attr, &test) && matches;
	matches = matches && (walk->packet->mark & test.mask) == test.mark;
	if (matches == !!(header->flags & FIB_RULE_INVERT))
		return MNL_CB_OK;
	grown = reallocarray(walk->steps, walk->count + 1, sizeof(*walk->steps));
	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	walk->steps = grown;
	read_step(nlh, &walk->steps[walk->count++]);
	return MNL_CB_OK;
}

static int list_steps(struct walk *walk, int family)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct fib_rule_hdr *header;
	int err = netlink_open(&nl);

	if (err)
		return err;
	header = netlink_request(&nl, RTM_GETRULE, NLM_F_DUMP, sizeof(*header));
	header->family = (uint8_t)family;
	return netlink_talk(&nl, take_rule, walk);
}

/* --- Routes --------------------------------------------------------------------------- */

struct best {
	const struct routed_packet *packet;
	uint32_t table, metric;
	struct ifw_addr dst;
	int len; /* -1: none yet */
	uint8_t type;
};

static int take_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	uint32_t table = route->rtm_table, metric = 0;
	struct ifw_addr dst = {0};
	struct best *best = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			table = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == RTA_PRIORITY)
			metric = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == RTA_DST)
			dst = addr_of(attr, best->packet->family);
	}
	if (table != best->table || route->rtm_src_len || route->rtm_tos ||
	    route->rtm_flags & RTM_F_CLONED || !holds(dst, route->rtm_dst_len, best->packet->dst) ||
	    route->rtm_dst_len < best->len ||
	    (route->rtm_dst_len == best->len && metric >= best->metric))
		return MNL_CB_OK;
	best->len = route->rtm_dst_len;
	best->metric = metric;
	best->dst = dst;
	best->type = route->rtm_type;
	return MNL_CB_OK;
}

/* Of one table alone: others may hold all of the Internet. */
static int find_best(struct best *best, int family)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct rtmsg *route;
	int err = netlink_open(&nl), on = 1;

	if (err)
		return err;
	(void)mnl_socket_setsockopt(nl.socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	route = netlink_request(&nl, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));
	route->rtm_family = (uint8_t)family;
	mnl_attr_put_u32(nl.request, RTA_TABLE, best->table);
	err = netlink_talk(&nl, take_route, best);
	return err == -ENOENT ? 0 : err; /* there is no such table */
}

/* --- Both ------------------------------------------------------------------------------ */

static const char *rule_kind(uint8_t action)
{
	return action == FR_ACT_BLACKHOLE     ? "blackhole"
	       : action == FR_ACT_UNREACHABLE ? "unreachable"
	       : action == FR_ACT_PROHIBIT    ? "prohibit"
					      : NULL;
}

static const char *route_kind(uint8_t type)
{
	return type == RTN_BLACKHOLE	 ? "blackhole"
	       : type == RTN_UNREACHABLE ? "unreachable"
	       : type == RTN_PROHIBIT	 ? "prohibit"
					 : NULL;
}

/* *decided: the table has an answer, so that no further rule is asked. */
static int ask_table(const struct walk *walk, const struct step *step, int family,
		     struct route_refusal *refusal, bool *decided)
{
	struct best best = {.packet = walk->packet, .table = step->table, .len = -1};
	int err = find_best(&best, family);

	*decided = !err && best.len > step->suppressed && best.type != RTN_THROW;
	if (!*decided)
		return err;
	refusal->kind = route_kind(best.type);
	refusal->table = step->table;
	refusal->dst = best.dst;
	refusal->dst_len = (uint8_t)best.len;
	return 0;
}

int loader_refusal(const struct routed_packet *packet, struct route_refusal *refusal)
{
	CLEANUP(walk_free) struct walk walk = {.packet = packet};
	const int family = packet->family == IFW_FAMILY_IPV6 ? AF_INET6 : AF_INET;
	uint32_t from = 0; /* the lowest priority that is asked: of goto */
	bool decided = false;
	int err;

	*refusal = (struct route_refusal){.kind = NULL};
	if (!if_indextoname(packet->ifindex, walk.ifname))
		return -errno;
	err = list_steps(&walk, family);
	for (size_t i = 0; i < walk.count && !err && !decided; i++) {
		const struct step *step = &walk.steps[i];

		if (step->priority < from)
			continue;
		refusal->rule = rule_kind(step->action);
		if (refusal->rule) {
			refusal->kind = rule_kind(step->action);
			refusal->priority = step->priority;
			return 0;
		}
		if (step->action == FR_ACT_GOTO)
			from = step->target;
		else if (step->action == FR_ACT_TO_TBL)
			err = ask_table(&walk, step, family, refusal, &decided);
	}
	return err;
}
