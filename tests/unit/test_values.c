/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_values.c - numbers, prefixes and endpoints; masking against a second
 * implementation that goes bit by bit.
 */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../datapath/addr.h"
#include "../../ruleset/grammar.h"
#include "rules_common.h"

/* The first len bits, bit by bit. */
static void naive_mask(uint8_t *bytes, unsigned int size, unsigned int len)
{
	for (unsigned int bit = len; bit < size * 8; bit++)
		bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

Test(values, prefixes_are_masked_at_every_length)
{
	for (unsigned int round = 0; round < 4000; round++) {
		bool six = round % 2;
		unsigned int size = six ? 16 : 4, len = round / 2 % (size * 8 + 1);
		uint64_t words[2] = {random_number(), random_number()};
		uint8_t bytes[16], masked[16];
		char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 4];
		struct ifw_addr addr, expected;
		uint8_t family, prefix_len;
		bool host_bits;
		__be32 wire[4] = {0};

		memcpy(bytes, words, sizeof(bytes));
		memcpy(masked, words, sizeof(masked));
		naive_mask(masked, size, len);
		memcpy(wire, masked, size);
		expected = six ? ifw_addr_from_ipv6(wire) : ifw_addr_from_ipv4(wire[0]);
		inet_ntop(six ? AF_INET6 : AF_INET, bytes, address, sizeof(address));
		snprintf(text, sizeof(text), "%s/%u", address, len);
		cr_assert_eq(grammar_parse_prefix(text, strlen(text), &family, &addr, &prefix_len,
						  &host_bits),
			     0, "%s", text);
		cr_assert_eq(family, six ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4);
		cr_assert_eq(prefix_len, len);
		cr_assert(ifw_addr_equal(addr, expected), "%s", text);
		cr_assert_eq(host_bits, memcmp(bytes, masked, size) != 0, "%s", text);
	}
}

Test(values, a_prefix_without_length_is_a_host)
{
	struct ifw_addr addr;
	uint8_t family, len;
	bool host_bits;

	cr_assert_eq(grammar_parse_prefix("10.1.2.3", 8, &family, &addr, &len, &host_bits), 0);
	cr_assert_eq(len, 32);
	cr_assert_not(host_bits);
	cr_assert_eq(grammar_parse_prefix("::1", 3, &family, &addr, &len, &host_bits), 0);
	cr_assert_eq(len, 128);
	cr_assert_eq(addr.lo, 1);
	/* Only the bytes given are looked at. */
	cr_assert_eq(grammar_parse_prefix("10.1.2.34/8", 8, &family, &addr, &len, &host_bits), 0);
	cr_assert_eq(addr.hi, 0x0a010203ULL << 32);
	cr_assert_eq(grammar_parse_prefix("", 0, &family, &addr, &len, &host_bits), -EINVAL);
	cr_assert_eq(grammar_parse_prefix("10.0.0.1\0", 9, &family, &addr, &len, &host_bits),
		     -EINVAL);
	cr_assert_eq(len, 32);
}

Test(values, endpoints)
{
	struct ifw_addr addr;
	uint8_t family;
	uint16_t port;

	cr_assert_eq(grammar_parse_endpoint("127.0.0.1:43321", 15, &family, &addr, &port), 0);
	cr_assert_eq(family, IFW_FAMILY_IPV4);
	cr_assert_eq(addr.hi, 0x7f000001ULL << 32);
	cr_assert_eq(port, 43321);
	cr_assert_eq(grammar_parse_endpoint("[2001:db8::7]:0", 15, &family, &addr, &port), 0);
	cr_assert_eq(family, IFW_FAMILY_IPV6);
	cr_assert_eq(addr.hi, 0x20010db800000000);
	cr_assert_eq(addr.lo, 7);
	cr_assert_eq(port, 0);
	cr_assert_eq(grammar_parse_endpoint("80", 2, &family, &addr, &port), -EINVAL);
	cr_assert_eq(grammar_parse_endpoint("", 0, &family, &addr, &port), -EINVAL);
	cr_assert_eq(grammar_parse_endpoint("[", 1, &family, &addr, &port), -EINVAL);
	cr_assert_eq(grammar_parse_endpoint("[]:1", 4, &family, &addr, &port), -EINVAL);
}

Test(values, numbers)
{
	uint64_t number = 1;

	cr_assert_eq(grammar_parse_number("0", 1, 0, &number), 0);
	cr_assert_eq(number, 0);
	cr_assert_eq(grammar_parse_number("65535", 5, 65535, &number), 0);
	cr_assert_eq(number, 65535);
	cr_assert_eq(grammar_parse_number("18446744073709551615", 20, UINT64_MAX, &number), 0);
	cr_assert_eq(number, UINT64_MAX);
	cr_assert_eq(grammar_parse_number("18446744073709551616", 20, UINT64_MAX, &number),
		     -ERANGE);
	/* 2^64 + 80 is not port 80. */
	cr_assert_eq(grammar_parse_number("18446744073709551696", 20, 65535, &number), -ERANGE);
	cr_assert_eq(grammar_parse_number("184467440737095516960", 21, 65535, &number), -ERANGE);
	cr_assert_eq(grammar_parse_number("65536", 5, 65535, &number), -ERANGE);
	cr_assert_eq(grammar_parse_number("99999999999999999999999x", 24, 9, &number), -EINVAL);
	cr_assert_eq(grammar_parse_number("", 0, 9, &number), -EINVAL);
	cr_assert_eq(grammar_parse_number("-1", 2, 9, &number), -EINVAL);
	cr_assert_eq(grammar_parse_number(" 1", 2, 9, &number), -EINVAL);
	cr_assert_eq(number, UINT64_MAX);
}
