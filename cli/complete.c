/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * complete.c - ifw complete: what a shell may offer for the last of some words, one a
 * line. It is read from the pages of help, so that both know the same: a line
 * "ifw iface set IFACE ssh on|off" says which words follow each other, "--hook tcx|clsact"
 * which value an option takes. Words in capitals stand for names that are looked up.
 */
#include <dirent.h>
#include <net/if.h>
#include <string.h>

#include "args.h"
#include "datapath/reasons.h"
#include "help.h"

#define SYNOPSIS_MAX 256
#define WORDS_MAX 64
#define TOKENS_MAX 1024 /* bytes; behind that words may be offered twice */

struct request {
	const struct cli *cli;
	const char *object;	      /* NULL: it is what is being typed */
	const char *text;	      /* its page, or "" */
	const char *words[WORDS_MAX]; /* behind `ifw`, without options and their values */
	int count;
	const char *option;	 /* that waits for its value; NULL: none */
	const char *last;	 /* what has been typed of the word in question */
	char tokens[TOKENS_MAX]; /* of the page, offered already, each behind a blank */
};

static void offer(const struct request *request, const char *word, size_t len)
{
	if (len && strncmp(word, request->last, strlen(request->last)) == 0 &&
	    strlen(request->last) <= len)
		printf("%.*s\n", (int)len, word);
}

static void offer_word(const struct request *request, const char *word)
{
	offer(request, word, strlen(word));
}

/* --- Names --------------------------------------------------------------------------- */

static void offer_interfaces(const struct request *request)
{
	struct if_nameindex *all = if_nameindex();

	for (const struct if_nameindex *one = all; one && one->if_index; one++)
		offer_word(request, one->if_name);
	if (all)
		if_freenameindex(all);
}

static void offer_namespaces(const struct request *request)
{
	DIR *dir = opendir("/run/netns");

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			offer_word(request, entry->d_name);
	if (dir)
		closedir(dir);
}

static void offer_reasons(const struct request *request)
{
	for (unsigned int i = 0; i < IFW_REASONS_MAX; i++) {
		const struct ifw_reason_info *info = ifw_reason_info(i);

		if (info)
			offer_word(request, info->name);
	}
}

static int by_label(const void *a, const void *b)
{
	return strcmp(((const struct rule *)a)->label, ((const struct rule *)b)->label);
}

/* Once each: most services have several rules. The set is in another order then. */
static void offer_labels(const struct request *request, struct rule_set *rules)
{
	if (rules->count)
		qsort(rules->rules, rules->count, sizeof(*rules->rules), by_label);
	for (size_t i = 0; i < rules->count; i++)
		if (!i || by_label(&rules->rules[i - 1], &rules->rules[i]) != 0)
			offer_word(request, rules->rules[i].label);
}

/* Silent where nothing is up, or a privilege is missing. */
static void offer_from_state(const struct request *request, bool labels)
{
	struct loader_options options = {.pin_dir = request->cli->pin_dir};
	struct iface_info *ifaces = NULL;
	struct failure failure;
	auto_loader loader = NULL;
	auto_set rules = {0};
	size_t count = 0;

	if (loader_open(&loader, LOADER_READ, &options, &failure))
		loader = NULL;
	if (labels) {
		if (loader && loader_rules(loader, &rules, &failure) == 0)
			offer_labels(request, &rules);
		return;
	}
	if (loader && loader_ifaces(loader, &ifaces, &count, &failure) == 0)
		for (size_t i = 0; i < count; i++)
			offer_word(request, ifaces[i].name);
	loader_ifaces_free(ifaces, count);
	if (!count)
		offer_interfaces(request);
}

static void offer_objects(const struct request *request)
{
	for (size_t i = 0; help_topic_at(i); i++)
		offer_word(request, help_topic_at(i));
}

