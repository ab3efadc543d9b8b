/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world_set.c - the world file's statement `set`: settings of an interface.
 */
#include <errno.h>

#include "ruleset/grammar.h"
#include "world_parse.h"

int parse_on_off(struct parser *p, bool *on)
{
	struct word word = scan_word(&p->scan);

	*on = word_is(word, "on");
	if (*on || word_is(word, "off"))
		return 0;
	return scan_error(&p->scan, word, "expected on or off");
}

static int set_flag(struct parser *p, struct sim_iface *iface, uint32_t flag, bool when_on)
{
	bool on;

	if (parse_on_off(p, &on) != 0)
		return -EINVAL;
	if (on == when_on)
		iface->settings.flags |= flag;
	else
		iface->settings.flags &= ~flag;
	return 0;
}

static int set_egress_default(struct parser *p, struct sim_iface *iface)
{
	struct word word = scan_word(&p->scan);

	if (!word_is(word, "deny") && !word_is(word, "pass"))
		return scan_error(&p->scan, word, "expected pass or deny");
	if (word_is(word, "deny"))
		iface->settings.flags |= IFW_IFACE_EGRESS_DENY;
	else
		iface->settings.flags &= ~IFW_IFACE_EGRESS_DENY;
	return 0;
}

static int set_verbose(struct parser *p, struct sim_iface *iface)
{
	struct word word = scan_peek(&p->scan);
	uint64_t every = 1;

	if (word_is(word, "on") || word_is(word, "off"))
		every = word_is(scan_word(&p->scan), "on");
	else if (parse_number(p, 1, UINT32_MAX, "on, off or every how many decisions", &every) != 0)
		return -EINVAL;
	iface->settings.verbose = (uint32_t)every;
	return 0;
}

static int set_mark(struct parser *p, struct sim_iface *iface)
{
	struct word value;
	uint64_t mark = 0, mask = 0;

	value = scan_peek(&p->scan);
	if (parse_number(p, 0, UINT32_MAX, "a mark", &mark) != 0)
		return -EINVAL;
	if (!word_is(scan_peek(&p->scan), "mask"))
		return scan_error(&p->scan, scan_peek(&p->scan), "expected mask");
	scan_word(&p->scan);
	if (parse_number(p, 1, UINT32_MAX, "a mask", &mask) != 0)
		return -EINVAL;
	if (mark & ~mask)
		return scan_error(&p->scan, value, "the mark has bits outside its mask");
	iface->settings.mark = (uint32_t)mark;
	iface->settings.mark_mask = (uint32_t)mask;
	return 0;
}

/* --- Lists ------------------------------------------------------------------- */

/* Cuts the list's next item off, which may be empty; false where none is left. */
static bool next_item(struct word *list, struct word *item)
{
	const char *comma;

	if (!list->text)
		return false;
	*item = *list;
	comma = list->len ? memchr(list->text, ',', list->len) : NULL;
	if (!comma) {
		list->text = NULL;
		return true;
	}
	item->len = (size_t)(comma - list->text);
	list->text = comma + 1;
	list->len -= item->len + 1;
	return true;
}

static int set_protocols(struct parser *p, struct sim_iface *iface)
{
	__u64 protocols[sizeof(iface->settings.protocols) / sizeof(__u64)] = {};
	struct word list = scan_word(&p->scan), item;
	uint64_t number = 0;

	if (word_is(list, "none"))
		list.text = NULL;
	while (next_item(&list, &item)) {
		if (parse_number_word(p, item, 0, 255, "an IP protocol", &number) != 0)
			return -EINVAL;
		protocols[number / 64] |= 1ULL << (number % 64);
	}
	memcpy(iface->settings.protocols, protocols, sizeof(protocols));
	return 0;
}

