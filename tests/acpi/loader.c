/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loader's commands, good and bad, one at a time. */
#include "hw/acpi/loader.h"

#include <errno.h>

#include "tests/acpi/sample.h"

static uint8_t one[256], two[64];
static struct loader_file files[2];
static struct loader_room room[3];
static struct aml script;
static struct err err;

static void start(void)
{
	for (unsigned i = 0; i < sizeof(one); i++)
		one[i] = (uint8_t)i;
	memset(two, 0, sizeof(two));
	files[0] = (struct loader_file){ .name = "one", .data = one, .size = sizeof(one) };
	files[1] = (struct loader_file){ .name = "two", .data = two, .size = sizeof(two) };
	room[LOADER_HIGH] = (struct loader_room){ 0x7ff00010, 0x7ff01000 };
	room[LOADER_FSEG] = (struct loader_room){ 0xf0000, 0xf1000 };
	aml_free(&script);
}

static int run(void)
{
	struct err e;

	CHECK(!aml_finish(&script, &e), "%s", e.msg);
	memset(&err, 0, sizeof(err));
	return loader_run(script.buf, script.len, files, 2, room, &err);
}

static void both(void)
{
	start();
	loader_allocate(&script, "one", 64, LOADER_HIGH);
	loader_allocate(&script, "two", 16, LOADER_FSEG);
}

#define REFUSED(code, text) do {						\
	CHECK_EQ(run(), -(code));						\
	CHECK(strstr(err.msg, text), "'%s'", err.msg);				\
} while (0)

static void test_good(void)
{
	uint8_t sum = 0;

	both();
	st_le32(two + 4, 0x20);
	st_le64(two + 8, 0x100);		/* the very end is a place, too */
	loader_add_pointer(&script, "two", 4, 4, "one");
	loader_add_pointer(&script, "two", 8, 8, "one");
	loader_add_pointer(&script, "two", 16, 4, "two");
	loader_add_checksum(&script, "two", 0, 20, 1);
	CHECK_EQ(run(), 0);
	CHECK_EQ(files[0].addr, 0x7ff00040);
	CHECK_EQ(files[1].addr, 0xf0000);
	CHECK_EQ(room[LOADER_HIGH].next, 0x7ff00140);
	CHECK_EQ(ld_le32(two + 4), 0x7ff00060);
	CHECK_EQ(ld_le64(two + 8), 0x7ff00140);
	CHECK_EQ(ld_le32(two + 16), 0xf0000);
	for (unsigned i = 0; i < 20; i++)
		sum = (uint8_t)(sum + two[i]);
	CHECK_EQ(sum, 0);
	CHECK(two[1], "a sum that needs no byte tells nothing");
}

static void test_allocate(void)
{
	start();
	loader_allocate(&script, "three", 1, LOADER_HIGH);
	REFUSED(ENOENT, "'three'");
	start();
	loader_allocate(&script, "one", 3, LOADER_HIGH);
	REFUSED(EINVAL, "alignment");
	start();
	loader_allocate(&script, "one", 8192, LOADER_HIGH);
	REFUSED(EINVAL, "alignment");
	start();
	loader_allocate(&script, "one", 1, 3);
	REFUSED(EINVAL, "zone");
	start();
	loader_allocate(&script, "one", 1, LOADER_HIGH);
	script.buf[64] = 0;
	REFUSED(EINVAL, "zone");
	both();
	loader_allocate(&script, "one", 1, LOADER_HIGH);
	REFUSED(EINVAL, "twice");
	start();
	room[LOADER_HIGH].end = 0x7ff0013f;
	loader_allocate(&script, "one", 64, LOADER_HIGH);
	REFUSED(ENOSPC, "no room");
	start();
	room[LOADER_HIGH] = (struct loader_room){ UINT64_MAX - 5, UINT64_MAX };
	loader_allocate(&script, "one", 64, LOADER_HIGH);
	REFUSED(ENOSPC, "no room");
	start();
	loader_allocate(&script, "one", 1, LOADER_HIGH);
	memset(script.buf + 4, 'x', LOADER_NAME);
	REFUSED(EINVAL, "without an end");
}

static void test_pointer(void)
{
	static const unsigned sizes[] = { 0, 3, 5, 9, 16, 255 };

	start();
	loader_allocate(&script, "one", 1, LOADER_HIGH);
	loader_add_pointer(&script, "one", 0, 4, "two");
	REFUSED(EINVAL, "'two' is used before");
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		both();
		loader_add_pointer(&script, "two", 0, sizes[i], "one");
		REFUSED(EINVAL, "pointer of");
	}
	both();
	loader_add_pointer(&script, "two", 57, 8, "one");
	REFUSED(EINVAL, "beyond the end of 'two'");
	both();
	loader_add_pointer(&script, "two", UINT32_MAX, 8, "one");
	REFUSED(EINVAL, "beyond the end of 'two'");
	both();
	st_le32(two, 257);
	loader_add_pointer(&script, "two", 0, 4, "one");
	REFUSED(EINVAL, "beyond the end of 'one'");
	both();
	loader_add_pointer(&script, "two", 0, 2, "one");
	REFUSED(EINVAL, "does not fit");
	CHECK_EQ(ld_le16(two), 0);
}

static void test_checksum(void)
{
	static const uint32_t bad[][3] = {		/* start, length, place */
		{ 0, 65, 0 }, { 64, 1, 0 }, { 65, 0, 0 }, { 0, 64, 64 }, { UINT32_MAX, 2, 0 },
		{ 2, UINT32_MAX, 0 }, { 0, 0, UINT32_MAX },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		both();
		loader_add_checksum(&script, "two", bad[i][0], bad[i][1], bad[i][2]);
		REFUSED(EINVAL, "checksum beyond");
	}
	start();
	loader_add_checksum(&script, "two", 0, 1, 0);
	REFUSED(EINVAL, "before it is allocated");
}

static void test_script(void)
{
	both();
	CHECK_EQ(loader_run(script.buf, script.len - 1, files, 2, room, &err), -EINVAL);
	both();
	script.buf[128] = 4;			/* WRITE_POINTER: we have no such file */
	REFUSED(EINVAL, "command 1");
	CHECK_EQ(loader_run(NULL, 0, files, 2, room, &err), 0);
	both();
	script.buf[0] = 9;
	CHECK(loader_run(script.buf, script.len, files, 2, room, NULL) < 0, "taken");
}

int main(void)
{
	test_good();
	test_allocate();
	test_pointer();
	test_checksum();
	test_script();
	aml_free(&script);
	return check_done();
}
