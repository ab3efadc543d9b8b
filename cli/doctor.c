/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* doctor.c - ifw doctor: all looks one after another. */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>

#include "args.h"
#include "doctor_looks.h"
#include "iface.h"
#include "json.h"
#include "live.h"
#include "netns.h"
#include "text.h"

struct asked {
	char **names; /* of interfaces */
	int count;
	bool fix;
};

static bool is_asked(const struct asked *asked, const char *name)
{
	for (int i = 0; i < asked->count; i++)
		if (strcmp(asked->names[i], name) == 0)
			return true;
	return asked->count == 0;
}

static int cannot(const struct cli *cli, const struct failure *failure, int err)
{
	complain(cli, "cannot look further: %s",
		 failure && failure->text[0] ? failure->text : strerror(-err));
	return CLI_REFUSED;
}

/* --- One after another ------------------------------------------------------------------ */

/* The first that `ifw up` would take under its name; NULL: there is none. */
static const struct iface_info *first_present(const struct ifaces *ifaces)
{
	for (size_t i = 0; i < ifaces->count; i++)
		if (ifaces->shown[i].present && !ifaces->shown[i].renamed)
			return &ifaces->shown[i];
	return NULL;
}

static void look_lookup(const struct look *look, const struct ifaces *ifaces, bool kernel_has_it)
{
	const struct iface_info *present = first_present(ifaces);
	bool attached = false;
	int err = loader_lookup_attached(look->loader, &attached);

	if (err)
		doctor_add(look->doctor, "socket-lookup", DOCTOR_UNSEEN, "not asked: %s",
			   strerror(-err));
	else if (attached)
		doctor_add(look->doctor, "socket-lookup", DOCTOR_OK, "in force");
	else if (kernel_has_it) {
		struct doctor_check *check =
			doctor_add(look->doctor, "socket-lookup", DOCTOR_WARNING,
				   "the program for socket lookups is not in force");

		if (!present)
			return;
		/* It belongs to all of them; any brings it back. */
		doctor_section(look->doctor, present->name);
		doctor_mend(check, DOCTOR_UP, "ifw up %s", look->doctor->word);
		memcpy(check->where, look->doctor->where, sizeof(check->where));
		doctor_section(look->doctor, "");
	} else {
		doctor_add(look->doctor, "socket-lookup", DOCTOR_OK, "this kernel has none");
	}
}

static int look_ifaces(struct look *look, const struct asked *asked, const struct ifaces *ifaces)
{
	int err = 0;

	for (size_t i = 0; i < ifaces->count && !err; i++) {
		look->iface = &ifaces->shown[i];
		if (!is_asked(asked, look->iface->name))
			continue;
		doctor_section(look->doctor, look->iface->name);
		err = look_iface(look);
		if (err || !look->iface->present || look->iface->renamed)
			continue;
		err = look_routing(look);
		if (!err)
			look_filters(look);
	}
	for (int i = 0; i < asked->count; i++) {
		bool up = false;

		for (size_t j = 0; j < ifaces->count; j++)
			up |= strcmp(ifaces->shown[j].name, asked->names[i]) == 0;
		if (up)
			continue;
		doctor_section(look->doctor, asked->names[i]);
		if (!if_nametoindex(asked->names[i]))
			doctor_mend(doctor_add(look->doctor, "attached", DOCTOR_FAILED,
					       "there is no such interface"),
				    DOCTOR_OTHERS, "ip link");
		else
			doctor_mend(doctor_add(look->doctor, "attached", DOCTOR_FAILED,
					       "ifw is not up here"),
				    DOCTOR_OTHERS, "ifw up %s", look->doctor->word);
	}
	return err;
}

static bool is_up(const struct ifaces *ifaces, uint32_t ifindex)
{
	for (size_t i = 0; i < ifaces->count; i++)
		if (ifaces->shown[i].ifindex == ifindex)
			return true;
	return ifindex == IFW_LOOPBACK_IFINDEX;
}

