/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Credentials and user namespaces, as events show them. */
#pragma once

#include "event.h"
#include "kernel.h"

static __noinline __maybe_unused int read_credentials(struct credentials_value *value, u64 at)
{
	const struct cred *cred = (void *)at;
	const struct user_namespace *space;

	if (!value)
		return 0;
	__builtin_memset(value, 0, sizeof(*value));
	value->ids[CREDENTIAL_UID] = PROBE(cred->uid.val);
	value->ids[CREDENTIAL_GID] = PROBE(cred->gid.val);
	value->ids[CREDENTIAL_EUID] = PROBE(cred->euid.val);
	value->ids[CREDENTIAL_EGID] = PROBE(cred->egid.val);
	value->ids[CREDENTIAL_SUID] = PROBE(cred->suid.val);
	value->ids[CREDENTIAL_SGID] = PROBE(cred->sgid.val);
	value->ids[CREDENTIAL_FSUID] = PROBE(cred->fsuid.val);
	value->ids[CREDENTIAL_FSGID] = PROBE(cred->fsgid.val);
	value->secure_bits = PROBE(cred->securebits);
	value->permitted = PROBE(cred->cap_permitted).val;
	value->effective = PROBE(cred->cap_effective).val;
	value->inheritable = PROBE(cred->cap_inheritable).val;
	space = PROBE(cred->user_ns);
	value->inode = PROBE(space->ns.inum);
	value->level = PROBE(space->level);
	value->owner = PROBE(space->owner.val);
	value->group = PROBE(space->group.val);
	return 0;
}

static __always_inline void add_credentials(struct event_room *event, u16 place, u64 cred)
{
	struct credentials_value *bytes = open_value(event, TRACING_TYPE_CREDENTIALS, place);

	if (!bytes)
		return;
	read_credentials(bytes, cred);
	close_value(event, sizeof(*bytes), cred ? 0 : VALUE_IS_UNREADABLE);
}

static __always_inline void add_user_namespace(struct event_room *event, u16 place, u64 at)
{
	const struct user_namespace *space = (void *)at;
	struct user_namespace_value *bytes = open_value(event, TRACING_TYPE_USER_NAMESPACE, place);

	if (!bytes)
		return;
	bytes->level = PROBE(space->level);
	bytes->owner = PROBE(space->owner.val);
	bytes->group = PROBE(space->group.val);
	bytes->inode = PROBE(space->ns.inum);
	close_value(event, sizeof(*bytes), at ? 0 : VALUE_IS_UNREADABLE);
}
