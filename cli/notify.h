/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * notify.h - telling systemd how a service is doing: sd_notify(3) is a datagram to a
 * socket, which takes no library (and this program has one dependency less).
 */
#ifndef IFW_NOTIFY_H
#define IFW_NOTIFY_H

#include <stdint.h>

/* "READY=1\nSTATUS=..." as sd_notify(3) has it. Nothing where no service manager asked for it. */
void notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often, in ms, a sign of life is wanted at least; 0: never. */
uint64_t notify_watchdog_ms(void);

#endif /* IFW_NOTIFY_H */
