/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* supervise.c - see supervise.h. */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confirm_wait.h"
#include "iface.h"
#include "origins.h"
#include "ssh.h"
#include "supervise.h"
#include "text.h"
#include "tried.h"

/* --- What is known of interfaces ----------------------------------------------------- */

static struct known *known_find(struct supervisor *s, const char *name)
{
	for (size_t i = 0; i < s->known_count; i++)
		if (strcmp(s->known[i].name, name) == 0)
			return &s->known[i];
	return NULL;
}

/* The device of that name, new where it was another one until now; NULL: no memory. */
static struct known *known_get(struct supervisor *s, const char *name, uint32_t ifindex)
{
	struct known *known = known_find(s, name), *grown;

	if (known && known->ifindex == ifindex)
		return known;
	if (!known) {
		grown = reallocarray(s->known, s->known_count + 1, sizeof(*grown));
		if (!grown)
			return NULL;
		s->known = grown;
		known = &grown[s->known_count++];
	}
	*known = (struct known){.ifindex = ifindex};
	snprintf(known->name, sizeof(known->name), "%s", name);
	return known;
}

/* Once, until it is another one or gone. */
__attribute__((format(printf, 3, 4))) static void
say_problem(const struct supervisor *s, struct known *known, const char *format, ...)
{
	char text[PROBLEM_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strcmp(known->problem, text) == 0)
		return;
	memcpy(known->problem, text, sizeof(text));
	complain(&s->cli, "%s", text);
}

static void known_prune(struct supervisor *s)
{
	char name[IF_NAMESIZE];
	size_t kept = 0;

	for (size_t i = 0; i < s->known_count; i++) {
		if (!if_indextoname(s->known[i].ifindex, name))
			continue;
		if (strcmp(name, s->known[i].name) == 0)
			s->known[kept++] = s->known[i];
		else if (s->on_trial)
			(void)tried_renamed(&s->cli, s->known[i].name, name);
	}
	s->known_count = kept;
}

void supervise_free(struct supervisor *s)
{
	free(s->known);
	loader_programs_free(s->programs);
	config_free(&s->config);
}

/* --- What is intended ----------------------------------------------------------------- */

int intended_read(const struct cli *cli, const char *file, struct intended *intended)
{
	int status = config_read(cli, file, &intended->config);

	return status ? status
		      : cli_parse_rules(cli, intended->config.request.rules, &intended->rules);
}

bool intended_saved(const struct cli *cli, const struct intended *intended, struct rule_set *set)
{
	const char *path = intended->config.saved;

	if (access(path, F_OK))
		return false;
	if (cli_parse_rules(cli, path, set) == CLI_DONE)
		return true;
	complain(cli, "going on without the rules that were saved");
	return false;
}

void intended_free(struct intended *intended)
{
	config_free(&intended->config);
	rule_set_clear(&intended->rules);
}

/* --- Interfaces ------------------------------------------------------------------------ */

/* What is recorded for a device; by: its name or its index. */
static const struct iface_info *info_of(const struct ifaces *ifaces, const char *name,
					uint32_t ifindex)
{
	for (size_t i = 0; i < ifaces->all_count; i++) {
		const struct iface_info *info = &ifaces->all[i];

		if (name ? strcmp(info->name, name) == 0 : info->ifindex == ifindex)
			return info;
	}
	return NULL;
}

static void tell_attached(const char *name, const struct up_result *result)
{
	printf("%s: attached (%s)%s, %u own address%s\n", name, text_hook(result->hook),
	       result->was_up ? ", taken up again without a gap" : "", result->addresses,
	       result->addresses == 1 ? "" : "es");
}

#define RETRY_TIMES 20 /* of a processor's time, trying again takes a twentieth at most */

/*
 * What a failed attempt undoes we are told of like any change, so that being told is no
 * reason to try again.
 */
static void try_later(struct supervisor *s, struct known *known, int64_t began_ms)
{
	int64_t now = confirm_now_ms(), wait = (now - began_ms) * RETRY_TIMES;

	known->again_ms = now + (wait > SUPERVISE_RETRY_MS ? wait : SUPERVISE_RETRY_MS);
	s->retry = true;
}

/* Whether there is no use in trying: it has no name, and for another one there was none. */
static bool is_left_out(const struct supervisor *s, struct loader *loader, const char *name)
{
	return s->full && !iface_names_find(loader_names(loader), name);
}

