/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * room.h - arrays that grow one element at a time.
 */
#ifndef IFW_ROOM_H
#define IFW_ROOM_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16 /* elements */

/*
 * array: the address of a pointer to room elements of size bytes, or to NULL, of which count
 * are in use. Sees to it that there is one more. 0, or -ENOMEM, and all is as it was.
 */
static inline int room_for_one(void *array, size_t count, size_t *room, size_t size)
{
	const size_t wanted = *room ? *room * 2 : ROOM_FIRST;
	void *at;

	if (count < *room)
		return 0;
	memcpy(&at, array, sizeof(at));
	at = reallocarray(at, wanted, size);
	if (!at)
		return -ENOMEM;
	memcpy(array, &at, sizeof(at));
	*room = wanted;
	return 0;
}

#endif /* IFW_ROOM_H */
