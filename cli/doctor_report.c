/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* doctor_report.c - see doctor.h: checks put together, printed and written as JSON. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "json.h"
#include "ruleset/room.h"

#define NAME_WIDTH 19
#define STATE_WIDTH 9
#define INDENT (2 + STATE_WIDTH + NAME_WIDTH)
#define TEXT_MIN 30 /* columns; with fewer left of a terminal, lines are not broken */

#define PLAIN                                                                                      \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:@" /* to a shell        \
									       */

/* --- Put together ------------------------------------------------------------------ */

static struct doctor_check *make_room(struct doctor *doctor)
{
	if (room_for_one(&doctor->checks, doctor->count, &doctor->room, sizeof(*doctor->checks)) ==
	    0)
		return &doctor->checks[doctor->count++];
	doctor->no_memory = true;
	return &doctor->spare;
}

/* Neither a terminal nor JSON takes every byte that a name may have. */
static void tame(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			*text = '?';
}

struct doctor_check *doctor_add(struct doctor *doctor, const char *name, enum doctor_state state,
				const char *format, ...)
{
	struct doctor_check *check = make_room(doctor);
	va_list args;

	*check = (struct doctor_check){.name = name, .state = state};
	memcpy(check->where, doctor->where, sizeof(check->where));
	va_start(args, format);
	vsnprintf(check->found, sizeof(check->found), format, args);
	va_end(args);
	tame(check->found);
	return check;
}

void doctor_mend(struct doctor_check *check, enum doctor_fix fix, const char *format, ...)
{
	va_list args;

	check->fix = fix;
	va_start(args, format);
	vsnprintf(check->command, sizeof(check->command), format, args);
	va_end(args);
	tame(check->command);
}

bool doctor_is_plain(const char *text)
{
	return *text && !text[strspn(text, PLAIN)];
}

/* The kernel takes nearly every byte in a name, and commands are copied into a shell. */
void doctor_quote(const char *name, char word[DOCTOR_WORD_MAX])
{
	char *end = word;

	if (doctor_is_plain(name)) {
		snprintf(word, DOCTOR_WORD_MAX, "%s", name);
		return;
	}
	*end++ = '\'';
	for (size_t i = 0; i < IFW_NAME_MAX && name[i]; i++) {
		if (name[i] == '\'')
			end = stpcpy(end, "'\\'");
		*end++ = name[i];
	}
	stpcpy(end, "'");
}

void doctor_section(struct doctor *doctor, const char *where)
{
	snprintf(doctor->where, sizeof(doctor->where), "%s", where);
	doctor_quote(where, doctor->word);
}

void doctor_free(struct doctor *doctor)
{
	free(doctor->checks);
}

size_t doctor_count(const struct doctor *doctor, enum doctor_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->count; i++)
		count += doctor->checks[i].state == state;
	return count;
}

const char *doctor_why(const char *name)
{
	static const struct {
		const char *name, *why;
	} whys[] = {
		{"privilege", "without it the state cannot be read, nor programs loaded"},
		{"bpffs", "rules, settings and the attachment itself are pinned there; without it "
			  "nothing outlives the command"},
		{"kernel", "older ones lack what interception is made of"},
		{"helpers", "the kernel refuses the programs without them"},
		{"hook", "by it the programs see packets before everything but XDP"},
		{"btf",
		 "bpftool shows maps and programs in clear with it; ifw itself does without"},
		{"lo", "packets that are intercepted are delivered by lo; while it is down there "
		       "is no policy route"},
		{"state", "what is in force is kept there"},
		{"names", "an interface without a name is not filtered: what comes by it gets in"},
		{"attached", "without the program on its hook nothing is intercepted, and nothing "
			     "is dropped"},
		{"egress", "without the program for what leaves, answers to it drop, and egress "
			   "rules do nothing"},
		{"socket-lookup", "fragmented datagrams and connections that meet TIME_WAIT come "
				  "to the listener by it"},
		{"addresses", "ssh and DHCP to an address that is not recorded drop, and rules "
			      "may intercept what is for this host"},
		{"link", "an interface that is down receives nothing"},
		{"upper", "a device on top takes the packets before they could be intercepted"},
		{"before", "what it drops or takes never comes to ifw"},
		{"ipv6", "the kernel drops every packet of it that comes in"},
		{"policy-rule", "it leads packets that are intercepted to the policy route; "
				"without it the kernel forwards them, or drops them"},
		{"policy-route", "by it the kernel takes packets to addresses of others for its "
				 "own"},
		{"route", "packets that are intercepted have to be routed to this host"},
		{"source", "what the kernel takes for a forged source it drops without a word"},
		{"rp_filter", "packets are dropped whose way back to the source is another one"},
		{"src_valid_mark", "the way back is looked for with the mark, which leads to this "
				   "host: every packet that is intercepted is dropped"},
		{"tcp_fwmark_accept", "what an intercepted connection answers bears the mark, too, "
				      "and comes back to this host in place of the client"},
		{"forwarding", "the kernel does not pass on what pass rules let through to others"},
		{"networkd", "systemd-networkd removes policy rules and routes that it did not "
			     "make, whenever it starts or reads its configuration again"},
		{"listener", "what a rule intercepts for a listener that is not there is dropped "
			     "(no-listener)"},
		{"transparent", "without IP_TRANSPARENT the kernel does not answer from an address "
				"of others, and connections time out"},
		{"mark-rules", "interception lives on a mark between the hook and routing; who "
			       "writes another value there sends the packets elsewhere"},
		{"input-rules", "packets that are intercepted are delivered on this host, so its "
				"input rules decide on them, too"},
		{"iptables-legacy", "it keeps rules of its own: where they were not read, they "
				    "may write the mark, or drop packets"},
		{"forward-rules", "what pass rules let through to others has to pass the forward "
				  "rules, too"},
	};

	for (size_t i = 0; i < sizeof(whys) / sizeof(whys[0]); i++)
		if (strcmp(whys[i].name, name) == 0)
			return whys[i].why;
	return "";
}

