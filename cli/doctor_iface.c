/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* doctor_iface.c - see doctor_looks.h: the program on an interface, and the interface itself. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "doctor_looks.h"
#include "text.h"

bool look_rule_holds(const struct look *look, const struct rule *rule)
{
	return !rule_is_egress(rule) &&
	       (rule->ifaces == IFW_IFACES_ANY || rule->ifaces >> look->iface->settings.slot & 1);
}

/* On whatever interface: the program for what leaves is on all of them then. */
static bool has_egress_rules(const struct rule_set *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		if (rule_is_egress(&rules->rules[i]))
			return true;
	return false;
}

/* What `ifw up` would mend. */
static void failed_up(const struct look *look, const char *name, const char *found)
{
	doctor_mend(doctor_add(look->doctor, name, DOCTOR_FAILED, "%s", found), DOCTOR_UP,
		    "ifw up %s", look->doctor->word);
}

static void look_program(const struct look *look)
{
	const struct iface_info *iface = look->iface;

	if (iface->attached)
		doctor_add(look->doctor, "attached", DOCTOR_OK, "%s",
			   text_hook(iface->settings.at[IFW_DIRECTION_IN].hook));
	else
		failed_up(look, "attached", "the program is not on its hook any more");
	if (!loader_needs_egress(&iface->settings, has_egress_rules(look->rules)))
		return;
	if (iface->egress)
		doctor_add(look->doctor, "egress", DOCTOR_OK, "%s",
			   text_hook(iface->settings.at[IFW_DIRECTION_OUT].hook));
	else
		failed_up(look, "egress",
			  "the program for what leaves is not on its hook any more");
}

static void look_addresses(const struct look *look, const struct iface_facts *facts)
{
	char text[INET6_ADDRSTRLEN];

	if (!facts->unrecorded && !facts->outdated) {
		doctor_add(look->doctor, "addresses", DOCTOR_OK, "recorded as they are");
		return;
	}
	rule_print_addr(facts->odd.addr, facts->odd.family, text, sizeof(text));
	doctor_mend(doctor_add(look->doctor, "addresses", DOCTOR_WARNING,
			       facts->unrecorded ? "%s is not recorded as an own address"
						 : "%s is recorded as an own address, and is none "
						   "any more",
			       text),
		    DOCTOR_UP, "ifw up %s", look->doctor->word);
}

static void look_link(const struct look *look, const struct iface_facts *facts, bool down)
{
	char upper[DOCTOR_WORD_MAX];

	doctor_quote(facts->upper, upper);
	if (!down)
		doctor_add(look->doctor, "link", DOCTOR_OK, "up");
	else
		doctor_mend(
			doctor_add(look->doctor, "link", DOCTOR_FAILED, "the interface is down"),
			DOCTOR_OTHERS, "ip link set %s up", look->doctor->word);
	if (!facts->upper[0])
		doctor_add(look->doctor, "upper", DOCTOR_OK, "none");
	else
		doctor_mend(doctor_add(look->doctor, "upper", DOCTOR_FAILED,
				       "'%s' is on top and takes its packets", facts->upper),
			    DOCTOR_OTHERS, "ifw up %s && ifw down %s", upper, look->doctor->word);
}

static void on_before(void *arg, const char *text)
{
	const struct look *look = arg;
	struct doctor_check *check =
		doctor_add(look->doctor, "before", DOCTOR_WARNING, "%s sees packets first", text);

	if (strncmp(text, "XDP", 3) == 0)
		doctor_mend(check, DOCTOR_OTHERS, "ip link set dev %s xdp off", look->doctor->word);
	else /* attached anew, ours goes in front */
		doctor_mend(check, DOCTOR_OTHERS, "ifw down %s && ifw up %s", look->doctor->word,
			    look->doctor->word);
}

static int look_before(const struct look *look)
{
	const size_t count = look->doctor->count;
	int err = loader_before(look->loader, look->iface, IFW_DIRECTION_IN, on_before,
				(void *)(uintptr_t)look);

	if (err == -EPERM || err == -EACCES)
		doctor_add(look->doctor, "before", DOCTOR_UNSEEN, "not asked: %s", strerror(-err));
	else if (err)
		return err;
	else if (look->doctor->count == count)
		doctor_add(look->doctor, "before", DOCTOR_OK,
			   "no other program sees packets first");
	return 0;
}

static void gone(const struct look *look)
{
	doctor_mend(doctor_add(look->doctor, "link", DOCTOR_FAILED,
			       "there is no such interface any more; when it is back, it has to "
			       "be brought up again"),
		    DOCTOR_OTHERS, "ifw up %s", look->doctor->word);
}

static void renamed(const struct look *look, const char *now)
{
	struct doctor_check *check = doctor_add(
		look->doctor, "link", DOCTOR_FAILED,
		"it is called '%s' now; rules and the policy route know the former name", now);
	char word[DOCTOR_WORD_MAX];

	doctor_quote(now, word);
	doctor_mend(check, DOCTOR_OTHERS, "ifw up %s", word);
}

int look_iface(const struct look *look)
{
	struct iface_facts facts;
	int err = look->iface->present ? loader_iface_facts(look->iface, &facts) : -ENXIO;
	bool down;

	if (!err)
		err = loader_is_down(look->iface->ifindex, &down);
	if (err == -ENXIO || err == -ENODEV) {
		gone(look);
		return 0;
	}
	if (err)
		return err;
	/* Under its former name nothing else could be mended, and `ifw up` mends all of it. */
	if (look->iface->renamed) {
		renamed(look, facts.name);
		return 0;
	}
	look_program(look);
	look_link(look, &facts, down);
	look_addresses(look, &facts);
	return look->iface->attached ? look_before(look) : 0;
}
