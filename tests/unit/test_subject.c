/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_subject.c - bytes to be explained: which are none, and which lack their Ethernet header. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/explain/subject.h"

static char message[SUBJECT_MESSAGE_MAX];
static struct subject subject;

static int read_hex(char *bytes)
{
	char *words[] = {"hex", bytes};

	message[0] = '\0';
	return subject_from_words(words, 2, &subject, message);
}

/* What a process reads from its standard input. */
static int read_stdin(const char *text, size_t size)
{
	FILE *file = tmpfile();

	cr_assert(file && fwrite(text, 1, size, file) == size && fflush(file) == 0);
	rewind(file);
	cr_assert(dup2(fileno(file), STDIN_FILENO) == STDIN_FILENO);
	fclose(file);
	rewind(stdin);
	return read_hex("-");
}

Test(subject, digits_of_either_case)
{
	cr_assert_eq(read_hex("aBcDeF09"), 0, "%s", message);
	cr_expect_eq(subject.size, 4);
	cr_expect_eq(memcmp(subject.bytes, "\xab\xcd\xef\x09", 4), 0);
}

Test(subject, of_a_bad_word_the_beginning_is_said)
{
	char word[101];

	memset(word, 'x', 100);
	word[100] = '\0';
	cr_assert_eq(read_hex(word), -EINVAL);
	cr_expect_eq(strcspn(message + 1, "'"), 64);
	cr_expect(strstr(message, "x' is no bytes in hexadecimal digits"), "%s", message);
}

Test(subject, as_long_as_a_frame_can_be)
{
	char *digits = malloc(2 * SUBJECT_FRAME_MAX + 3);

	cr_assert(digits);
	memset(digits, '0', 2 * SUBJECT_FRAME_MAX + 2);
	digits[2 * SUBJECT_FRAME_MAX] = '\0';
	cr_assert_eq(read_hex(digits), 0, "%s", message);
	cr_expect_eq(subject.size, SUBJECT_FRAME_MAX);
	digits[2 * SUBJECT_FRAME_MAX] = '0';
	digits[2 * SUBJECT_FRAME_MAX + 2] = '\0';
	cr_assert_eq(read_hex(digits), -EINVAL);
	cr_expect(strstr(message, "at most 65549 bytes"), "%s", message);
	free(digits);
}

Test(subject, of_standard_input_text_alone)
{
	static char blank[8 * SUBJECT_FRAME_MAX];

	cr_assert_eq(read_stdin("02 00\n", 6), 0, "%s", message);
	cr_expect_eq(subject.size, 2);
	cr_assert_eq(read_stdin("02\0zz", 5), -EINVAL);
	cr_expect(strstr(message, "no text of hexadecimal digits"), "%s", message);
	cr_assert_eq(read_stdin(" \n", 2), -EINVAL);
	cr_expect(strstr(message, "was empty"), "%s", message);
	memset(blank, ' ', sizeof(blank));
	cr_assert_eq(read_stdin(blank, sizeof(blank)), -EINVAL);
	cr_expect(strstr(message, "has more than"), "%s", message);
}

/* --- The hint -------------------------------------------------------------------------- */

static bool lacks(const char *begin, size_t begin_size, size_t size)
{
	const struct packet unknown = {0};

	memset(&subject, 0, sizeof(subject));
	subject.kind = SUBJECT_BYTES;
	memcpy(subject.bytes, begin, begin_size);
	subject.size = size;
	return subject_lacks_link_header(&subject, &unknown);
}

#define V4(first, length) ((const char[]){(first), 0, (length) >> 8, (length)&255})
#define V6(length) ((const char[]){0x60, 0, 0, 0, (length) >> 8, (length)&255})

Test(subject, of_ipv4_without_its_link_header)
{
	cr_expect(lacks(V4(0x45, 40), 4, 40));
	cr_expect(lacks(V4(0x45, 40), 4, 60), "padded");
	cr_expect(lacks(V4(0x4f, 60), 4, 60), "options alone");
	cr_expect(lacks(V4(0x45, 20), 4, 20), "a header alone");
	cr_expect_not(lacks(V4(0x45, 41), 4, 40), "shorter than it says");
	cr_expect_not(lacks(V4(0x44, 40), 4, 40), "a header that is too short");
	cr_expect_not(lacks(V4(0x4f, 59), 4, 60), "shorter than its header");
	cr_expect_not(lacks(V4(0x45, 20), 4, 19), "no header");
	cr_expect_not(lacks(V4(0x55, 40), 4, 40), "another version");
}

Test(subject, of_ipv6_without_its_link_header)
{
	cr_expect(lacks(V6(20), 6, 60));
	cr_expect(lacks(V6(20), 6, 61), "padded");
	cr_expect(lacks(V6(0), 6, 40), "a header alone");
	cr_expect_not(lacks(V6(21), 6, 60), "shorter than it says");
	cr_expect_not(lacks(V6(0), 6, 39), "no header");
	cr_expect_not(lacks("\x70\0\0\0\0\x14", 6, 60), "another version");
}

Test(subject, no_hint_where_it_is_known_or_not_of_bytes)
{
	static const struct packet known[] = {
		{.family = IFW_FAMILY_IPV4},
		{.ethertype = 0x0800},
		{.ethertype = 0x86dd},
		{.ethertype = 0x0806},
	};
	const struct packet unknown = {.ethertype = 0x1234};

	cr_expect(lacks(V4(0x45, 40), 4, 40));
	cr_expect(subject_lacks_link_header(&subject, &unknown));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		cr_expect_not(subject_lacks_link_header(&subject, &known[i]), "packet %zu", i);
	subject.kind = SUBJECT_CAPTURED;
	cr_expect_not(subject_lacks_link_header(&subject, &unknown));
}