/* --- For people --------------------------------------------------------------------- */

static const char *const states[DOCTOR_STATES] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_UNSEEN] = "not seen",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_FAILED] = "FAILED",
};

/* Whole words, the lines behind the first below its beginning. */
static void print_wrapped(FILE *out, const struct table_look *look, const char *text)
{
	size_t width = look->width >= INDENT + TEXT_MIN ? look->width - INDENT : 0;

	for (;;) {
		size_t len = strlen(text), cut = len;

		if (width && len > width) {
			for (cut = width; cut && text[cut] != ' ';)
				cut--;
			if (!cut)
				cut = strcspn(text, " ");
		}
		fprintf(out, "%.*s\n", (int)cut, text);
		text += cut;
		text += *text == ' ';
		if (!*text)
			return;
		fprintf(out, "%*s", INDENT, "");
	}
}

static void print_check(const struct doctor_check *check, FILE *out, const struct table_look *look)
{
	static const char *const colours[DOCTOR_STATES] = {
		[DOCTOR_OK] = "\033[32m",
		[DOCTOR_UNSEEN] = "\033[33m",
		[DOCTOR_WARNING] = "\033[33m",
		[DOCTOR_FAILED] = "\033[31m",
	};

	fprintf(out, "  %s%-*s%s%-*s", look->colour ? colours[check->state] : "", STATE_WIDTH,
		states[check->state], look->colour ? "\033[0m" : "", NAME_WIDTH, check->name);
	print_wrapped(out, look, check->found);
	if (check->state == DOCTOR_OK)
		return;
	fprintf(out, "%*s", INDENT, "");
	print_wrapped(out, look, doctor_why(check->name));
	/* Not broken, so that it can be copied. */
	if (check->command[0])
		fprintf(out, "%*s%s# %s%s\n", INDENT, "", look->colour ? "\033[1m" : "",
			check->command, look->colour ? "\033[0m" : "");
}

/* As a word of a shell. */
static void print_word(FILE *out, const char *text)
{
	if (*text && !text[strspn(text, PLAIN "/")]) {
		fputs(text, out);
		return;
	}
	fputc('\'', out);
	for (; *text; text++)
		fputs(*text == '\'' ? "'\\''" : (const char[]){*text, '\0'}, out);
	fputc('\'', out);
}

void doctor_print_place(FILE *out, const char *netns, const char *pin_dir)
{
	if (netns) {
		fputs("commands below are for a shell in that network namespace: nsenter --net=",
		      out);
		print_word(out, netns);
		fputc('\n', out);
	}
	if (pin_dir) {
		fputs("commands of ifw below need the place of its pins: ifw --pin-dir ", out);
		print_word(out, pin_dir);
		fputs(" ...\n", out);
	}
	if (netns || pin_dir)
		fputc('\n', out);
}

void doctor_print(const struct doctor *doctor, FILE *out, const struct table_look *look)
{
	const char *where = NULL;

	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_check *check = &doctor->checks[i];

		if (!where || strcmp(where, check->where) != 0)
			fprintf(out, "%s%s\n", i ? "\n" : "",
				check->where[0] ? check->where : "this host");
		where = check->where;
		print_check(check, out, look);
	}
	fprintf(out, "\n%zu ok, %zu warning, %zu failed", doctor_count(doctor, DOCTOR_OK),
		doctor_count(doctor, DOCTOR_WARNING), doctor_count(doctor, DOCTOR_FAILED));
	if (doctor_count(doctor, DOCTOR_UNSEEN))
		fprintf(out, ", %zu not seen", doctor_count(doctor, DOCTOR_UNSEEN));
	fputc('\n', out);
}

/* --- For programs -------------------------------------------------------------------- */

static json_t *check_json(const struct doctor_check *check)
{
	static const char *const words[DOCTOR_STATES] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_UNSEEN] = "not-seen",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_FAILED] = "failed",
	};

	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:o, s:b}", "check", check->name, "interface",
			 check->where[0] ? json_name(check->where) : json_null(), "state",
			 words[check->state], "found", check->found, "why", doctor_why(check->name),
			 "command", check->command[0] ? json_string(check->command) : json_null(),
			 "ours", check->fix != DOCTOR_OTHERS);
}

json_t *doctor_json(const struct doctor *doctor)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < doctor->count; i++) {
		if (json_array_append_new(checks, check_json(&doctor->checks[i]))) {
			json_decref(checks);
			return NULL;
		}
	}
	return json_pack("{s:o, s:I, s:I, s:I, s:I}", "checks", checks, "ok",
			 (json_int_t)doctor_count(doctor, DOCTOR_OK), "warnings",
			 (json_int_t)doctor_count(doctor, DOCTOR_WARNING), "failed",
			 (json_int_t)doctor_count(doctor, DOCTOR_FAILED), "not_seen",
			 (json_int_t)doctor_count(doctor, DOCTOR_UNSEEN));
}
