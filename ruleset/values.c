/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * values.c - numbers, addresses, prefixes, endpoints and port ranges as text.
 * inet_pton() reads addresses, so an octet with a leading zero (octal to some)
 * and an address with parts missing are refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../datapath/addr.h"
#include "grammar.h"
#include "values.h"

#define PORT_MAX 65535

struct quoted quote(struct span word)
{
	struct quoted quoted;
	size_t room = sizeof(quoted.text) - sizeof("'...'");
	size_t len = word.len;

	if (len > room) {
		/* Not through the middle of a UTF-8 character. */
		for (len = room; len > 0 && ((uint8_t)word.text[len] & 0xc0) == 0x80;)
			len--;
	}
	snprintf(quoted.text, sizeof(quoted.text), "'%.*s%s'", (int)len, word.text,
		 len < word.len ? "..." : "");
	return quoted;
}

/* Fills fault for a part of whole; an empty part is underlined where it should stand. */
static int __attribute__((format(printf, 4, 5)))
refuse(struct fault *fault, struct span whole, struct span part, const char *format, ...)
{
	va_list args;

	fault->at = (size_t)(part.text - whole.text);
	fault->width = part.len ? part.len : 1;
	va_start(args, format);
	vsnprintf(fault->message, sizeof(fault->message), format, args);
	va_end(args);
	return -EINVAL;
}

/* The part of a text from a byte on. */
static struct span tail(struct span text, const char *from)
{
	return (struct span){from, (size_t)(text.text + text.len - from)};
}

/* The part of a text before a byte. */
static struct span head(struct span text, const char *to)
{
	return (struct span){text.text, (size_t)(to - text.text)};
}

int grammar_parse_number(const char *text, size_t len, uint64_t max, uint64_t *number)
{
	bool above = false;
	uint64_t value = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			above = true;
	}
	if (above || value > max)
		return -ERANGE;
	*number = value;
	return 0;
}

static int parse_address(struct span text, uint8_t *family, struct ifw_addr *addr)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy) || memchr(text.text, '\0', text.len))
		return -EINVAL;
	memcpy(copy, text.text, text.len);
	copy[text.len] = '\0';
	if (strchr(copy, ':')) {
		__be32 wire[4];

		if (inet_pton(AF_INET6, copy, wire) != 1)
			return -EINVAL;
		*family = IFW_FAMILY_IPV6;
		*addr = ifw_addr_from_ipv6(wire);
	} else {
		__be32 wire;

		if (inet_pton(AF_INET, copy, &wire) != 1)
			return -EINVAL;
		*family = IFW_FAMILY_IPV4;
		*addr = ifw_addr_from_ipv4(wire);
	}
	return 0;
}

static bool only_bytes_of(struct span text, const char *bytes)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.text[i] == '\0' || !strchr(bytes, text.text[i]))
			return false;
	return true;
}

static int refuse_address(struct fault *fault, struct span whole, struct span address)
{
	if (address.len == 0)
		return refuse(fault, whole, address, "missing address in %s", quote(whole).text);
	if (memchr(address.text, ':', address.len))
		return refuse(fault, whole, address, "%s is not an IPv6 address",
			      quote(address).text);
	if (only_bytes_of(address, "0123456789."))
		return refuse(fault, whole, address, "%s is not an IPv4 address",
			      quote(address).text);
	return refuse(fault, whole, address, "%s is not an address; expected one like 10.1.2.3",
		      quote(address).text);
}

static int parse_length(struct span whole, struct span text, uint8_t bits, uint8_t *len,
			struct fault *fault)
{
	uint64_t number;
	int err = grammar_parse_number(text.text, text.len, bits, &number);

	if (text.len == 0)
		return refuse(fault, whole, text, "missing prefix length after '/'");
	if (err == -ERANGE)
		return refuse(fault, whole, text, "prefix length %.*s is above %u",
			      (int)(text.len < 24 ? text.len : 24), text.text, bits);
	if (err)
		return refuse(fault, whole, text, "%s is not a prefix length; expected 0 to %u",
			      quote(text).text, bits);
	*len = (uint8_t)number;
	return 0;
}

