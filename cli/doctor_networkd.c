/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * doctor_networkd.c - see doctor_looks.h: what systemd-networkd does with policy rules and routes
 * that others made. networkd.conf(5): a file, then drop-ins in the order of their names, those in
 * /etc before those of the same name in /run, and these before those in /usr.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "doctor_looks.h"

#define LINE_SIZE 512
#define DROP_INS_MAX 256
#define CONF "systemd/networkd.conf"
#define RUNS "/run/systemd/netif/state" /* written by networkd while it runs */

struct networkd {
	bool rules, routes; /* foreign ones are kept */
	char names[DROP_INS_MAX][256];
	size_t count;
};

static const char *const folders[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};
#define FOLDERS (sizeof(folders) / sizeof(folders[0]))

/* systemd's parse_boolean() */
static bool is_no(const char *value)
{
	static const char *const words[] = {"no", "n", "false", "f", "off", "0"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(value, words[i]) == 0)
			return true;
	return false;
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return text;
}

static void read_line(struct networkd *networkd, char *line, bool *network)
{
	char *key = trim(line), *value;

	if (*key == '[') {
		*network = strcmp(key, "[Network]") == 0;
		return;
	}
	value = strchr(key, '=');
	if (!*network || !value || *key == '#' || *key == ';')
		return;
	*value++ = '\0';
	key = trim(key);
	value = trim(value);
	if (strcmp(key, "ManageForeignRoutingPolicyRules") == 0)
		networkd->rules = is_no(value);
	if (strcmp(key, "ManageForeignRoutes") == 0)
		networkd->routes = is_no(value);
}

/* Whether there is such a file. */
static bool read_conf(struct networkd *networkd, const char *path)
{
	FILE *in = fopen(path, "re");
	char line[LINE_SIZE];
	bool network = false;

	if (!in)
		return false;
	while (fgets(line, sizeof(line), in))
		read_line(networkd, line, &network);
	fclose(in);
	return true;
}

static void note_name(struct networkd *networkd, const char *name)
{
	const size_t len = strlen(name);

	if (len < 6 || strcmp(name + len - 5, ".conf") != 0 || networkd->count == DROP_INS_MAX)
		return;
	for (size_t i = 0; i < networkd->count; i++)
		if (strcmp(networkd->names[i], name) == 0)
			return;
	snprintf(networkd->names[networkd->count++], sizeof(networkd->names[0]), "%s", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void read_drop_ins(struct networkd *networkd)
{
	char path[512];

	for (size_t i = 0; i < FOLDERS; i++) {
		DIR *dir;

		snprintf(path, sizeof(path), "%s/" CONF ".d", folders[i]);
		dir = opendir(path);
		if (!dir)
			continue;
		for (struct dirent *entry; (entry = readdir(dir));)
			note_name(networkd, entry->d_name);
		closedir(dir);
	}
	qsort(networkd->names, networkd->count, sizeof(networkd->names[0]), by_name);
	for (size_t i = 0; i < networkd->count; i++) {
		bool found = false;

		for (size_t j = 0; j < FOLDERS && !found; j++) {
			snprintf(path, sizeof(path), "%s/" CONF ".d/%s", folders[j],
				 networkd->names[i]);
			found = read_conf(networkd, path);
		}
	}
}

void look_networkd(const struct look *look)
{
	struct networkd *networkd;
	char path[64];
	bool found = false;

	if (access(RUNS, F_OK)) {
		doctor_add(look->doctor, "networkd", DOCTOR_OK, "it does not run");
		return;
	}
	networkd = calloc(1, sizeof(*networkd));
	if (!networkd) {
		look->doctor->no_memory = true;
		return;
	}
	for (size_t i = 0; i < FOLDERS && !found; i++) {
		snprintf(path, sizeof(path), "%s/" CONF, folders[i]);
		found = read_conf(networkd, path);
	}
	read_drop_ins(networkd);
	if (networkd->rules && networkd->routes)
		doctor_add(look->doctor, "networkd", DOCTOR_OK,
			   "it runs, and leaves rules and routes of others alone");
	else
		doctor_mend(doctor_add(look->doctor, "networkd", DOCTOR_WARNING,
				       "it runs, and is not told to leave %s of others alone",
				       networkd->rules	  ? "routes"
				       : networkd->routes ? "policy rules"
							  : "policy rules and routes"),
			    DOCTOR_OTHERS,
			    "mkdir -p /etc/systemd/networkd.conf.d && printf "
			    "'[Network]\\nManageForeignRoutingPolicyRules=no\\n"
			    "ManageForeignRoutes=no\\n' >/etc/systemd/networkd.conf.d/ifw.conf");
	free(networkd);
}
