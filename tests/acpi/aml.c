/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer's bytes against encodings worked out by hand from ACPI 6.4, chapters 6 and 20. */
#include "hw/acpi/aml.h"

#include <errno.h>

#include "tests/acpi/sample.h"

static struct aml a;

static void expect_at(int line, const void *want, size_t n)
{
	struct err e;

	CHECK(!aml_finish(&a, &e), "line %d: %s", line, e.msg);
	CHECK(a.len == n && !memcmp(a.buf, want, n), "line %d: %zu bytes, not %zu", line, a.len, n);
	aml_free(&a);
}
#define EXPECT(...) do {							\
	static const uint8_t want_[] = { __VA_ARGS__ };				\
	expect_at(__LINE__, want_, sizeof(want_));				\
} while (0)

static void expect_error_at(int line, int code)
{
	struct err e = { 0 };

	CHECK(aml_finish(&a, &e) == -code && e.code == code && *e.msg, "line %d: %d", line, e.code);
	aml_free(&a);
}
#define EXPECT_ERROR(code) expect_error_at(__LINE__, code)

static void test_integers(void)
{
	aml_int(&a, 0), aml_int(&a, 1), aml_int(&a, 2), aml_int(&a, 0x100);
	EXPECT(0x00, 0x01, 0x0a, 2, 0x0b, 0x00, 0x01);
	aml_int(&a, 0x10000), aml_int(&a, UINT32_MAX), aml_int(&a, UINT64_MAX);
	EXPECT(0x0c, 0, 0, 1, 0, 0x0c, 0xff, 0xff, 0xff, 0xff, 0xff);
	aml_int(&a, UINT64_C(0x0123456789abcdef));
	EXPECT(0x0e, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01);
	aml_str(&a, "hi");
	EXPECT(0x0d, 'h', 'i', 0);
	aml_eisa_id(&a, "PNP0A03");			/* the specification's own example */
	EXPECT(0x0c, 0x41, 0xd0, 0x0a, 0x03);
	aml_uuid(&a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
	EXPECT(0x11, 0x13, 0x0a, 16, 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96, 0x57,
	       0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66);
}

static void test_names(void)
{
	aml_ref(&a, "A");
	EXPECT('A', '_', '_', '_');
	aml_ref(&a, "\\");
	EXPECT('\\', 0);
	aml_ref(&a, "^^FOO1");
	EXPECT('^', '^', 'F', 'O', 'O', '1');
	aml_ref(&a, "\\_SB.PCI0");
	EXPECT('\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0');
	aml_ref(&a, "A.B.C");
	EXPECT(0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_');
	aml_id(&a, "_HID", "PNP0501"), aml_id(&a, "_CID", "QEMU0002");
	EXPECT(0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01,
	       0x08, '_', 'C', 'I', 'D', 0x0d, 'Q', 'E', 'M', 'U', '0', '0', '0', '2', 0);
	for (unsigned i = 0; i < 6; i++) {
		static const char *const bad[] = { "", "abcd", "FIVES", "0AB", "A..B", "A.B-" };

		aml_ref(&a, bad[i]);
		EXPECT_ERROR(EINVAL);
	}
}

/* A package length counts itself, and grows by a byte at 63, 4095 and 1048575. */
static void test_length(size_t body, unsigned bytes)
{
	uint32_t got;
	struct err e;

	aml_if(&a);
	for (size_t i = 0; i < body; i++)
		aml_op(&a, AML_RETURN);
	aml_end(&a);
	CHECK(!aml_finish(&a, &e), "%s", e.msg);
	CHECK_EQ(a.len, 1 + bytes + body);
	CHECK_EQ(a.buf[1] >> 6, bytes - 1);
	got = bytes == 1 ? a.buf[1] : a.buf[1] & 15;
	for (unsigned i = 1; i < bytes; i++)
		got |= (uint32_t)a.buf[1 + i] << (8 * i - 4);
	CHECK_EQ(got, bytes + body);
	CHECK_EQ(a.buf[1 + bytes], AML_RETURN);
	CHECK_EQ(a.buf[a.len - 1], AML_RETURN);
	aml_free(&a);
}

static void test_objects(void)
{
	aml_device(&a, "C%03X", 0xab);
	aml_name_int(&a, "_UID", 0xab);
	aml_end(&a);
	EXPECT(0x5b, 0x82, 0x0c, 'C', '0', 'A', 'B', 0x08, '_', 'U', 'I', 'D', 0x0a, 0xab);
	aml_scope(&a, "\\_SB");
	aml_method(&a, "_STA", 2, true);
	aml_return_int(&a, 15);
	aml_end(&a);
	aml_end(&a);
	EXPECT(0x10, 0x10, '\\', '_', 'S', 'B', '_',
	       0x14, 0x09, '_', 'S', 'T', 'A', 0x0a, 0xa4, 0x0a, 15);
	aml_region(&a, "REGS", AML_SYSTEM_IO, 0x600, 4);
	aml_field(&a, "REGS", AML_ACC_BYTE);
	aml_field_unit(&a, NULL, 8), aml_field_unit(&a, "BIT", 1);
	aml_end(&a);
	EXPECT(0x5b, 0x80, 'R', 'E', 'G', 'S', 1, 0x0b, 0x00, 0x06, 0x0a, 4,
	       0x5b, 0x81, 0x0d, 'R', 'E', 'G', 'S', 1, 0, 8, 'B', 'I', 'T', '_', 1);
	aml_if(&a);
	aml_op(&a, AML_LEQUAL), aml_arg(&a, 0), aml_local(&a, 7);
	aml_op(&a, AML_NOTIFY), aml_ref(&a, "DEV0"), aml_int(&a, 1);
	aml_end(&a);
	aml_else(&a);
	aml_return_int(&a, 0);
	aml_end(&a);
	EXPECT(0xa0, 0x0a, 0x93, 0x68, 0x67, 0x86, 'D', 'E', 'V', '0', 1,
	       0xa1, 0x03, 0xa4, 0);
	aml_package(&a, 2);
	aml_int(&a, 1), aml_int(&a, 0);
	aml_end(&a);
	EXPECT(0x12, 4, 2, 1, 0);
}

static void test_resources(void)
{
	aml_template(&a);
	aml_end(&a);
	EXPECT(0x11, 0x06, 0x0b, 2, 0, 0x79, 0);
	aml_template(&a);
	aml_res_io(&a, 0x3f8, 8), aml_res_irq(&a, 4);
	aml_end(&a);
	EXPECT(0x11, 0x11, 0x0b, 13, 0, 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x22, 0x10, 0, 0x79, 0);
	aml_res_mem32(&a, 0xfed00000, 0x400, false);
	EXPECT(0x86, 9, 0, 0, 0, 0, 0xd0, 0xfe, 0, 4, 0, 0);
	aml_res_gsi(&a, (const uint32_t[]){ 16, 17 }, 2, AML_LOW | AML_SHARED);
	EXPECT(0x89, 10, 0, 0x0d, 2, 16, 0, 0, 0, 17, 0, 0, 0);
	aml_res_window(&a, 16, AML_RANGE_BUS, 0, 255);
	EXPECT(0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 1);
	aml_res_window(&a, 32, AML_RANGE_MEM, 0xc0000000, 0xfebfffff);
	EXPECT(0x87, 23, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff, 0xbf, 0xfe,
	       0, 0, 0, 0, 0, 0, 0xc0, 0x3e);
	aml_res_window(&a, 64, AML_RANGE_MEM, UINT64_C(1) << 32, (UINT64_C(2) << 32) - 1);
	EXPECT(0x8a, 43, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
	       0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	       0, 0, 0, 0, 1, 0, 0, 0);
	aml_res_window(&a, 32, AML_RANGE_MEM, 0, UINT64_C(1) << 32);
	EXPECT_ERROR(EINVAL);
	aml_res_window(&a, 16, AML_RANGE_IO, 2, 1);
	EXPECT_ERROR(EINVAL);
	aml_res_irq(&a, 16);
	EXPECT_ERROR(EINVAL);
}

static void test_device(void)
{
	struct bus *b = sample_bus();

	for (struct dev *d = b->m->devs; d; d = d->next)
		if (d->type->describe_acpi)
			d->type->describe_acpi(d, &a);
	EXPECT(0x5b, 0x82, 0x42, 0x04, 'C', 'O', 'M', '1',
	       0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01,
	       0x08, '_', 'C', 'R', 'S', 0x11, 0x26, 0x0b, 0x22, 0x00,
	       0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8,
	       0x86, 9, 0, 1, 0, 0, 0, 0xfe, 0, 0x10, 0, 0,
	       0x22, 0x10, 0, 0x89, 6, 0, 1, 1, 20, 0, 0, 0, 0x79, 0,
	       0x08, '_', 'U', 'I', 'D', 1);
	bus_free(b);
}

/* Errors stick, and closing what was open stays possible. */
static void test_limits(void)
{
	static const char big[1 << 16];

	for (unsigned i = 0; i <= AML_MAX_DEPTH; i++)
		aml_scope(&a, "A");
	for (unsigned i = 0; i <= AML_MAX_DEPTH; i++)
		aml_end(&a);
	EXPECT_ERROR(ENOSPC);
	aml_scope(&a, "A");
	for (unsigned i = 0; i <= AML_MAX_SIZE / sizeof(big); i++)
		aml_buffer(&a, big, sizeof(big));
	aml_end(&a);
	CHECK(a.len <= AML_MAX_SIZE && a.cap <= 2 * AML_MAX_SIZE, "%zu", a.len);
	EXPECT_ERROR(ENOSPC);
	aml_template(&a);
	for (unsigned i = 0; i < 65536 / 8; i++)
		aml_res_io(&a, 0, 1);
	aml_end(&a);
	EXPECT_ERROR(ENOSPC);
	aml_str(&a, "\xc3\xa4");
	EXPECT_ERROR(EINVAL);
	aml_eisa_id(&a, "PNP05011");
	EXPECT_ERROR(EINVAL);
	aml_uuid(&a, "33db4d5b-1ff7-401c-9657-7441c03dd76");
	EXPECT_ERROR(EINVAL);
	aml_package(&a, 256);
	aml_end(&a);
	EXPECT_ERROR(EINVAL);
}

int main(void)
{
	aml_start(&a);
	test_integers();
	test_names();
	test_length(1, 1);
	test_length(62, 1);
	test_length(63, 2);
	test_length(4093, 2);
	test_length(4094, 3);
	test_length(1000000, 3);
	test_objects();
	test_resources();
	test_device();
	test_limits();
	return check_done();
}
