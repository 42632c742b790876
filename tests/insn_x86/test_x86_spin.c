/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A processor that spins with its interrupts off sees what a device, or another processor, writes
 * over its loop: on x86 stores show in what is fetched, by and by.
 */
#include "target/x86/state.h"
#include "tests/check.h"
#include "tests/solo/solo.h"
#include "util/bits.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

extern const struct isa isa_x86_64;

enum { CODE = 0x1000, LIMIT_MS = 2000 };

static void *writes(void *opaque)
{
	struct solo *s = opaque;

	usleep(50000);
	mem_write(&s->m->mem, CODE, "\xf4", 1, false);	/* HLT */
	return NULL;
}

static void spin(const char *args, const char *code, size_t n)
{
	struct solo_config c = { .isa = &isa_x86_64, .args = args, .ram_size = 1 << 20,
				 .timebase_hz = 1000000000 };
	struct x86_state *s;
	struct vm_exit x = { 0 };
	struct solo solo;
	pthread_t t;

	solo_start(&solo, &c);
	s = solo.v->state;
	mem_write(&solo.m->mem, CODE, code, n, false);
	isa_x86_64.reset(s);
	s->seg[X86_CS].base = 0;
	s->seg[X86_CS].selector = 0;
	s->rip = CODE;
	solo.v->env.ops->mode_changed(&solo.v->env);
	CHECK(!pthread_create(&t, NULL, writes, &solo));
	CHECK(solo_run(&solo, &x, LIMIT_MS));
	CHECK(x.reason == VM_EXIT_HALT && s->rip == CODE + 1);
	pthread_join(t, NULL);
	solo_stop(&solo);
}

int main(void)
{
	static const char *const args[] = { NULL, "interp=on", "pcrel=on" };

	for (unsigned i = 0; i < ARRAY_SIZE(args); i++) {
		spin(args[i], "\xeb\xfe", 2);				/* jmp . */
		spin(args[i], "\x90\x83\xf9\xff\x75\xfa", 6);	/* nop; cmp cx, -1; jne */
		spin(args[i], "\x90\xe9\xfc\xff", 4);		/* nop; jmp near */
	}
	return check_done();
}
