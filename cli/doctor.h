/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * doctor.h - what `ifw doctor` looked at: a check a line, what was found, why it matters and
 * the command that mends it. The checks themselves are in doctor_*.c.
 */
#ifndef IFW_DOCTOR_H
#define IFW_DOCTOR_H

#include <jansson.h>

#include "loader/loader.h"
#include "table.h"

#define DOCTOR_TEXT_MAX 512 /* bytes, with the final NUL */

#define DOCTOR_WORD_MAX (4 * IFW_NAME_MAX + 3)

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_UNSEEN,	/* could not be looked at */
	DOCTOR_WARNING, /* defeats some of it, or will */
	DOCTOR_FAILED,	/* defeats interception, or part of it, now */
	DOCTOR_STATES,
};

/* What of a command that mends is ours, so that --fix may do it. */
enum doctor_fix {
	DOCTOR_OTHERS,
	DOCTOR_MOUNT, /* the BPF file system */
	DOCTOR_UP,    /* `ifw up` on the interface */
	DOCTOR_UPGRADE,
};

struct doctor_check {
	const char *name;	  /* a stable word for programs; docs/doctor.md lists them */
	char where[IFW_NAME_MAX]; /* the interface; "": the host */
	enum doctor_state state;
	enum doctor_fix fix;
	char found[DOCTOR_TEXT_MAX];
	char command[DOCTOR_TEXT_MAX]; /* "": nothing that could be typed mends it */
};

struct doctor {
	struct doctor_check *checks;
	size_t count, room;
	char where[IFW_NAME_MAX];   /* of the checks that are added */
	char word[DOCTOR_WORD_MAX]; /* the same as a word of a command, quoted where need be */
	bool no_memory;		    /* some could not be added */
	struct doctor_check spare;  /* what those are written to */
};

/* Adds a check; never NULL. Its command is none until doctor_mend(). */
struct doctor_check *doctor_add(struct doctor *doctor, const char *name, enum doctor_state state,
				const char *format, ...) __attribute__((format(printf, 4, 5)));
void doctor_mend(struct doctor_check *check, enum doctor_fix fix, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The checks added from here on are about this interface; "": the host. */
void doctor_section(struct doctor *doctor, const char *where);
/* The name of an interface as a word of a shell; whether a name is one as it stands. */
void doctor_quote(const char *name, char word[DOCTOR_WORD_MAX]);
bool doctor_is_plain(const char *text);
void doctor_free(struct doctor *doctor);

size_t doctor_count(const struct doctor *doctor, enum doctor_state state);
/* Why a check of this name matters: a sentence. */
const char *doctor_why(const char *name);

/*
 * A line on where the commands are to be typed, where that is not here: path of a network
 * namespace, folder of the pins; NULL: the usual one.
 */
void doctor_print_place(FILE *out, const char *netns, const char *pin_dir);
/* For people; look->width: where to break lines, 0: nowhere. */
void doctor_print(const struct doctor *doctor, FILE *out, const struct table_look *look);
/* NULL: no memory. */
json_t *doctor_json(const struct doctor *doctor);

/* What the host is like; judges only. */
void doctor_judge_host(struct doctor *doctor, const struct host_facts *facts);

#define auto_doctor __attribute__((cleanup(doctor_free))) struct doctor

#endif /* IFW_DOCTOR_H */