static void attach(struct supervisor *s, struct loader *loader, const struct config *before,
		   const struct ifaces *ifaces, struct known *known)
{
	const struct iface_info *info = info_of(ifaces, known->name, 0);
	struct iface_setting setting;
	struct up_options options;
	struct up_result result;
	struct failure failure = {0};
	int64_t began_ms = confirm_now_ms();
	int err;

	if (is_left_out(s, loader, known->name)) {
		known->unfiltered = known->no_room = true;
		return;
	}
	config_setting(&s->cli, &s->config, before, known->name, &setting);
	up_fill_options(&s->config.request, info ? &info->settings : NULL, &options);
	if (info && info->ifindex == known->ifindex && info->attached)
		options.hook = IFW_HOOK_NONE; /* where it is, it stays */
	options.change = &setting.change;
	if (s->on_trial && tried_interface(&s->cli, known->name)) {
		known->unfiltered = true; /* it could not be undone */
		try_later(s, known, began_ms);
		return;
	}
	err = loader_up(loader, known->name, &options, &result, &failure);
	known->unfiltered = err != 0;
	known->no_room = err == -ENOSPC;
	if (err && if_nametoindex(known->name) != known->ifindex) {
		known->unfiltered = known->no_room = false;
		printf("%s: gone before it was attached\n", known->name);
		return;
	}
	if (known->no_room) { /* all of them together: see tell_left_out() */
		s->full = true;
		return;
	}
	if (err) {
		say_problem(s, known, "%s", failure.text);
		try_later(s, known, began_ms);
		return;
	}
	known->attached = true;
	known->problem[0] = 0;
	tell_attached(known->name, &result);
}

/* Whether what `ifw up` made of it is all there. */
static bool is_whole(const struct iface_info *info)
{
	const bool needs_egress = info->settings.at[IFW_DIRECTION_OUT].hook != IFW_HOOK_NONE;

	return info->attached && (info->egress || !needs_egress);
}

#define LISTED_MAX 128 /* bytes of names in a line of the log */

/* One line for all that have no name left, whenever they are others than before. */
static void tell_left_out(struct supervisor *s)
{
	char names[LISTED_MAX + 32] = "", text[sizeof(s->left_out)] = "";
	size_t count = 0, listed = 0, len = 0;

	/* Those that are named first: of a pattern, more may be here than anybody needs. */
	for (size_t i = 0; i < s->known_count; i++)
		count += s->known[i].no_room;
	for (int exact = 1; exact >= 0; exact--) {
		for (size_t i = 0; i < s->known_count; i++) {
			const struct known *known = &s->known[i];
			bool exactly;

			(void)config_names(&s->config, known->name, &exactly);
			if (!known->no_room || exactly != exact ||
			    len + sizeof(known->name) + 2 > LISTED_MAX)
				continue;
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						listed++ ? ", " : "", known->name);
		}
	}
	if (count > listed)
		snprintf(names + len, sizeof(names) - len, " and %zu more", count - listed);
	if (count)
		snprintf(text, sizeof(text), "%zu interface%s NOT filtered: %s", count,
			 count == 1 ? " is" : "s are", names);
	if (count && strcmp(text, s->left_out) != 0)
		complain(&s->cli,
			 "%s; all %d names that there can be are in use, by interfaces and by "
			 "rules: narrow the patterns in '%s', then SIGHUP",
			 text, IFW_SLOTS - 1, s->file);
	memcpy(s->left_out, text, sizeof(text));
}

/* all: attaches anew what is attached, too. */
static void attach_link(struct supervisor *s, struct loader *loader, const struct config *before,
			const struct ifaces *ifaces, const struct if_nameindex *link, bool all)
{
	const struct iface_info *info = info_of(ifaces, NULL, link->if_index);
	struct known *known = known_get(s, link->if_name, link->if_index);

	if (!known)
		return;
	if (!all && info && is_whole(info)) {
		known->attached = true;
		known->unfiltered = known->no_room = false;
	} else if (!all && !info && known->attached) {
		say_problem(s, known, "'%s' was taken down by a command, and stays so until SIGHUP",
			    known->name);
	} else if (!all && known->again_ms > confirm_now_ms()) {
		s->retry = true;
	} else {
		attach(s, loader, before, ifaces, known);
	}
}

static void attach_named(struct supervisor *s, struct loader *loader, const struct config *before,
			 const struct ifaces *ifaces, bool all)
{
	struct if_nameindex *links = if_nameindex();

	s->full = s->retry = false;
	/* There are not names for everything, and who is named comes before who fits a pattern. */
	for (int exact = 1; exact >= 0; exact--) {
		for (size_t i = 0; links && links[i].if_index; i++) {
			bool exactly;

			if (config_names(&s->config, links[i].if_name, &exactly) &&
			    exactly == exact)
				attach_link(s, loader, before, ifaces, &links[i], all);
		}
	}
	if_freenameindex(links);
	tell_left_out(s);
}

/* Of a pattern, names come and go, and each that is recorded takes room. */
static void forget_gone(struct supervisor *s, struct loader *loader, const struct ifaces *ifaces)
{
	for (size_t i = 0; i < ifaces->all_count; i++) {
		const char *name = ifaces->all[i].name;
		struct failure failure = {0};
		bool exactly;

		if (ifaces->all[i].present || !config_names(&s->config, name, &exactly) || exactly)
			continue;
		if (loader_down(loader, name, &failure))
			complain(&s->cli, "%s", failure.text);
		else
			printf("%s: gone\n", name);
	}
}