/* Where no further interface can be filtered, those that are not are shown. */
static void look_names(const struct look *look, const struct ifaces *ifaces)
{
	struct if_nameindex *links;
	size_t left_out = 0;
	uint64_t used = 1;
	char first[IFW_NAME_MAX] = "";

	for (size_t i = 0; i < ifaces->count; i++)
		used |= 1ULL << (ifaces->shown[i].settings.slot % IFW_SLOTS);
	for (size_t i = 0; i < look->rules->count; i++)
		if (look->rules->rules[i].ifaces != IFW_IFACES_ANY)
			used |= look->rules->rules[i].ifaces;
	if (~used)
		return;
	links = if_nameindex();
	for (size_t i = 0; links && links[i].if_index; i++)
		if (!is_up(ifaces, links[i].if_index) && left_out++ == 0)
			snprintf(first, sizeof(first), "%s", links[i].if_name);
	if_freenameindex(links);
	if (left_out)
		doctor_mend(doctor_add(look->doctor, "names", DOCTOR_WARNING,
				       "all %d names that there can be are in use, by interfaces "
				       "and by rules, and %zu interface%s NOT filtered, among them "
				       "%s; take down one that needs no filter",
				       IFW_SLOTS - 1, left_out, left_out == 1 ? " is" : "s are",
				       first),
			    DOCTOR_OTHERS, "ifw iface show");
}

static int look_state(const struct look *outer, const struct asked *asked,
		      const struct host_facts *facts)
{
	struct look inner = *outer, *look = &inner;
	struct failure failure = {0};
	auto_ifaces ifaces = {0};
	auto_world world = NULL;
	auto_set rules = {0};
	int status = ifaces_load(look->cli, look->loader, NULL, &ifaces), err;

	if (!status)
		status = live_world(look->cli, look->loader, &world);
	if (status)
		return status;
	look->world = world;
	if (loader_rules(look->loader, &rules, &failure))
		return cannot(look->cli, &failure, 0);
	look->rules = &rules;
	doctor_add(look->doctor, "state", ifaces.count ? DOCTOR_OK : DOCTOR_WARNING,
		   "%s: %zu rule%s, %zu interface%s up", loader_pin_dir(look->loader), rules.count,
		   text_s(rules.count), ifaces.count, text_s(ifaces.count));
	look_names(look, &ifaces);
	if (!ifaces.count)
		return look_ifaces(look, asked, &ifaces);
	look_lookup(look, &ifaces, !facts->before_5_17);
	err = look_listeners(look, &ifaces);
	if (!err)
		err = look_ifaces(look, asked, &ifaces);
	return err ? cannot(look->cli, NULL, err) : CLI_DONE;
}

/* Where there is no state, that is a finding, too. */
static int open_state(struct look *look, const struct asked *asked, const struct host_facts *facts,
		      struct loader **loader)
{
	const struct loader_options options = {.pin_dir = look->cli->pin_dir};
	struct failure failure = {0};
	int err = loader_open(loader, LOADER_READ, &options, &failure);

	if (!err)
		return 0;
	/* Without privilege not even the name of its place can be told for certain. */
	if (facts->lacking[0] || err == -EPERM || err == -EACCES) {
		doctor_mend(doctor_add(look->doctor, "state", DOCTOR_UNSEEN,
				       "rules, listeners and interfaces were not looked at: %s",
				       facts->lacking[0] ? strerror(EPERM) : failure.text),
			    DOCTOR_OTHERS, "sudo ifw doctor");
	} else if (err == -ENOENT || err == -ENODEV) {
		const struct ifaces none = {.count = 0};

		doctor_add(look->doctor, "state", DOCTOR_WARNING, "%s", failure.text);
		(void)look_ifaces(look, asked, &none);
	} else {
		struct doctor_check *check =
			doctor_add(look->doctor, "state", DOCTOR_FAILED, "%s", failure.text);

		/* Of those that can be taken over the failure says so. */
		if (err == -EPROTO && strstr(failure.text, "ifw upgrade"))
			doctor_mend(check, DOCTOR_UPGRADE, "ifw upgrade");
	}
	return err;
}

static void free_filters(struct filters **filters)
{
	loader_filters_close(*filters);
}

