/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's properties ("kvm,irqchip=split"): one table, one line a property. */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>

enum { TEXT = 256 };

struct arg {
	const char *name, *values;
	/* value is not empty; a refusal needs no text: name, value and `values` are said. */
	int (*set)(struct vm *vm, const char *value);
};

static int set_irqchip(struct vm *vm, const char *value)
{
	static const char *const names[] = {
		[IRQCHIP_WANT_OFF] = "off",
		[IRQCHIP_WANT_SPLIT] = "split",
		[IRQCHIP_WANT_ON] = "on",
	};

	for (unsigned i = IRQCHIP_WANT_OFF; i < ARRAY_SIZE(names); i++)
		if (!strcmp(value, names[i])) {
			vm->irqchip = i;
			return 0;
		}
	return -EINVAL;
}

static int set_bool(bool *to, const char *value)
{
	*to = !strcmp(value, "on");
	return *to || !strcmp(value, "off") ? 0 : -EINVAL;
}

static int set_ignore_msrs(struct vm *vm, const char *value)
{
	return set_bool(&kvm_vm(vm)->counts.ignore_msrs, value);
}

/* A[-B] and colons between several */
static int set_deny_msrs(struct vm *vm, const char *value)
{
	enum { SPAN_MAX = 0x1800 };	/* as many as KVM takes in one piece */
	struct kvm_vm *k = kvm_vm(vm);

	for (const char *p = value;; p++) {
		unsigned long long first, last;
		char *end;

		first = last = strtoull(p, &end, 0);
		if (end != p && *end == '-') {
			p = end + 1;
			last = strtoull(p, &end, 0);
		}
		if (end == p || last < first || last > UINT32_MAX || last - first >= SPAN_MAX ||
		    k->nr_denied == KVM_MAX_DENIED)
			return -EINVAL;
		k->denied[k->nr_denied++] =
			(struct kvm_msr_span){ (uint32_t)first, (uint32_t)last };
		p = end;
		if (!*p)
			return 0;
		if (*p != ':')
			return -EINVAL;
	}
}

static int set_stats(struct vm *vm, const char *value)
{
	struct kvm_counts *n = &kvm_vm(vm)->counts;

	return snprintf(n->file, sizeof(n->file), "%s", value) < (int)sizeof(n->file) ? 0 : -EINVAL;
}

static int set_dirty_ring(struct vm *vm, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*end || (n && (n < 512 || n > 65536 || n & (n - 1))))
		return -EINVAL;
	kvm_vm(vm)->dirty.want = (uint32_t)n;
	return 0;
}

static const struct arg args[] = {
	{ "irqchip", "on, off or split", set_irqchip },
	{ "kernel-irqchip", "on, off or split", set_irqchip },
	{ "ignore-msrs", "on or off", set_ignore_msrs },
	{ "deny-msrs", "numbers or ranges, at most 16: 0x1a0:0xc0010000-0xc00100ff",
	  set_deny_msrs },
	{ "stats", "the name of a file", set_stats },
	{ "dirty-ring", "0 or a power of two from 512 to 65536", set_dirty_ring },
};

static int unknown(const char *name, struct err *e)
{
	char known[TEXT] = "";
	size_t n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(args) && n < sizeof(known); i++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "",
				      args[i].name);
	return err_set(e, EINVAL, "no property '%.60s'; there are %s", name, known);
}

static int set_one(struct vm *vm, char *word, struct err *e)
{
	const char *value = "";
	char *eq = strchr(word, '=');

	if (eq) {
		*eq = '\0';
		value = eq + 1;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(args); i++) {
		if (strcmp(word, args[i].name))
			continue;
		if (!*value || args[i].set(vm, value))
			return err_set(e, EINVAL, "%s=%.60s: takes %s", word, value,
				       args[i].values);
		return 0;
	}
	return unknown(word, e);
}

int kvm_args_parse(struct vm *vm, struct err *e)
{
	char buf[TEXT], *p = buf, *word;
	int r = 0;

	if (!vm->accel_args)
		return 0;
	if (snprintf(buf, sizeof(buf), "%s", vm->accel_args) >= (int)sizeof(buf))
		return err_set(e, EINVAL, "properties of more than %d characters", TEXT - 1);
	while (!r && (word = strsep(&p, ",")))
		if (*word)
			r = set_one(vm, word, e);
	return r;
}
