/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * subject.h - the packet that somebody wants to have explained: of a flow that is made up,
 * bytes, or one of a capture.
 */
#ifndef IFW_SIM_SUBJECT_H
#define IFW_SIM_SUBJECT_H

#include <errno.h>

#include "explain.h"

#define SUBJECT_FRAME_MAX 65549	 /* bytes: an Ethernet header and the longest IPv4 packet */
#define SUBJECT_MESSAGE_MAX 4608 /* bytes, with the final NUL; a path and more */

enum subject_kind { SUBJECT_FLOW, SUBJECT_BYTES, SUBJECT_CAPTURED };

struct subject {
	enum subject_kind kind;
	struct flow flow; /* FLOW */
	size_t size;	  /* BYTES */
	uint8_t bytes[SUBJECT_FRAME_MAX];
	uint64_t number;  /* CAPTURED: from 1 */
	const char *path; /* CAPTURED: "-" is stdin; as long as the words */
};

/*
 * "tcp|udp SRC:PORT DST:PORT [FLAGS]", "hex BYTES..." where - is standard input, or
 * "packet N CAPTURE". 0; -EINVAL where they are nothing of that, -EIO where standard input
 * cannot be read; message then says why.
 */
int subject_from_words(char *const *words, int count, struct subject *subject,
		       char message[SUBJECT_MESSAGE_MAX]);

/* Where the packet goes. */
struct subject_place {
	uint32_t ifindex; /* of CAPTURED 0: where the capture says, as struct replay has it */
	int direction;	  /* enum ifw_direction; of CAPTURED also REPLAY_EITHER_WAY */
};

/*
 * Explains it in the world, one of a capture after those before it have been decided; place
 * is then where it went. 0 or -errno, as explain_frame() and replay_capture(), or that the
 * capture cannot be opened; message then says why.
 */
int subject_explain(const struct subject *subject, struct sim_world *world,
		    struct subject_place *place, struct explanation *explanation,
		    char message[SUBJECT_MESSAGE_MAX]);

/*
 * Whether bytes that were read as an Ethernet frame look like an IP packet without its Ethernet
 * header, as `tcpdump -x` prints it: no protocol that is known, and where the headers would be
 * an IP version and a length that is there. packet: as the decision understood them.
 */
bool subject_lacks_link_header(const struct subject *subject, const struct packet *packet);
#define SUBJECT_LACKS_LINK_HEADER                                                                  \
	"these look like an IP packet without its Ethernet header: tcpdump -xx prints that, too"

/* Of the errors of both: what was given is wrong, as against what could not be done. */
static inline bool subject_is_bad(int error)
{
	return error == -EINVAL || error == -EPROTONOSUPPORT || error == -ENOENT ||
	       error == -ENOTDIR || error == -EISDIR;
}

#endif /* IFW_SIM_SUBJECT_H */
