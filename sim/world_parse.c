/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world_parse.c - the world file: what the kernel would know, a statement a
 * line, # to the end of a line is a comment.
 *
 *   interface NAME [index N] [address ADDR/LEN]...   no address: recorded and none
 *   interface NAME [index N] addresses unknown       never recorded
 *   interface NAME [index N] no settings             attached, without an element
 *   interface ... link raw                           frames start with the IP header
 *   interface ... mac 02:00:00:00:00:01              frames from there leave by it
 *   set NAME ssh|echo on|off
 *   set NAME verbose on|off|N                        N: every Nth decision
 *   set NAME mark VALUE mask MASK
 *   set NAME geneve on|off                           on: from any outer source
 *   set NAME geneve from PREFIX[,PREFIX]...          on, from these
 *   set NAME pass-protocol N[,N]...|none
 *   set NAME pass-ethertype 0xN[,0xN]...|none
 *   socket tcp listen LOCAL [reuseport] [v6only]     LOCAL: ADDR:PORT or [ADDR]:PORT
 *   socket tcp established|syn-sent|syn-recv|time-wait LOCAL REMOTE [reuseport]
 *   socket udp bound LOCAL [reuseport] [v6only]
 *   socket udp connected LOCAL REMOTE
 *   set NAME track on|off                            what leaves is remembered
 *   set NAME egress-default pass|deny
 *   set NAME named-rules on|off                      on: rules that name no interface do not hold
 *   track pick-up|liberal on|off
 *   track timeout STATE SECONDS                      states: datapath/flow_states.h
 *   track flows N                                    room for N
 *   flow tcp|udp ORIGINAL REPLY [state STATE] [idle SECONDS] [forwarded] [no-peer] [came-in]
 *   flow icmp ADDRESS ADDRESS id N [...]             the same; the first is who began
 *   kernel MAJOR.MINOR                               6.18 where none is given
 *   after packet N[:] STATEMENT                      once N packets of a capture were seen:
 *     socket ...                                     a socket, or another state of one
 *     close tcp|udp LOCAL [REMOTE]                   it is gone
 *     set ...  track ...                             settings
 *     wait SECONDS                                   what comes then comes that much later
 *
 * lo has index 1, as everywhere; who has no index gets the next free one.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "ruleset/grammar.h"
#include "world_parse.h"

/* --- Words ---------------------------------------------------------------- */

int parse_expect_end(struct parser *p)
{
	struct word word = scan_word(&p->scan);

	if (word.len)
		return scan_error(&p->scan, word, "unexpected " WORD_FORMAT, WORD_ARG(word));
	return 0;
}

/* Also as 0x...: marks are written so everywhere. */
int parse_number_word(struct parser *p, struct word word, uint64_t min, uint64_t max,
		      const char *what, uint64_t *number)
{
	uint64_t value = 0;
	bool valid;

	if (word.len == 0)
		return scan_error(&p->scan, word, "%s is missing", what);
	if (word.len > 2 && word.len <= 18 && word.text[0] == '0' && word.text[1] == 'x') {
		char digits[17] = {};

		memcpy(digits, word.text + 2, word.len - 2);
		valid = digits[strspn(digits, "0123456789abcdefABCDEF")] == '\0';
		value = valid ? strtoull(digits, NULL, 16) : 0;
	} else {
		valid = grammar_parse_number(word.text, word.len, max, &value) == 0;
	}
	if (!valid || value < min || value > max)
		return scan_error(
			&p->scan, word, WORD_FORMAT " is not %s (a number from %llu to %llu)",
			WORD_ARG(word), what, (unsigned long long)min, (unsigned long long)max);
	*number = value;
	return 0;
}

int parse_number(struct parser *p, uint64_t min, uint64_t max, const char *what, uint64_t *number)
{
	return parse_number_word(p, scan_word(&p->scan), min, max, what, number);
}

int parse_endpoint(struct parser *p, const char *what, uint8_t *family, struct ifw_addr *addr,
		   uint16_t *port)
{
	struct word word = scan_word(&p->scan);

	if (word.len == 0)
		return scan_error(&p->scan, word, "%s is missing (ADDRESS:PORT)", what);
	if (grammar_parse_endpoint(word.text, word.len, family, addr, port) != 0)
		return scan_error(&p->scan, word,
				  WORD_FORMAT " is no %s (ADDRESS:PORT or [ADDRESS]:PORT)",
				  WORD_ARG(word), what);
	if (*port == 0)
		return scan_error(&p->scan, word, "no socket has port 0");
	return 0;
}

/* --- interface ------------------------------------------------------------ */