int value_prefix(struct span text, struct prefix *prefix, struct fault *fault)
{
	const char *slash = memchr(text.text, '/', text.len);
	struct span address = slash ? head(text, slash) : text;
	struct prefix found = {0};
	struct ifw_addr whole;

	if (parse_address(address, &found.family, &whole))
		return refuse_address(fault, text, address);
	found.len = ifw_addr_bits(found.family);
	if (slash && parse_length(text, tail(text, slash + 1), found.len, &found.len, fault))
		return -EINVAL;
	found.addr = ifw_addr_mask(whole, found.len);
	found.host_bits = !ifw_addr_equal(found.addr, whole);
	*prefix = found;
	return 0;
}

static int parse_port(struct span whole, struct span text, uint16_t *port, struct fault *fault)
{
	uint64_t number;
	int err = grammar_parse_number(text.text, text.len, PORT_MAX, &number);

	if (text.len == 0)
		return refuse(fault, whole, text, "missing port in %s", quote(whole).text);
	if (err == -ERANGE)
		return refuse(fault, whole, text, "port %.*s is above %u",
			      (int)(text.len < 24 ? text.len : 24), text.text, PORT_MAX);
	if (err)
		return refuse(fault, whole, text, "%s is not a port; expected 0 to %u",
			      quote(text).text, PORT_MAX);
	*port = (uint16_t)number;
	return 0;
}

int value_port(struct span text, uint16_t *port, struct fault *fault)
{
	return parse_port(text, text, port, fault);
}

int value_ports(struct span text, uint16_t *low, uint16_t *high, struct fault *fault)
{
	const char *dash = memchr(text.text, '-', text.len);
	uint16_t from = 0, to;

	if (parse_port(text, dash ? head(text, dash) : text, &from, fault))
		return -EINVAL;
	to = from;
	if (dash && parse_port(text, tail(text, dash + 1), &to, fault))
		return -EINVAL;
	if (from > to)
		return refuse(fault, text, text, "port range %u-%u: low is above high", from, to);
	*low = from;
	*high = to;
	return 0;
}

/* Takes an endpoint apart: address without brackets, and what follows the ':'. */
static int split_endpoint(struct span text, struct span *address, struct span *port,
			  struct fault *fault)
{
	const char *colon = memrchr(text.text, ':', text.len);

	if (text.len && text.text[0] == '[') {
		const char *end = memchr(text.text, ']', text.len);

		if (!end)
			return refuse(fault, text, text, "missing ']' in %s", quote(text).text);
		if (end + 1 == text.text + text.len || end[1] != ':')
			return refuse(fault, text, tail(text, end + 1), "missing ':PORT' after %s",
				      quote(head(text, end + 1)).text);
		*address = head(tail(text, text.text + 1), end);
		*port = tail(text, end + 2);
		return 0;
	}
	if (!colon)
		return refuse(fault, text, text, "missing port in %s; expected ADDRESS:PORT",
			      quote(text).text);
	*address = head(text, colon);
	*port = tail(text, colon + 1);
	if (memchr(address->text, ':', address->len))
		return refuse(fault, text, text,
			      "an IPv6 address stands in brackets here: [ADDRESS]:PORT");
	return 0;
}

int value_endpoint(struct span text, struct endpoint *endpoint, struct fault *fault)
{
	struct span address = text, port = text;
	struct endpoint found = {0};

	if (split_endpoint(text, &address, &port, fault))
		return -EINVAL;
	if (parse_address(address, &found.family, &found.addr))
		return refuse_address(fault, text, address);
	if (text.text[0] == '[' && found.family != IFW_FAMILY_IPV6)
		return refuse(fault, text, address,
			      "%s is not an IPv6 address; only those "
			      "stand in brackets",
			      quote(address).text);
	if (parse_port(text, port, &found.port, fault))
		return -EINVAL;
	*endpoint = found;
	return 0;
}

int grammar_parse_prefix(const char *text, size_t len, uint8_t *family, struct ifw_addr *addr,
			 uint8_t *prefix_len, bool *host_bits)
{
	struct prefix prefix = {0};
	struct fault fault;

	if (value_prefix((struct span){text, len}, &prefix, &fault))
		return -EINVAL;
	*family = prefix.family;
	*addr = prefix.addr;
	*prefix_len = prefix.len;
	*host_bits = prefix.host_bits;
	return 0;
}

int grammar_parse_endpoint(const char *text, size_t len, uint8_t *family, struct ifw_addr *addr,
			   uint16_t *port)
{
	struct endpoint endpoint = {0};
	struct fault fault;

	if (value_endpoint((struct span){text, len}, &endpoint, &fault))
		return -EINVAL;
	*family = endpoint.family;
	*addr = endpoint.addr;
	*port = endpoint.port;
	return 0;
}