/* A rule is free in the order of its last words. */
static void offer_of_rule(const struct request *request, const char *before)
{
	static const char *const next[][8] = {
		{"", "intercept", "pass", "deny", "egress"},
		{"egress", "pass", "deny"},
		{"intercept", "tcp", "udp"},
		{"pass", "tcp", "udp"},
		{"deny", "tcp", "udp"},
		{"tcp", "to"},
		{"udp", "to"},
	};

	if (strcmp(before, "on") == 0)
		offer_interfaces(request);
	else if (strcmp(before, "service") == 0)
		offer_from_state(request, true);
	else if (strcmp(before, "to") == 0 || strcmp(before, "port") == 0 ||
		 strcmp(before, "via") == 0 || strcmp(before, "from") == 0)
		return;
	else {
		for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
			if (strcmp(next[i][0], before) != 0)
				continue;
			for (size_t j = 1; j < 8 && next[i][j]; j++)
				offer_word(request, next[i][j]);
			return;
		}
		offer_word(request, "port");
		offer_word(request, "via");
		offer_word(request, "from");
		offer_word(request, "on");
		offer_word(request, "service");
	}
}

/* --- What a page says --------------------------------------------------------------------- */

static bool is_name(const char *word, size_t len, const char *name)
{
	return len >= strlen(name) && strncmp(word, name, strlen(name)) == 0 &&
	       (len == strlen(name) || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", word[strlen(name)]));
}

/* One word of a page, its alternatives included; files are the shell's own. */
static void offer_token(const struct request *request, const char *token, size_t len)
{
	const char *end = token + len;

	while (token < end) {
		const char *bar = memchr(token, '|', (size_t)(end - token));
		size_t part = (size_t)((bar ? bar : end) - token);

		if (is_name(token, part, "IFACE"))
			request->object &&strcmp(request->object, "up") != 0
				? offer_from_state(request, false)
				: offer_interfaces(request);
		else if (is_name(token, part, "REASON"))
			offer_reasons(request);
		else if (is_name(token, part, "NETNS"))
			offer_namespaces(request);
		else if (is_name(token, part, "OBJECT"))
			offer_objects(request);
		else if (part && *token >= 'a' && *token <= 'z')
			offer(request, token, part);
		token += part + 1;
	}
}

/* What an option takes, as the page has it: a word in capitals, or some to choose from. */
static const char *value_of(const char *text, const char *option, size_t *len)
{
	size_t size = strlen(option);

	for (const char *at = text; (at = strstr(at, option)); at += size) {
		const char *value = at + size + 1;
		size_t part = at[size] == ' ' ? strcspn(value, " \n]") : 0;

		if (!part || *value == '|' || *value == '[' || *value == '-' ||
		    (!(*value >= 'A' && *value <= 'Z') && !memchr(value, '|', part)))
			continue;
		*len = part;
		return value;
	}
	return NULL;
}

#define OPTION_LETTERS "abcdefghijklmnopqrstuvwxyz-"

/* The next option at or behind a place in a page; NULL: none. */
static const char *next_option(const char *text, const char *at, size_t *len)
{
	while ((at = strstr(at, "--"))) {
		*len = strspn(at, OPTION_LETTERS);
		if (*len > 2 && (at == text || !strchr(OPTION_LETTERS, at[-1])))
			return at;
		at += *len;
	}
	return NULL;
}

static void offer_options(const struct request *request)
{
	const char *text = request->object ? request->text : help_text(NULL);
	const char *at, *earlier;
	size_t len = 0, other = 0;

	for (at = text; (at = next_option(text, at, &len)); at += len) {
		/* Once each, where a page has it first. */
		for (earlier = text; (earlier = next_option(text, earlier, &other));
		     earlier += other)
			if (other == len && strncmp(earlier, at, len) == 0)
				break;
		if (earlier == at)
			offer(request, at, len);
	}
	offer_word(request, "--help");
}

/* The line up to its explanation, without what is in brackets and begins with a dash. */
static void read_synopsis(const char *line, char *synopsis)
{
	size_t used = 0;

	for (; *line && *line != '\n' && strncmp(line, "  ", 2) != 0 && used < SYNOPSIS_MAX - 1;
	     line++) {
		if (*line == '[' && line[1] == '-') {
			line += strcspn(line, "]\n");
			if (*line != ']')
				break;
			continue;
		}
		if (*line != '[' && *line != ']')
			synopsis[used++] = *line;
	}
	synopsis[used] = '\0';
}

/* Whether a word that was typed can stand where the page has this token. */
static bool fits(const char *token, size_t len, const char *word)
{
	const char *end = token + len;

	while (token < end) {
		const char *bar = memchr(token, '|', (size_t)(end - token));
		size_t part = (size_t)((bar ? bar : end) - token);

		if ((*token >= 'A' && *token <= 'Z') ||
		    (strlen(word) == part && strncmp(word, token, part) == 0))
			return true;
		token += part + 1;
	}
	return false;
}

/* Several lines of a page have the same word in a place. */
static bool is_new(struct request *request, const char *token, size_t len)
{
	size_t used = strlen(request->tokens);

	for (const char *at = request->tokens; *at; at += strcspn(at, " ")) {
		at++;
		if (strcspn(at, " ") == len && strncmp(at, token, len) == 0)
			return false;
	}
	if (used + len + 2 <= sizeof(request->tokens))
		snprintf(request->tokens + used, len + 2, " %s", token);
	return true;
}

/* Follows a line of the page along the words; what comes next in it is offered. */
static void follow(struct request *request, const char *synopsis)
{
	const char *at = synopsis + strlen("ifw ");

	for (int i = 0;; i++) {
		size_t len = strcspn(at, " ");

		if (!len)
			return;
		if (len == 4 && strncmp(at, "RULE", 4) == 0) {
			offer_of_rule(request,
				      i < request->count ? request->words[request->count - 1] : "");
			return;
		}
		if (i == request->count) {
			if (is_new(request, at, len))
				offer_token(request, at, len);
			return;
		}
		if (*at != '-' && !fits(at, len, request->words[i]))
			return;
		if (*at == '-') /* an option, which was taken out of the words */
			i--;
		if (len > 3 && strncmp(at + len - 3, "...", 3) == 0)
			continue; /* again */
		at += len;
		at += strspn(at, " ");
	}
}

/* --- The words ------------------------------------------------------------------------------ */

/* Takes options out; what is left tells the object. */
static void read_words(struct request *request, int count, char *const *words)
{
	request->text = "";
	request->last = count ? words[count - 1] : "";
	for (int i = 0; i + 1 < count && request->count < WORDS_MAX; i++) {
		const char *word = words[i];
		size_t len;

		request->option = NULL;
		if (strcmp(word, "-n") == 0)
			word = "--netns";
		if (*word != '-' || !word[1]) {
			request->words[request->count++] = word;
			if (!request->object) {
				request->object = word;
				request->text = help_text(word);
			}
		} else if (value_of(request->text, word, &len) ||
			   value_of(help_text(NULL), word, &len)) {
			request->option = word;
			i++; /* its value, if that is there already */
			if (i + 1 < count)
				request->option = NULL;
		}
		if (!request->text)
			request->text = "";
	}
}

int cmd_complete(struct cli *cli, int argc, char **argv)
{
	struct request request = {.cli = cli};
	char synopsis[SYNOPSIS_MAX] = "";
	size_t len;

	/* No options of its own: dashes are what is to be completed. */
	argc--;
	argv++;
	if (argc && strcmp(*argv, "--") == 0) {
		argc--;
		argv++;
	}
	read_words(&request, argc, argv);
	if (request.option) {
		const char *value = value_of(request.text, request.option, &len);

		if (!value)
			value = value_of(help_text(NULL), request.option, &len);
		if (value)
			offer_token(&request, value, len);
		return CLI_DONE;
	}
	if (*request.last == '-') {
		offer_options(&request);
		return CLI_DONE;
	}
	if (!request.object) {
		offer_objects(&request);
		return CLI_DONE;
	}
	for (const char *line = request.text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "ifw ", 4) != 0)
			continue;
		read_synopsis(line, synopsis);
		follow(&request, synopsis);
	}
	return CLI_DONE;
}