static int add_iface(struct parser *p, struct word word, struct sim_iface **iface)
{
	char name[IFW_NAME_MAX] = {};
	int error;

	if (word.len == 0)
		return scan_error(&p->scan, word, "the interface's name is missing");
	if (word.len >= sizeof(name))
		return scan_error(&p->scan, word, "an interface's name has at most %d characters",
				  IFW_NAME_MAX - 1);
	if (memchr(word.text, '\0', word.len))
		return scan_error(&p->scan, word, "a NUL byte is in the interface's name");
	memcpy(name, word.text, word.len);
	if (sim_world_find_iface(p->world, name))
		return scan_error(&p->scan, word, "interface '%s' is already there", name);
	*iface = sim_world_add_iface(p->world, name, &error);
	if (*iface)
		return 0;
	if (error == -ENOSPC)
		return scan_error(&p->scan, word, "at most %d interfaces fit", IFW_SLOTS - 1);
	if (error == -EINVAL)
		return scan_error(&p->scan, word, WORD_FORMAT " cannot be an interface's name",
				  WORD_ARG(word));
	return error;
}

static int parse_index(struct parser *p, struct sim_iface *iface)
{
	struct word word = scan_peek(&p->scan);
	uint64_t index = 0;

	if (iface->ifindex && strcmp(iface->name, "lo") != 0)
		return scan_error(&p->scan, word, "the index is given twice");
	if (parse_number(p, 1, INT_MAX, "an interface index", &index) != 0)
		return -EINVAL;
	if ((index == IFW_LOOPBACK_IFINDEX) != (strcmp(iface->name, "lo") == 0))
		return scan_error(&p->scan, word, "index %d is lo's and no other",
				  IFW_LOOPBACK_IFINDEX);
	for (const struct sim_iface *i = p->world->ifaces; i; i = i->next)
		if (i != iface && i->ifindex == index)
			return scan_error(&p->scan, word, "index %u is that of '%s'", i->ifindex,
					  i->name);
	iface->ifindex = (uint32_t)index;
	return 0;
}

/* RFC 919 6: the last address of the prefix; RFC 3021: a /31 has none. */
static int add_broadcast(struct parser *p, struct ifw_addr_key key, uint8_t len)
{
	int error;

	if (key.family != IFW_FAMILY_IPV4 || len >= 31)
		return 0;
	key.addr.hi |= (0xffffffffULL >> len) << 32;
	error = sim_world_add_addr(p->world, &key, IFW_ADDR_BROADCAST);
	return error == -EEXIST ? 0 : error;
}

static int parse_address(struct parser *p, struct sim_iface *iface)
{
	struct word word = scan_word(&p->scan);
	struct ifw_addr_key key = {.slot = iface->slot};
	const char *slash = word.len ? memchr(word.text, '/', word.len) : NULL;
	size_t addr_len = slash ? (size_t)(slash - word.text) : word.len;
	struct ifw_addr masked;
	uint8_t family, len, full;
	bool host_bits;
	int error;

	if (word.len == 0)
		return scan_error(&p->scan, word, "the address is missing");
	/* Once as a prefix, for its length, and once as an address, for its host bits. */
	if (grammar_parse_prefix(word.text, word.len, &family, &masked, &len, &host_bits) != 0 ||
	    grammar_parse_prefix(word.text, addr_len, &family, &key.addr, &full, &host_bits) != 0)
		return scan_error(&p->scan, word, WORD_FORMAT " is no address (ADDRESS/LENGTH)",
				  WORD_ARG(word));
	key.family = family;
	error = sim_world_add_addr(p->world, &key, IFW_ADDR_LOCAL);
	if (error == -EEXIST)
		return scan_error(&p->scan, word, "'%s' has this address already", iface->name);
	return error ? error : add_broadcast(p, key, len);
}

/* The decision learns it from the settings; without those it takes the frame for Ethernet. */
static int parse_link(struct parser *p, struct sim_iface *iface)
{
	struct word word = scan_word(&p->scan);

	if (!word_is(word, "raw"))
		return scan_error(&p->scan, word, "expected raw");
	iface->raw = true;
	iface->settings.flags |= IFW_IFACE_RAW_IP;
	return 0;
}