static void down_unnamed(struct supervisor *s, struct loader *loader, const struct config *before,
			 const struct ifaces *ifaces)
{
	for (size_t i = 0; i < ifaces->all_count; i++) {
		const char *name = ifaces->all[i].name;
		struct failure failure = {0};

		if (!config_names(before, name, NULL) || config_names(&s->config, name, NULL))
			continue;
		if (s->on_trial && tried_interface(&s->cli, name))
			continue;
		if (loader_down(loader, name, &failure))
			complain(&s->cli, "%s", failure.text);
		else
			printf("%s: down, as it is not in '%s' any more\n", name, s->file);
	}
}

/* At the first start: of an earlier configuration nobody knows any more. */
static void tell_unnamed(const struct supervisor *s, const struct ifaces *ifaces)
{
	for (size_t i = 0; i < ifaces->all_count; i++)
		if (!config_names(&s->config, ifaces->all[i].name, NULL))
			printf("%s: up, though not in '%s'; left as it is ('ifw down %s' takes it "
			       "off)\n",
			       ifaces->all[i].name, s->file, ifaces->all[i].name);
}

static void count_attached(struct supervisor *s, struct loader *loader)
{
	auto_ifaces ifaces = {0};
	struct failure failure = {0};

	s->attached = s->unfiltered = 0;
	for (size_t i = 0; i < s->known_count; i++)
		s->unfiltered += s->known[i].unfiltered;
	if (loader_ifaces(loader, &ifaces.all, &ifaces.all_count, &failure))
		return;
	for (size_t i = 0; i < ifaces.all_count; i++)
		s->attached += ifaces.all[i].present && ifaces.all[i].attached;
}

static bool some_link_is_named(const struct config *config, struct supervisor *s, bool unknown)
{
	struct if_nameindex *links = if_nameindex();
	bool found = false;

	for (size_t i = 0; links && !found && links[i].if_index; i++) {
		const struct known *known = known_find(s, links[i].if_name);

		found = config_names(config, links[i].if_name, NULL) &&
			!(unknown && known && known->ifindex == links[i].if_index &&
			  known->attached);
	}
	if_freenameindex(links);
	return found;
}

/* --- Rules ------------------------------------------------------------------------------ */

static int put_rules(struct supervisor *s, struct loader *loader, struct intended *intended,
		     bool fresh)
{
	auto_set saved = {0};
	bool has_saved = fresh && intended_saved(&s->cli, intended, &saved);
	int status = origins_apply(&s->cli, loader, &intended->rules, has_saved ? &saved : NULL,
				   s->on_trial, &s->rules);

	if (!status) {
		s->rules_wanting = false;
		printf("%zu rule%s in force%s\n", s->rules, text_s(s->rules),
		       has_saved ? ", the saved ones among them" : "");
	}
	return status;
}

/* --- Both ------------------------------------------------------------------------------- */

bool supervise_is_up(const struct cli *cli)
{
	const struct loader_options options = {.pin_dir = cli->pin_dir};
	struct failure failure = {0};
	auto_loader loader = NULL;

	return loader_open(&loader, LOADER_READ, &options, &failure) != -ENOENT;
}

static void tell_limits(const struct cli *cli, struct loader *loader, const struct config *config)
{
	const struct loader_limits *wanted = &config->request.limits;
	struct loader_usage usage;
	struct failure failure = {0};

	if (loader_usage(loader, &usage, &failure))
		return;
	if (wanted->ranges > usage.limits.ranges || wanted->prefixes > usage.limits.prefixes)
		complain(cli,
			 "warning: there is room for %u ranges and %u prefixes, and that is fixed "
			 "while something is up ('ifw down --all' first)",
			 usage.limits.ranges, usage.limits.prefixes);
}

struct will {
	const struct cli *cli;
	const struct config *config;
};

/* As attach() would set it. */
static bool will_attach(void *arg, const char *name, uint32_t *set, uint32_t *clear)
{
	const struct will *will = arg;
	struct iface_setting setting;

	if (!config_names(will->config, name, NULL))
		return false;
	config_setting(will->cli, will->config, NULL, name, &setting);
	*set = setting.change.set;
	*clear = setting.change.clear;
	return true;
}

