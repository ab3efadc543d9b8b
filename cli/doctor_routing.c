/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * doctor_routing.c - see doctor_looks.h: whether what is marked comes to this host. Packets are
 * made up, and followed as `ifw explain` does.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/addr.h"
#include "doctor_looks.h"
#include "outside.h"

#define TRIED_MAX 64 /* rules of which a packet is made up, a family */

/* --- Settings ------------------------------------------------------------------------ */

/* Of both values the larger counts. */
static void mend_strict(struct doctor_check *check, const char *iface)
{
	doctor_mend(check, DOCTOR_OTHERS, "sysctl -w net/ipv4/conf/%s/rp_filter=2", iface);
}

static void look_rp_filter(const struct look *look)
{
	const int64_t value = outside_larger_conf(look->iface->name, "rp_filter");

	if (value == 1)
		mend_strict(doctor_add(look->doctor, "rp_filter", DOCTOR_WARNING,
				       "strict: only sources whose way back is by '%s' come in",
				       look->iface->name),
			    look->doctor->word);
	else
		doctor_add(look->doctor, "rp_filter", DOCTOR_OK, "%s",
			   value == 2 ? "loose" : "off");
}

/* Both of them harm where the mark alone leads here. */
static void look_mark_settings(const struct look *look, const struct policy_info *policy)
{
	const bool valid = outside_larger_conf(look->iface->name, "src_valid_mark") > 0;
	const bool accept = loader_sysctl("ipv4/tcp_fwmark_accept", 0) > 0;

	if (valid && policy->alone)
		doctor_mend(doctor_add(look->doctor, "src_valid_mark", DOCTOR_FAILED,
				       "on, and the policy rule of priority %u leads here by the "
				       "mark alone",
				       policy->alone_priority),
			    DOCTOR_OTHERS,
			    "sysctl -w net/ipv4/conf/all/src_valid_mark=0 "
			    "net/ipv4/conf/%s/src_valid_mark=0",
			    look->doctor->word);
	else
		doctor_add(look->doctor, "src_valid_mark", DOCTOR_OK, "%s",
			   valid ? "on, and no policy rule leads here by the mark alone" : "off");
	if (accept && policy->alone)
		doctor_mend(doctor_add(look->doctor, "tcp_fwmark_accept", DOCTOR_FAILED,
				       "on, and the policy rule of priority %u leads here by the "
				       "mark alone",
				       policy->alone_priority),
			    DOCTOR_OTHERS, "sysctl -w net.ipv4.tcp_fwmark_accept=0");
	else
		doctor_add(look->doctor, "tcp_fwmark_accept", DOCTOR_OK, "%s",
			   accept ? "on, and no policy rule leads here by the mark alone" : "off");
}

/* --- Policy rules and routes ------------------------------------------------------------ */

static const char *version_of(uint8_t family)
{
	return family == IFW_FAMILY_IPV6 ? "IPv6" : "IPv4";
}

static void look_policy(const struct look *look, uint8_t family, const struct policy_info *policy)
{
	const struct ifw_iface *set = &look->iface->settings;

	if (policy->rule)
		doctor_add(look->doctor, "policy-rule", DOCTOR_OK,
			   "%s: fwmark %#x/%#x iif %s lookup %u", version_of(family), set->mark,
			   set->mark_mask, look->iface->name, set->table);
	else
		doctor_mend(doctor_add(look->doctor, "policy-rule", DOCTOR_FAILED,
				       "%s: there is none for fwmark %#x/%#x iif %s lookup %u",
				       version_of(family), set->mark, set->mark_mask,
				       look->iface->name, set->table),
			    DOCTOR_UP, "ifw up %s", look->doctor->word);
	if (policy->route)
		doctor_add(look->doctor, "policy-route", DOCTOR_OK,
			   "%s: local default dev lo table %u", version_of(family), set->table);
	else
		doctor_mend(doctor_add(look->doctor, "policy-route", DOCTOR_FAILED,
				       "%s: table %u has no 'local default dev lo'",
				       version_of(family), set->table),
			    DOCTOR_UP, "ifw up %s", look->doctor->word);
}

/* --- Packets made up ---------------------------------------------------------------------- */

