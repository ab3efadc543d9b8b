/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* config.c - see config.h. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "ruleset/grammar.h"
#include "ruleset/line.h"
#include "text.h"

/* A file while it is read. */
struct reading {
	struct cli cli; /* complains with the place */
	struct config *config;
	unsigned int errors;
};

#define refuse(line, where, ...) (line_say(line, SEVERITY_ERROR, where, __VA_ARGS__), -EINVAL)

static struct span behind(const struct line *line)
{
	return (struct span){line->rule.text + line->rule.len, 0};
}

static void words_free(struct config_line *line)
{
	for (int i = 0; i < line->count; i++)
		free(line->words[i]);
	free(line->words);
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->count; i++)
		words_free(&config->lines[i]);
	free(config->lines);
	*config = (struct config){0};
}

/* --- Words ------------------------------------------------------------------------- */

static int add_word(struct config_line *to, struct span word)
{
	char **grown = reallocarray(to->words, (size_t)to->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	to->words = grown;
	grown[to->count] = strndup(word.text, word.len);
	if (!grown[to->count])
		return -ENOMEM;
	to->count++;
	return 0;
}

/* The line's words into the configuration, and where each stands. 0, -ENOENT: it has none. */
static int take_words(struct config *config, struct line *line, struct span *at, int max)
{
	struct config_line *grown, words = {.number = line->number};
	struct span word;
	int err = line_begin(line);

	while (!err && (err = line_word(line, &word)) == 0) {
		if (words.count == max)
			err = refuse(line, word, "too many words from %s on", quote(word).text);
		else
			at[words.count] = word;
		if (!err)
			err = add_word(&words, word);
	}
	if (err == -ENOENT && words.count) {
		grown = reallocarray(config->lines, config->count + 1, sizeof(*grown));
		err = grown ? 0 : -ENOMEM;
		if (grown) {
			config->lines = grown;
			grown[config->count++] = words;
			return 0;
		}
	}
	words_free(&words);
	return err;
}

/* --- Interfaces -------------------------------------------------------------------- */

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

/* `geneve from PREFIX,...` alone has two words for a value. */
static int words_of(char *const *words, int left)
{
	return left > 2 && strcmp(words[0], "geneve") == 0 && strcmp(words[1], "from") == 0 ? 3 : 2;
}

/* at: where the words stand, or NULL where they are known to be good. */
static int take_settings(struct cli *cli, const struct line *line, const struct config_line *of,
			 const struct span *at, struct iface_setting *setting)
{
	for (int i = 2, used; i < of->count; i += used) {
		struct cli_place place = {.line = line};
		char *const *words = of->words + i;
		int status;

		used = words_of(words, of->count - i);
		if (at && i + 1 == of->count)
			return refuse(line, behind(line), "missing value of '%s'", words[0]);
		if (at) {
			place.word = at[i].text;
			place.len =
				(size_t)(at[i + used - 1].text - place.word) + at[i + used - 1].len;
			cli->place = &place;
		}
		status = iface_setting_parse(cli, words[0], words[1], used > 2 ? words[2] : NULL,
					     setting);
		cli->place = NULL;
		if (status)
			return -EINVAL;
	}
	return 0;
}

static int take_interface(struct reading *reading, const struct line *line,
			  const struct config_line *of, const struct span *at)
{
	struct iface_setting ignored = {0};

	if (of->count < 2)
		return refuse(line, behind(line), "missing name or pattern after '%s'",
			      of->words[0]);
	if (strpbrk(of->words[1], "\"'"))
		return refuse(line, at[1], "a name stands without quotes, not as %s", of->words[1]);
	if (!iface_name_valid(of->words[1], at[1].len))
		return refuse(line, at[1], "%s is no name of an interface", quote(at[1]).text);
	return take_settings(&reading->cli, line, of, at, &ignored);
}

static bool fits(const struct config_line *line, const char *ifname)
{
	if (strcmp(line->words[0], "interface") != 0)
		return false;
	if (strcmp(line->words[1], ifname) == 0)
		return true;
	/* lo carries what the host says to itself: only who names it means it. */
	return strcmp(ifname, "lo") != 0 && fnmatch(line->words[1], ifname, 0) == 0;
}

bool config_names(const struct config *config, const char *ifname, bool *exactly)
{
	bool found = false;

	if (exactly)
		*exactly = false;
	for (size_t i = 0; i < config->count; i++) {
		if (!fits(&config->lines[i], ifname))
			continue;
		found = true;
		if (exactly && !is_pattern(config->lines[i].words[1]))
			*exactly = true;
	}
	return found;
}

/* As an interface is that nothing was set for. */
static const char *default_of(const char *setting)
{
	static const char *const defaults[][2] = {
		{"ssh", "on"},
		{"track", "on"},
		{"egress-default", "pass"},
		{"pass-protocol", "none"},
		{"pass-ethertype", "none"},
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (strcmp(setting, defaults[i][0]) == 0)
			return defaults[i][1];
	return "off";
}

void config_setting(const struct cli *cli, const struct config *config, const struct config *before,
		    const char *ifname, struct iface_setting *setting)
{
	struct cli quiet = *cli; /* all was read without complaint before */

	*setting = (struct iface_setting){0};
	for (size_t i = 0; before && i < before->count; i++) {
		const struct config_line *line = &before->lines[i];

		if (!fits(line, ifname))
			continue;
		for (int at = 2; at < line->count;
		     at += words_of(line->words + at, line->count - at))
			(void)iface_setting_parse(&quiet, line->words[at],
						  default_of(line->words[at]), NULL, setting);
	}
	for (size_t i = 0; i < config->count; i++)
		if (fits(&config->lines[i], ifname))
			(void)take_settings(&quiet, NULL, &config->lines[i], NULL, setting);
}

/* --- The rest ---------------------------------------------------------------------- */

static int take_choice(const struct line *line, struct span at, const char *value, const char *no,
		       const char *yes, bool *chosen)
{
	*chosen = strcmp(value, yes) == 0;
	if (*chosen || strcmp(value, no) == 0)
		return 0;
	line_say(line, SEVERITY_ERROR, at, "expected %s or %s, not %s", no, yes, quote(at).text);
	return -EINVAL;
}

/* What has one value, and stands once. */
static int take_option(struct reading *reading, const struct line *line,
		       const struct config_line *of, const struct span *at)
{
	struct cli_place place = {.line = line, .word = at[1].text, .len = at[1].len};
	struct config *config = reading->config;
	const char *word = of->words[0], *value = of->words[1];
	int status;

	if (strcmp(word, "boot") == 0)
		return take_choice(line, at[1], value, "closed", "open", &config->boot_open);
	if (strcmp(word, "stop") == 0)
		return take_choice(line, at[1], value, "keep", "down", &config->stop_down);
	if (strcmp(word, "saved") == 0) {
		config->saved = value;
		return 0;
	}
	reading->cli.place = &place;
	status = up_option(&reading->cli, word, value, &config->request);
	reading->cli.place = NULL;
	if (status != -ENOENT)
		return status ? -EINVAL : 0;
	return refuse(line, at[0],
		      "unknown setting %s: there are interface, boot, stop, saved, and the long "
		      "options of 'ifw up'",
		      quote(at[0]).text);
}

static int check_option(const struct config *config, const struct line *line,
			const struct config_line *of, const struct span *at)
{
	if (of->count < 2)
		return refuse(line, behind(line), "missing value of %s", quote(at[0]).text);
	if (of->count > 2)
		return refuse(line, at[2], "unexpected %s", quote(at[2]).text);
	for (size_t i = 0; i + 1 < config->count; i++) {
		if (strcmp(config->lines[i].words[0], of->words[0]) != 0)
			continue;
		line_say(line, SEVERITY_ERROR, at[0], "'%s' is set in line %u already",
			 of->words[0], config->lines[i].number);
		return -EINVAL;
	}
	return 0;
}

#define WORDS_MAX 64 /* a line that sets everything has half as many */

static int read_line(void *arg, struct line *line)
{
	struct reading *reading = arg;
	struct span at[WORDS_MAX];
	int err = take_words(reading->config, line, at, WORDS_MAX);

	if (!err) {
		const struct config_line *of = &reading->config->lines[reading->config->count - 1];

		if (strcmp(of->words[0], "interface") == 0)
			err = take_interface(reading, line, of, at);
		else
			err = check_option(reading->config, line, of, at);
		if (!err && strcmp(of->words[0], "interface") != 0)
			err = take_option(reading, line, of, at);
	}
	if (err == -EINVAL && ++reading->errors < GRAMMAR_ERRORS_MAX)
		return 0;
	return err == -ENOENT ? 0 : err;
}

/* Also where they are named differently: by a link, or from another folder. */
static bool same_file(const char *a, const char *b)
{
	struct stat one, other;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* 'ifw save' replaces its file, so that must be none that the administrator writes. */
static int check_saved(const struct cli *cli, const char *file, const struct config *config)
{
	const char *of = same_file(config->saved, config->request.rules) ? "rules"
			 : same_file(config->saved, file)		 ? "settings"
									 : NULL;

	if (!of)
		return CLI_DONE;
	complain(cli,
		 "'%s' has the administrator's %s, and 'ifw save' would write over them; name "
		 "another file after 'saved' in '%s'",
		 config->saved, of, file);
	return CLI_INPUT;
}

/* What several settings make together; the last of them is where it stands. */
static int complete(struct reading *reading, struct span text, struct diagnose_to *to)
{
	struct line line = {.diagnose = diagnose_print, .arg = to};
	struct cli_place place = {.line = &line};
	const char *at = text.text, *end = text.text + text.len;
	int status;

	for (size_t i = 0; i < reading->config->count; i++) {
		const struct config_line *one = &reading->config->lines[i];

		if (strcmp(one->words[0], "mark") == 0 || strcmp(one->words[0], "mask") == 0 ||
		    strcmp(one->words[0], "table") == 0)
			line.number = one->number;
	}
	for (unsigned int number = 1; number < line.number && at < end;)
		number += *at++ == '\n';
	line.text.text = at;
	while (at + line.text.len < end && at[line.text.len] != '\n')
		line.text.len++;
	place.word = at;
	place.len = line.text.len;
	if (line.number)
		reading->cli.place = &place;
	status = up_complete(&reading->cli, &reading->config->request);
	reading->cli.place = NULL;
	return status;
}

static int read_text(struct reading *reading, const char *file, struct span text)
{
	struct diagnose_to to = cli_diagnose_to(&reading->cli, file);
	int err = line_for_each(text, diagnose_print, &to, read_line, reading);

	if (err == -ENOMEM) {
		complain(&reading->cli, "no memory for '%s'", file);
		return CLI_REFUSED;
	}
	if (to.errors) {
		complain(&reading->cli, "%u error%s in '%s'", to.errors, text_s(to.errors), file);
		return CLI_INPUT;
	}
	if (complete(reading, text, &to))
		return CLI_INPUT;
	return check_saved(&reading->cli, file, reading->config);
}

int config_read(const struct cli *cli, const char *file, struct config *config)
{
	struct reading reading = {.cli = *cli, .config = config};
	auto_text text = NULL;
	size_t size = 0;
	int status;

	*config = (struct config){.saved = CONFIG_SAVED, .request = {.rules = CONFIG_RULES}};
	status = cli_read(cli, file, &text, &size);
	if (!status)
		status = read_text(&reading, file, (struct span){text, size});
	if (status)
		config_free(config);
	return status;
}
