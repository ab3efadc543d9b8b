/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * netlink.c - one question over netlink and its whole answer. A list that
 * changed while it was read is asked for again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "netlink.h"

#define LIST_TRIES 100 /* while what is listed keeps changing */

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
}

int netlink_open(struct netlink *nl)
{
	return netlink_open_bus(nl, NETLINK_ROUTE);
}

int netlink_open_bus(struct netlink *nl, int bus)
{
	nl->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	nl->seq = (uint32_t)time(NULL);
	return 0;
}

void *netlink_request(struct netlink *nl, uint16_t type, uint16_t flags, size_t extra)
{
	nl->request = mnl_nlmsg_put_header(nl->buffer);
	nl->request->nlmsg_type = type;
	nl->request->nlmsg_flags = NLM_F_REQUEST | flags;
	nl->request->nlmsg_seq = ++nl->seq;
	return mnl_nlmsg_put_extra_header(nl->request, extra);
}

/* All that came back, which for a list may be several messages. */
struct answer {
	char *data;
	size_t size;
};

static void answer_free(struct answer *answer)
{
	free(answer->data);
}

static int answer_add(struct answer *answer, const char *data, size_t size)
{
	/* The next one begins where its header is aligned. */
	char *grown = realloc(answer->data, answer->size + NLMSG_ALIGN(size));

	if (!grown)
		return -ENOMEM;
	answer->data = grown;
	memcpy(grown + answer->size, data, size);
	memset(grown + answer->size + size, 0, NLMSG_ALIGN(size) - size);
	answer->size += NLMSG_ALIGN(size);
	return 0;
}

/* Whether what is listed changed meanwhile. Clears the mark, for libmnl stops at it. */
static bool take_interrupted(char *buffer, size_t size)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
	int left = (int)size;
	bool found = false;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		found = found || nlh->nlmsg_flags & NLM_F_DUMP_INTR;
		nlh->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
	}
	return found;
}

/* One attempt; -EINTR where the answer may lack something, or have it twice. */
static int netlink_try(struct netlink *nl, const void *request, size_t size, struct answer *answer)
{
	unsigned int port = mnl_socket_get_portid(nl->socket);
	bool interrupted = false;
	int more = 1;

	answer->size = 0;
	if (mnl_socket_sendto(nl->socket, request, size) < 0)
		return -errno;
	while (more > 0) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, nl->buffer, sizeof(nl->buffer));
		int err;

		if (got < 0)
			return -errno;
		if (take_interrupted(nl->buffer, (size_t)got))
			interrupted = true;
		more = mnl_cb_run(nl->buffer, (size_t)got, nl->seq, port, NULL, NULL);
		if (more < 0)
			return -errno;
		err = answer_add(answer, nl->buffer, (size_t)got);
		if (err)
			return err;
	}
	return interrupted ? -EINTR : 0;
}

/* Sends the request and hands every answer to each; 0 or -errno of the kernel. */
int netlink_talk(struct netlink *nl, mnl_cb_t each, void *arg)
{
	CLEANUP(answer_free) struct answer answer = {};
	CLEANUP(cleanup_free) void *request = NULL;
	size_t size = nl->request->nlmsg_len;
	int err = -EINTR;

	/* Its place in the buffer is taken by the answer. */
	request = malloc(size);
	if (!request)
		return -ENOMEM;
	memcpy(request, nl->request, size);
	for (int i = 0; i < LIST_TRIES && err == -EINTR; i++)
		err = netlink_try(nl, request, size, &answer);
	if (err || !each)
		return err;
	return mnl_cb_run(answer.data, answer.size, nl->seq, mnl_socket_get_portid(nl->socket),
			  each, arg) < 0
		       ? -errno
		       : 0;
}