static int look_at_all(const struct cli *cli, const struct asked *asked, struct doctor *doctor)
{
	struct filters *filters __attribute__((cleanup(free_filters))) = NULL;
	auto_loader loader = NULL;
	struct look look = {.cli = cli, .doctor = doctor};
	struct host_facts facts;
	int err = loader_host_facts(cli->pin_dir, &facts), status = CLI_DONE;

	if (err)
		return cannot(cli, NULL, err);
	doctor_judge_host(doctor, &facts);
	look_networkd(&look);
	err = loader_filters_open(&filters);
	if (!err)
		look.filters = filters;
	else
		doctor_add(doctor, "mark-rules", DOCTOR_UNSEEN, "rules of nftables not read: %s",
			   strerror(-err));
	look_legacy(&look, filters);
	look.ipv6 = loader_sysctl("ipv6/conf/lo/disable_ipv6", 1) == 0;
	err = open_state(&look, asked, &facts, &loader);
	look.loader = loader;
	if (!err)
		status = look_state(&look, asked, &facts);
	if (!status && doctor->no_memory)
		return cannot(cli, NULL, -ENOMEM);
	return status;
}

/* --- Names ------------------------------------------------------------------------------- */

/* One that went is still known, as long as it is recorded. */
static bool is_recorded(const struct cli *cli, const char *name)
{
	const struct loader_options options = {.pin_dir = cli->pin_dir};
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_ifaces ifaces = {0};
	bool found = false;

	if (loader_open(&loader, LOADER_READ, &options, &failure) ||
	    loader_ifaces(loader, &ifaces.all, &ifaces.all_count, &failure))
		return false;
	for (size_t i = 0; i < ifaces.all_count; i++)
		found |= strcmp(ifaces.all[i].name, name) == 0;
	return found;
}

/* Before anything is looked at: a name that is mistyped is no finding about the host. */
static int check_names(const struct cli *cli, const struct asked *asked)
{
	for (int i = 0; i < asked->count; i++) {
		const char *name = asked->names[i];

		if (if_nametoindex(name) || is_recorded(cli, name))
			continue;
		complain(cli, "no interface '%s'; `ip link` lists those there are", name);
		return CLI_INPUT;
	}
	return CLI_DONE;
}

/* --- The command -------------------------------------------------------------------------- */

/* What stands there is copied into a shell, which is elsewhere. */
static void print_report(const struct cli *cli, const struct doctor *doctor)
{
	struct table_look look = table_look_of(stdout);
	char netns[PATH_MAX];
	bool elsewhere = cli->netns && netns_path(cli->netns, netns, sizeof(netns)) == 0;

	for (size_t i = 0; i < doctor->count; i++) {
		if (!doctor->checks[i].command[0])
			continue;
		doctor_print_place(stdout, elsewhere ? netns : NULL, cli->pin_dir);
		break;
	}
	doctor_print(doctor, stdout, &look);
}

static int report(const struct cli *cli, const struct doctor *doctor)
{
	if (cli->json && json_print(stdout, doctor_json(doctor)))
		return cannot(cli, NULL, -ENOMEM);
	if (!cli->json)
		print_report(cli, doctor);
	if (doctor_count(doctor, DOCTOR_FAILED))
		return CLI_UNEXPECTED;
	return doctor_count(doctor, DOCTOR_UNSEEN) ? CLI_REFUSED : CLI_DONE;
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
	struct asked asked = {.fix = false};
	int result = args_flag(cli, argc, argv, "fix", &asked.fix);
	auto_doctor doctor = {.count = 0};
	int status, fixed = CLI_DONE;

	if (result)
		return args_status(result);
	asked.names = argv + optind;
	asked.count = argc - optind;
	status = check_names(cli, &asked);
	if (status)
		return status;
	status = look_at_all(cli, &asked, &doctor);
	if (!status && asked.fix) {
		fixed = doctor_fix(cli, &doctor);
		doctor_free(&doctor);
		doctor = (struct doctor){.count = 0};
		status = look_at_all(cli, &asked, &doctor);
	}
	/* What was seen is worth showing, also where it could not go on. */
	if (status) {
		(void)report(cli, &doctor);
		return status;
	}
	status = report(cli, &doctor);
	return status ? status : fixed;
}