/* all: what a command took down, too. */
static int start(struct supervisor *s, struct intended *intended, bool all)
{
	bool up = supervise_is_up(&s->cli), again = s->config.count > 0;
	struct config before = s->config;
	auto_loader loader = NULL;
	auto_ifaces ifaces = {0};
	struct will will = {&s->cli, &intended->config};
	const struct ssh_attach attach = {.names = will_attach, .arg = &will, .command = "run"};
	int status;

	/* Nothing to be in force on: the state would be made for nothing, and goes again. */
	if (!up && !some_link_is_named(&intended->config, s, false)) {
		config_free(&s->config);
		s->config = intended->config;
		intended->config = (struct config){0};
		puts("no interface is here yet that the configuration names");
		return CLI_DONE;
	}
	status = cli_open_any(&s->cli, LOADER_CREATE, &intended->config.request.limits, &loader);
	if (!status && !s->rules_wanting)
		status = put_rules(s, loader, intended, !origins_recorded(&s->cli));
	if (!status && s->ask_ssh)
		status = ssh_check(&s->cli, loader, &attach);
	if (!status)
		status = ifaces_load(&s->cli, loader, NULL, &ifaces);
	if (status)
		return status;
	loader_programs_use(loader, &s->programs);
	tell_limits(&s->cli, loader, &intended->config);
	s->config = intended->config;
	intended->config = before; /* to be freed with it */
	if (again)
		down_unnamed(s, loader, &before, &ifaces);
	else
		tell_unnamed(s, &ifaces);
	attach_named(s, loader, again ? &before : NULL, &ifaces, all);
	count_attached(s, loader);
	loader_programs_keep(loader, &s->programs);
	return CLI_DONE;
}

int supervise_start(struct supervisor *s, struct intended *intended)
{
	for (size_t i = 0; i < s->known_count; i++) /* who asks again is told again */
		s->known[i].problem[0] = s->known[i].no_room = s->known[i].unfiltered = 0;
	s->left_out[0] = 0;
	s->refused = false;
	return start(s, intended, true);
}

static struct stamp stamp_of(const char *path)
{
	struct stat st;

	if (!path || stat(path, &st))
		return (struct stamp){0};
	return (struct stamp){
		.inode = st.st_ino,
		.size = st.st_size,
		.changed_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
	};
}

static bool stamp_equal(struct stamp a, struct stamp b)
{
	return a.inode == b.inode && a.size == b.size && a.changed_ns == b.changed_ns;
}

/* Whether the files are still those that were no good: then all has been said. */
static bool is_refused_still(const struct supervisor *s)
{
	return s->refused && stamp_equal(stamp_of(s->file), s->refused_at[0]) &&
	       stamp_equal(stamp_of(s->config.request.rules), s->refused_at[1]);
}

static void refuse_files(struct supervisor *s)
{
	s->refused = true;
	s->refused_at[0] = stamp_of(s->file);
	s->refused_at[1] = stamp_of(s->config.request.rules);
	complain(&s->cli, "an interface is here, and nothing is attached to it until what is wrong "
			  "above is mended");
}

/* The state is gone, be it that nothing was there before or that a command took it. */
static void look_from_nothing(struct supervisor *s)
{
	auto_intended intended = {0};
	int status;

	s->attached = 0;
	loader_programs_free(s->programs);
	s->programs = NULL;
	if (!some_link_is_named(&s->config, s, true) || is_refused_still(s))
		return;
	status = intended_read(&s->cli, s->file, &intended);
	s->rules_wanting = status != CLI_DONE;
	if (!intended.config.count || (status && intended.config.boot_open)) {
		refuse_files(s);
		return;
	}
	s->refused = false;
	(void)start(s, &intended, false);
}

static void tell_followed(void *arg, const char *ifname, bool addresses, bool policy, int error)
{
	struct supervisor *s = arg;
	struct known *known = known_get(s, ifname, if_nametoindex(ifname));

	if (known && known->follow_error == error && error)
		return;
	if (known)
		known->follow_error = error;
	if (error)
		complain(&s->cli, "cannot follow '%s': %s", ifname, strerror(-error));
	if (addresses)
		printf("%s: own addresses recorded anew\n", ifname);
	if (policy)
		printf("%s: policy rule or route was missing, made again\n", ifname);
}

void supervise_look(struct supervisor *s)
{
	const struct loader_options options = {.pin_dir = s->cli.pin_dir};
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_ifaces ifaces = {0};
	int err;

	s->retry = false;
	known_prune(s);
	err = loader_open(&loader, LOADER_WRITE, &options, &failure);
	if (err == -ENOENT) {
		look_from_nothing(s);
		return;
	}
	if (!err)
		err = loader_follow(loader, tell_followed, s, &failure);
	if (err) {
		complain(&s->cli, "%s", failure.text);
		return;
	}
	if (ifaces_load(&s->cli, loader, NULL, &ifaces))
		return;
	loader_programs_use(loader, &s->programs);
	forget_gone(s, loader, &ifaces);
	attach_named(s, loader, NULL, &ifaces, false);
	count_attached(s, loader);
	loader_programs_keep(loader, &s->programs);
}
