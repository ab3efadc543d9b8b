/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ssh.c - see ssh.h. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"
#include "sim/program/cmd_words.h"
#include "sim/explain/explain.h"
#include "sim/world.h"
#include "ssh.h"

#define ADDR_MAX 64

/* sshd(8): client's address and port, server's address and port. */
struct session {
	char client[ADDR_MAX], server[ADDR_MAX];
	char client_port[8], server_port[8];
};

static bool session_read(struct session *session)
{
	const char *text = getenv("SSH_CONNECTION");

	return text && sscanf(text, "%63s %7s %63s %7s", session->client, session->client_port,
			      session->server, session->server_port) == 4;
}

static void end_print(const char *addr, const char *port, char *text, size_t size)
{
	size_t len = strcspn(addr, "%"); /* a link-local one has its interface behind */
	bool ipv6 = strchr(addr, ':') != NULL;

	snprintf(text, size, "%s%.*s%s:%s", ipv6 ? "[" : "", (int)len, addr, ipv6 ? "]" : "", port);
}

static bool session_flow(const struct session *session, const char *flag, struct flow *flow)
{
	char message[FLOW_MESSAGE_MAX], src[ADDR_MAX + 16], dst[ADDR_MAX + 16], tcp[] = "tcp";
	char segment[8];
	char *words[] = {tcp, src, dst, segment};

	snprintf(segment, sizeof(segment), "%s", flag);
	end_print(session->client, session->client_port, src, sizeof(src));
	end_print(session->server, session->server_port, dst, sizeof(dst));
	if (flow_from_words(words, 4, flow, message))
		return false;
	flow->direction = IFW_DIRECTION_IN;
	return true;
}

/* The interface that the session comes by, as far as routing tells; 0: none, or unknown. */
static uint32_t session_ifindex(const struct flow *flow)
{
	const struct routed_packet packet = {
		.src = flow->src,
		.dst = flow->dst,
		.src_port = flow->src_port,
		.dst_port = flow->dst_port,
		.family = flow->family,
		.protocol = flow->protocol,
	};
	struct way_back back = {0};

	if (loader_way_back(&packet, &back) || back.error || back.here)
		return 0;
	return back.ifindex;
}

/* The interface as it would be: with nothing set, and the address that the session is to. */
static int add_iface(struct sim_world *world, const char *name, uint32_t ifindex,
		     const struct flow *flow)
{
	struct ifw_addr_key key = {.addr = flow->dst, .family = flow->family};
	struct sim_iface *iface;
	int err = 0;

	if (sim_world_find_iface(world, name))
		return 0;
	iface = sim_world_add_iface(world, name, &err);
	if (!iface)
		return err ? err : -ENOMEM;
	iface->settings.flags = IFW_IFACE_ADDRS_RECORDED;
	if (loader_mac(name, iface->mac, &iface->has_mac))
		iface->has_mac = false;
	iface->raw = !iface->has_mac;
	if (iface->raw)
		iface->settings.flags |= IFW_IFACE_RAW_IP;
	key.slot = iface->slot;
	err = sim_world_index_iface(world, iface, ifindex);
	return err ? err : sim_world_add_addr(world, &key, IFW_ADDR_LOCAL);
}

/* Whether the packet would drop, and why. Where that cannot be told, it would not. */
static bool drops(struct sim_world *world, const struct flow *flow, uint32_t ifindex,
		  const char **reason)
{
	__attribute__((cleanup(explanation_free))) struct explanation explanation = {};

	if (explain_flow(world, flow, ifindex, &explanation))
		return false;
	*reason = cmd_reason(&explanation.result.decision);
	return explanation.result.decision.verdict == IFW_VERDICT_DROP;
}

bool ssh_session(void)
{
	struct session session;

	return session_read(&session);
}

int ssh_check(const struct cli *cli, struct loader *loader, const struct ssh_attach *attach)
{
	uint32_t set = 0, clear = 0;
	struct sim_iface *iface;
	struct flow segment, first;
	struct session session;
	char name[IF_NAMESIZE], command[IF_NAMESIZE + 64];
	auto_world world = NULL;
	const char *reason;
	uint32_t ifindex;

	if (!session_read(&session) || !session_flow(&session, "ack", &segment) ||
	    !session_flow(&session, "syn", &first))
		return CLI_DONE;
	first.src_port = 1; /* no session has it, so that it is a new one */
	ifindex = session_ifindex(&segment);
	if (!ifindex || !if_indextoname(ifindex, name) ||
	    !attach->names(attach->arg, name, &set, &clear) || live_world(cli, loader, &world) ||
	    add_iface(world, name, ifindex, &segment))
		return CLI_DONE;
	iface = sim_world_find_iface(world, name);
	if (iface)
		iface->settings.flags = (iface->settings.flags | set) & ~clear;
	snprintf(command, sizeof(command), "ifw %s%s --confirm 60", attach->command,
		 attach->by_name ? name : "");
	if (drops(world, &segment, ifindex, &reason)) {
		complain(
			cli,
			"this would cut the ssh session that you type in (%s): try it, and have it "
			"undone unless you confirm it, with: %s (or give a 'pass' rule first; "
			"without SSH_CONNECTION in the environment it is done)",
			reason, command);
		return CLI_REFUSED;
	}
	if (drops(world, &first, ifindex, &reason))
		complain(cli,
			 "warning: this ssh session goes on, but a new one to port %s will not be "
			 "let in (%s); '%s' undoes it unless you confirm it",
			 session.server_port, reason, command);
	return CLI_DONE;
}