/* One that could come in by the interface from a neighbour; false where it has no address. */
static bool neighbour(const struct iface_info *iface, uint8_t family, struct ifw_addr *addr)
{
	for (size_t i = 0; i < iface->addr_count; i++) {
		const struct iface_addr *own = &iface->addrs[i];

		*addr = own->addr;
		if (own->family != family)
			continue;
		if (family == IFW_FAMILY_IPV4) {
			/* The last host of the subnet that is not this one; they are in order. */
			if (own->kind != IFW_ADDR_BROADCAST)
				continue;
			addr->hi -= 1ULL << 32;
			for (size_t j = iface->addr_count; j-- > 0;)
				if (ifw_addr_equal(iface->addrs[j].addr, *addr) &&
				    iface->addrs[j].kind == IFW_ADDR_LOCAL)
					addr->hi -= 1ULL << 32;
			return true;
		}
		if (own->kind != IFW_ADDR_LOCAL || addr->hi >> 54 == 0x3fa) /* fe80::/10 */
			continue;
		addr->lo ^= 3;
		return true;
	}
	return false;
}

struct trial {
	const struct look *look;
	struct explanation marked; /* of a packet, as if it had been intercepted */
	const char *seen[FINDINGS_MAX];
	size_t seen_count;
};

static bool is_new(struct trial *trial, const char *what)
{
	for (size_t i = 0; i < trial->seen_count; i++)
		if (strcmp(trial->seen[i], what) == 0)
			return false;
	if (trial->seen_count == FINDINGS_MAX)
		return false;
	trial->seen[trial->seen_count++] = what;
	return true;
}

/* What shows why it is so; of a setting, what mends it. */
static void mend_route(const struct trial *trial, const char *what, struct doctor_check *check)
{
	const struct packet *packet = &trial->marked.packet;
	const char *word = trial->look->doctor->word;
	char src[INET6_ADDRSTRLEN];

	rule_print_addr(packet->src, packet->family, src, sizeof(src));
	if (strcmp(what, "source") == 0)
		doctor_mend(check, DOCTOR_OTHERS, "ip route get %s", src);
	else if (strcmp(what, "rp_filter") != 0)
		doctor_mend(check, DOCTOR_OTHERS, "ip %srule show",
			    packet->family == IFW_FAMILY_IPV6 ? "-6 " : "");
	else if (outside_larger_conf(trial->look->iface->name, what) == 1)
		mend_strict(check, word);
	else
		doctor_mend(check, DOCTOR_OTHERS,
			    "sysctl -w net/ipv4/conf/all/rp_filter=0 net/ipv4/conf/%s/rp_filter=0",
			    word);
}

/* What the checks above cannot see: routing as a whole. */
static int try_packet(struct trial *trial, struct ifw_addr dst)
{
	const struct look *look = trial->look;
	struct findings findings = {.count = 0};
	int err;

	trial->marked.packet.dst = dst;
	err = outside_find_route(look->iface, &trial->marked, &findings);
	if (err)
		return err;
	for (size_t i = 0; i < findings.count; i++) {
		const struct finding *found = &findings.list[i];
		char text[INET6_ADDRSTRLEN];

		if (strcmp(found->what, "route") != 0 && strcmp(found->what, "source") != 0 &&
		    strcmp(found->what, "rp_filter") != 0)
			continue;
		if (!is_new(trial, found->what))
			continue;
		rule_print_addr(dst, trial->marked.packet.family, text, sizeof(text));
		mend_route(trial, found->what,
			   doctor_add(look->doctor, found->what, DOCTOR_FAILED, "to %s: %s", text,
				      found->text));
	}
	return 0;
}

static int try_rules(struct trial *trial)
{
	const struct look *look = trial->look;
	unsigned int tried = 0;
	int err = 0;

	for (size_t i = 0; i < look->rules->count && tried < TRIED_MAX && !err; i++) {
		const struct rule *rule = &look->rules->rules[i];
		struct ifw_addr dst = rule->dst;

		if (rule->action != IFW_ACTION_INTERCEPT ||
		    rule->family != trial->marked.packet.family || rule->dst_len == 0 ||
		    !look_rule_holds(look, rule))
			continue;
		tried++;
		if (rule->dst_len < ifw_addr_bits(rule->family)) { /* not the network's own */
			if (rule->family == IFW_FAMILY_IPV6)
				dst.lo |= 1;
			else
				dst.hi |= 1ULL << 32;
		}
		err = try_packet(trial, dst);
	}
	return err;
}

static int look_route(const struct look *look, uint8_t family)
{
	struct trial trial = {
		.look = look,
		.marked = {.result.decision = {.verdict = IFW_VERDICT_PASS, .marked = 1},
			   .packet = {.src_port = 40000,
				      .dst_port = 80,
				      .family = family,
				      .protocol = IPPROTO_TCP}},
	};
	/* Of the prefixes that are kept for documentation: RFC 5737, RFC 3849. */
	struct ifw_addr somewhere = {.hi = 0x20010db800000000ULL, .lo = 1};
	bool down;
	int err = loader_is_down(look->iface->ifindex, &down);

	if (err)
		return err;
	if (down) {
		doctor_add(look->doctor, "route", DOCTOR_OK,
			   "%s: the interface is down, so nothing was tried", version_of(family));
		return 0;
	}
	if (!neighbour(look->iface, family, &trial.marked.packet.src)) {
		doctor_add(look->doctor, "route", DOCTOR_OK,
			   "%s: no address here, so nothing was tried", version_of(family));
		return 0;
	}
	if (family == IFW_FAMILY_IPV4)
		somewhere = ifw_addr_from_ipv4(htonl(0xc6336401)); /* 198.51.100.1 */
	err = try_packet(&trial, somewhere);
	if (!err)
		err = try_rules(&trial);
	if (!err && !trial.seen_count)
		doctor_add(look->doctor, "route", DOCTOR_OK,
			   "%s: what is intercepted is routed to this host", version_of(family));
	return err;
}