/* Six bytes of two digits each, with colons between them. */
int world_mac(const char *text, size_t len, uint8_t mac[ETH_ALEN])
{
	bool valid = len == 3 * ETH_ALEN - 1;

	for (size_t i = 0; valid && i < ETH_ALEN; i++) {
		const char digits[] = {text[3 * i], text[3 * i + 1], '\0'};

		valid = strspn(digits, "0123456789abcdefABCDEF") == 2 &&
			(i == ETH_ALEN - 1 || text[3 * i + 2] == ':');
		mac[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return valid ? 0 : -EINVAL;
}

static int parse_mac(struct parser *p, struct sim_iface *iface)
{
	struct word word = scan_word(&p->scan);

	if (world_mac(word.text, word.len, iface->mac) != 0)
		return scan_error(&p->scan, word,
				  "expected an Ethernet address such as 02:00:00:00:00:01");
	iface->has_mac = true;
	return 0;
}

static int parse_interface(struct parser *p)
{
	struct sim_iface *iface = NULL;
	bool addresses = false, unknown = false, link = false;
	int error = add_iface(p, scan_word(&p->scan), &iface);

	if (error || !iface)
		return error;
	if (strcmp(iface->name, "lo") == 0)
		iface->ifindex = IFW_LOOPBACK_IFINDEX;
	while (!error && scan_peek(&p->scan).len) {
		struct word word = scan_word(&p->scan);

		if (word_is(word, "index")) {
			error = parse_index(p, iface);
		} else if (word_is(word, "address") && !unknown) {
			addresses = true;
			error = parse_address(p, iface);
		} else if (word_is(word, "mac") && !iface->has_mac) {
			error = parse_mac(p, iface);
		} else if (word_is(word, "link") && !link) {
			link = true;
			error = parse_link(p, iface);
		} else if (word_is(word, "addresses") && !addresses && !unknown) {
			unknown = true;
			word = scan_word(&p->scan);
			if (!word_is(word, "unknown"))
				error = scan_error(&p->scan, word, "expected unknown");
		} else if (word_is(word, "no") && !addresses && !unknown) {
			unknown = true;
			iface->has_settings = false;
			word = scan_word(&p->scan);
			if (!word_is(word, "settings"))
				error = scan_error(&p->scan, word, "expected settings");
		} else {
			error = scan_error(&p->scan, word,
					   "unexpected " WORD_FORMAT
					   " (index N, mac ADDRESS, link raw; and address "
					   "ADDRESS/LENGTH..., or addresses unknown, or no "
					   "settings)",
					   WORD_ARG(word));
		}
	}
	if (!unknown)
		iface->settings.flags |= IFW_IFACE_ADDRS_RECORDED;
	return error;
}

/* After all lines, so that an index given further down is not taken before. */
static int number_ifaces(struct sim_world *world)
{
	uint32_t next = IFW_LOOPBACK_IFINDEX + 1;
	int error = 0;

	for (struct sim_iface *iface = world->ifaces; iface && !error; iface = iface->next) {
		uint32_t ifindex = iface->ifindex;

		while (ifindex == 0) {
			const struct sim_iface *other = world->ifaces;

			while (other && other->ifindex != next)
				other = other->next;
			if (!other)
				ifindex = next;
			next++;
		}
		error = sim_world_index_iface(world, iface, ifindex);
	}
	return error;
}

/* --- kernel --------------------------------------------------------------- */

int world_kernel(const char *text, size_t len, uint32_t *kernel)
{
	const char *dot = len ? memchr(text, '.', len) : NULL;
	uint64_t major, minor;

	if (!dot || grammar_parse_number(text, (size_t)(dot - text), 255, &major) != 0 ||
	    grammar_parse_number(dot + 1, len - (size_t)(dot - text) - 1, 65535, &minor) != 0)
		return -EINVAL;
	*kernel = SIM_KERNEL(major, minor);
	return 0;
}

static int parse_kernel(struct parser *p)
{
	struct word word = scan_word(&p->scan);
	uint32_t kernel;

	if (world_kernel(word.text, word.len, &kernel) != 0)
		return scan_error(&p->scan, word, "expected a version such as 6.1");
	if (p->kernel_given)
		return scan_error(&p->scan, word, "the kernel is given twice");
	p->kernel_given = true;
	p->world->kernel = kernel;
	return parse_expect_end(p);
}

/* --- The file ------------------------------------------------------------- */

static int parse_statement(struct parser *p)
{
	struct word word = scan_word(&p->scan);

	if (word.len == 0)
		return 0;
	if (word_is(word, "interface"))
		return parse_interface(p);
	if (word_is(word, "set"))
		return parse_set(p);
	if (word_is(word, "socket"))
		return parse_socket(p);
	if (word_is(word, "kernel"))
		return parse_kernel(p);
	if (word_is(word, "track"))
		return parse_track(p);
	if (word_is(word, "flow"))
		return parse_flow(p);
	if (word_is(word, "after"))
		return parse_after(p);
	return scan_error(&p->scan, word,
			  "unknown statement " WORD_FORMAT
			  " (interface, set, socket, kernel, track, flow or after)",
			  WORD_ARG(word));
}

int sim_world_parse(struct sim_world *world, const char *text, size_t size, diagnose_fn diagnose,
		    void *arg)
{
	struct parser p = {
		.scan = {.next = text, .end = text + size, .diagnose = diagnose, .arg = arg},
		.world = world,
	};
	int error = 0;

	while (error != -ENOMEM && p.scan.errors < GRAMMAR_ERRORS_MAX && scan_line(&p.scan))
		error = parse_statement(&p);
	if (error != -ENOMEM)
		error = p.scan.errors ? -EINVAL : number_ifaces(world);
	if (!error && world->events && !world->rehearses)
		error = sim_world_rehearse(world, text, size, diagnose, arg);
	if (error)
		sim_world_clear(world);
	return error;
}
