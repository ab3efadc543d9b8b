/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * packet.c - the life of one packet: its frame before an unreadable page, and
 * the sockets that the decision holds. In the kernel the verifier refuses a
 * program that could break these rules; here breaking them is noted.
 */
#include <errno.h>
#include <unistd.h>

#include <sys/mman.h>

#include "world.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define BUFFER_MIN (64UL * 1024)
#define STALE_BYTE 0xa5 /* what a released socket reads as, and what the packet before left */

void sim_packet_violation(struct sim_packet *packet, const char *what)
{
	if (!packet->violation)
		packet->violation = what;
}

/* --- Frame ---------------------------------------------------------------- */

void sim_world_free_buffer(struct sim_world *world)
{
	if (world->buffer)
		munmap(world->buffer, world->buffer_size + (size_t)sysconf(_SC_PAGESIZE));
	world->buffer = NULL;
	world->buffer_size = 0;
}

/* No two words are equal: what compares two that were never written shows. No byte is 0. */
static void fill_stale(void *memory, size_t size)
{
	uint16_t *words = memory;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		words[i] = (uint16_t)(0x8080U | (~i & 0x7f) | (~i << 1 & 0x7f00));
}

/* Room for length bytes, and behind it a page that cannot be read. */
static int grow_buffer(struct sim_world *world, size_t length)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = BUFFER_MIN;
	uint8_t *new;

	if (length > SIZE_MAX / 4)
		return -ENOMEM;
	while (size < length)
		size *= 2;
	new = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(new + size, page, PROT_NONE) != 0) {
		munmap(new, size + page);
		return -ENOMEM;
	}
	sim_world_free_buffer(world);
	world->buffer = new;
	world->buffer_size = size;
	fill_stale(&world->stale, sizeof(world->stale));
	return 0;
}

int sim_packet_begin(struct sim_world *world, const struct sim_frame *frame,
		     struct sim_packet **packet)
{
	struct sim_packet *p = &world->packet;
	uint8_t *data;
	int error;

	if (!world->buffer || frame->length > world->buffer_size) {
		error = grow_buffer(world, frame->length);
		if (error)
			return error;
	}
	data = world->buffer + world->buffer_size - frame->length;
	if (frame->length)
		memcpy(data, frame->data, frame->length);
	ASAN_UNPOISON_MEMORY_REGION(p->handles, sizeof(p->handles));
	p->world = world;
	p->data = data;
	p->frame = *frame;
	p->mark = frame->mark;
	p->calls = 0;
	p->handle_count = 0;
	p->event_state = SIM_EVENT_NONE;
	p->with_packet = false;
	p->violation = NULL;
	p->work[frame->direction] = world->stale;
	memset(&p->found, STALE_BYTE, sizeof(p->found));
	*packet = p;
	return 0;
}

void sim_packet_end(struct sim_packet *packet)
{
	for (unsigned int i = 0; i < packet->handle_count; i++)
		if (!packet->handles[i].released)
			sim_packet_violation(packet, "a socket was not released");
	if (packet->event_state == SIM_EVENT_RESERVED)
		sim_packet_violation(packet, "an event was reserved and not submitted");
}

void sim_packet_strip(struct sim_packet *packet, uint32_t off, uint32_t len)
{
	memmove(packet->data + len, packet->data, off);
	packet->data += len;
	packet->frame.length -= len;
}

/* --- Sockets -------------------------------------------------------------- */

struct bpf_sock *sim_packet_hold(struct sim_packet *packet, const struct sim_socket *socket)
{
	struct sim_handle *handle;

	if (packet->handle_count == SIM_HANDLES) {
		sim_packet_violation(packet, "too many sockets were looked up");
		return NULL;
	}
	handle = &packet->handles[packet->handle_count++];
	handle->sk = socket->sk;
	handle->of = socket;
	handle->released = false;
	return &handle->sk;
}

struct sim_handle *sim_packet_handle(struct sim_packet *packet, const struct bpf_sock *sk)
{
	for (unsigned int i = 0; i < packet->handle_count; i++) {
		struct sim_handle *handle = &packet->handles[i];

		if (&handle->sk != sk)
			continue;
		if (!handle->released)
			return handle;
		sim_packet_violation(packet, "a socket was used after its release");
		return NULL;
	}
	sim_packet_violation(packet, "a socket that no lookup returned was used");
	return NULL;
}

void sim_packet_release(struct sim_packet *packet, struct sim_handle *handle)
{
	(void)packet;
	handle->released = true;
	memset(&handle->sk, STALE_BYTE, sizeof(handle->sk));
	ASAN_POISON_MEMORY_REGION(&handle->sk, sizeof(handle->sk));
}
