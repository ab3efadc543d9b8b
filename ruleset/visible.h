/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * visible.h - is this a character that a person can see? Rules are listed on
 * terminals and in logs, so words must not hold what moves the cursor there,
 * hides, or is a space to the eye and not to the parser.
 */
#ifndef IFW_VISIBLE_H
#define IFW_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that the character at text takes, or 0 where it is not UTF-8 (RFC 3629). len is above 0. */
static inline size_t utf8_decode(const char *text, size_t len, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = (uint8_t)text[0];
	size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (size == 0 || size > len || first > 0xf4)
		return 0;
	*code = size == 1 ? first : first & (0x7f >> size);
	for (size_t i = 1; i < size; i++) {
		if (((uint8_t)text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | ((uint8_t)text[i] & 0x3f);
	}
	/* One character, one spelling; no halves of UTF-16 pairs. */
	if (*code < least[size] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return size;
}

/* Not a control, a space, a direction mark or a character without width. */
static inline bool is_visible(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{0x0000, 0x0020}, {0x007f, 0x00a0}, {0x00ad, 0x00ad}, {0x061c, 0x061c},
		{0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f},
		{0x205f, 0x206f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (code >= hidden[i].first && code <= hidden[i].last)
			return false;
	return true;
}

#endif /* IFW_VISIBLE_H */