/* --- Passed on ----------------------------------------------------------------------------- */

bool look_is_own(const struct look *look, const struct rule *rule)
{
	for (size_t i = 0; i < look->iface->addr_count; i++)
		if (look->iface->addrs[i].family == rule->family &&
		    rule->dst_len == ifw_addr_bits(rule->family) &&
		    ifw_addr_equal(look->iface->addrs[i].addr, rule->dst))
			return true;
	return false;
}

static void look_forwarding(const struct look *look, uint8_t family)
{
	const struct rule *passes = NULL;
	char text[RULE_TEXT_MAX];

	for (size_t i = 0; i < look->rules->count && !passes; i++) {
		const struct rule *rule = &look->rules->rules[i];

		if (rule->action == IFW_ACTION_PASS && rule->family == family &&
		    look_rule_holds(look, rule) && !look_is_own(look, rule))
			passes = rule;
	}
	if (outside_forwards(look->iface->name, family) || !passes) {
		doctor_add(look->doctor, "forwarding", DOCTOR_OK, "%s: %s", version_of(family),
			   passes ? "on" : "no rule passes anything on");
		return;
	}
	rule_print(passes, &look->rules->names, text, sizeof(text));
	doctor_mend(doctor_add(look->doctor, "forwarding", DOCTOR_WARNING,
			       "%s: off, and there is the rule: %s", version_of(family), text),
		    DOCTOR_OTHERS, "sysctl -w %s",
		    family == IFW_FAMILY_IPV6 ? "net.ipv6.conf.all.forwarding=1"
					      : "net.ipv4.ip_forward=1");
}

/* --- IPv6 switched off ----------------------------------------------------------------- */

static void look_ipv6(const struct look *look)
{
	unsigned int intercepts = 0, passes = 0;
	const char *harmed;

	for (size_t i = 0; i < look->rules->count; i++) {
		const struct rule *rule = &look->rules->rules[i];

		if (rule->family != IFW_FAMILY_IPV6 || !look_rule_holds(look, rule))
			continue;
		intercepts += rule->action == IFW_ACTION_INTERCEPT;
		passes += rule->action == IFW_ACTION_PASS;
	}
	harmed = intercepts ? "intercepts" : "passes";
	if (!outside_ipv6_off(look->iface->name))
		doctor_add(look->doctor, "ipv6", DOCTOR_OK, "not switched off");
	else if (!intercepts && !passes)
		doctor_add(look->doctor, "ipv6", DOCTOR_OK,
			   "switched off, and no rule lets anything of it in");
	else
		doctor_mend(doctor_add(look->doctor, "ipv6",
				       intercepts ? DOCTOR_FAILED : DOCTOR_WARNING,
				       "switched off, and there is a rule that %s it", harmed),
			    DOCTOR_OTHERS, "sysctl -w net/ipv6/conf/%s/disable_ipv6=0",
			    look->doctor->word);
}

/* --- All of it ---------------------------------------------------------------------------- */

int look_routing(const struct look *look)
{
	static const uint8_t families[] = {IFW_FAMILY_IPV4, IFW_FAMILY_IPV6};
	struct policy_info policy;
	size_t count = 1;
	int err = 0;

	/* TCP and UDP that are on lo are local already. */
	if (look->iface->ifindex == IFW_LOOPBACK_IFINDEX)
		return 0;
	look_ipv6(look);
	/* Where it is switched off, nothing of it is routed. */
	if (look->ipv6 && !outside_ipv6_off(look->iface->name))
		count++;
	for (size_t i = 0; i < count && !err; i++) {
		err = loader_policy(look->iface, families[i], &policy);
		if (err)
			return err;
		look_policy(look, families[i], &policy);
		if (families[i] == IFW_FAMILY_IPV4) {
			look_rp_filter(look);
			look_mark_settings(look, &policy);
		}
		if (policy.rule && policy.route)
			err = look_route(look, families[i]);
		look_forwarding(look, families[i]);
	}
	return err;
}