static int set_ethertypes(struct parser *p, struct sim_iface *iface)
{
	__u16 ethertypes[IFW_ETHERTYPES_MAX] = {};
	struct word list = scan_word(&p->scan), item;
	uint64_t number = 0;
	size_t count = 0;

	if (word_is(list, "none"))
		list.text = NULL;
	while (next_item(&list, &item)) {
		if (count == IFW_ETHERTYPES_MAX)
			return scan_error(&p->scan, item, "at most %d EtherTypes fit",
					  IFW_ETHERTYPES_MAX);
		/* IEEE 802.3 3.2.6: below are lengths. */
		if (parse_number_word(p, item, 0x600, 0xffff, "an EtherType", &number) != 0)
			return -EINVAL;
		ethertypes[count++] = (__u16)number;
	}
	memcpy(iface->settings.ethertypes, ethertypes, sizeof(ethertypes));
	return 0;
}

static int parse_nets(struct parser *p, struct ifw_net nets[IFW_GENEVE_SOURCES_MAX])
{
	struct word list = scan_word(&p->scan), item;
	bool host_bits;

	for (size_t count = 0; next_item(&list, &item); count++) {
		if (count == IFW_GENEVE_SOURCES_MAX)
			return scan_error(&p->scan, item, "at most %d prefixes fit",
					  IFW_GENEVE_SOURCES_MAX);
		if (grammar_parse_prefix(item.text, item.len, &nets[count].family,
					 &nets[count].addr, &nets[count].len, &host_bits) != 0)
			return scan_error(&p->scan, item, WORD_FORMAT " is no prefix",
					  WORD_ARG(item));
	}
	return 0;
}

static int set_geneve(struct parser *p, struct sim_iface *iface)
{
	struct ifw_net nets[IFW_GENEVE_SOURCES_MAX] = {};
	struct word word = scan_peek(&p->scan);
	bool on = true;

	if (word_is(word, "from")) {
		scan_word(&p->scan);
		if (parse_nets(p, nets) != 0)
			return -EINVAL;
	} else if (word_is(word, "on") || word_is(word, "off")) {
		on = word_is(scan_word(&p->scan), "on");
	} else {
		return scan_error(&p->scan, word, "expected on, off or from");
	}
	iface->settings.flags &= ~(uint32_t)IFW_IFACE_GENEVE;
	if (on)
		iface->settings.flags |= IFW_IFACE_GENEVE;
	memcpy(iface->settings.geneve_sources, nets, sizeof(nets));
	return 0;
}

int parse_set(struct parser *p)
{
	struct word word = scan_word(&p->scan);
	char name[IFW_NAME_MAX] = {};
	struct sim_iface *iface = NULL;
	int error;

	if (word.len == 0)
		return scan_error(&p->scan, word, "the interface's name is missing");
	if (word.len < sizeof(name)) {
		memcpy(name, word.text, word.len);
		iface = sim_world_find_iface(p->world, name);
	}
	if (!iface)
		return scan_error(&p->scan, word, "there is no interface " WORD_FORMAT " above",
				  WORD_ARG(word));
	if (!iface->has_settings)
		return scan_error(&p->scan, word, "'%s' has no settings", iface->name);
	word = scan_word(&p->scan);
	if (word_is(word, "ssh"))
		error = set_flag(p, iface, IFW_IFACE_SSH_OFF, false);
	else if (word_is(word, "echo"))
		error = set_flag(p, iface, IFW_IFACE_ECHO, true);
	else if (word_is(word, "track"))
		error = set_flag(p, iface, IFW_IFACE_TRACK, true);
	else if (word_is(word, "named-rules"))
		error = set_flag(p, iface, IFW_IFACE_NAMED_RULES, true);
	else if (word_is(word, "egress-default"))
		error = set_egress_default(p, iface);
	else if (word_is(word, "verbose"))
		error = set_verbose(p, iface);
	else if (word_is(word, "mark"))
		error = set_mark(p, iface);
	else if (word_is(word, "geneve"))
		error = set_geneve(p, iface);
	else if (word_is(word, "pass-protocol"))
		error = set_protocols(p, iface);
	else if (word_is(word, "pass-ethertype"))
		error = set_ethertypes(p, iface);
	else
		error = scan_error(&p->scan, word,
				   "expected ssh, echo, verbose, mark, geneve, track, "
				   "named-rules, egress-default, pass-protocol or "
				   "pass-ethertype");
	return error ? error : parse_expect_end(p);
}
