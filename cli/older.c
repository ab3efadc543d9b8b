/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * older.c - which of the older front ends this is, by the name it was called
 * under. They are a program of their own because routers start one for each
 * rule: it is linked without shared libraries, so it may use nothing of the
 * loader that needs libmnl.
 */
#include <string.h>

#include "cli.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*main)(int argc, char **argv);
	} older[] = {
		{"map_update", map_update_main},
		{"map_delete_elem", map_delete_main},
	};
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";

	for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++)
		if (strcmp(name, older[i].name) == 0)
			return older[i].main(argc, argv);
	return zfw_main(argc, argv);
}
