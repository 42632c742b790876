/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes AML (ACPI 6.4, chapter 20) front to back. Whatever has a length (a device, a
 * method, a package, a resource template) is opened, filled and closed by aml_end, which
 * patches the length. Errors (a bad name, no room) are latched and reported once by
 * aml_finish, so that writers need no checks; an aml_end too many or too few is our bug
 * and aborts.
 *
 * Names are as in ASL: "\\_SB.PCI0", "^LNKA", "_CRS"; segments of less than four
 * characters are padded. Functions that declare a name take a printf format.
 *
 *	aml_dev(a, d, "COM1", "PNP0501");	opens; _HID and _CRS are there
 *	aml_name_int(a, "_UID", 1);
 *	aml_end(a);
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct dev;

#define AML_MAX_SIZE  (1u << 20)
#define AML_MAX_DEPTH 16

struct aml {
	uint8_t *buf;			/* malloc'ed */
	size_t len, cap;
	int error;			/* positive errno of the first failure; 0: none */
	char what[64];			/* what failed */
	unsigned depth;
	struct aml_open { size_t at; bool is_template; } open[AML_MAX_DEPTH];
};

void aml_start(struct aml *a);
int  aml_finish(struct aml *a, struct err *e);	/* 0 or -errno; buf and len are the caller's */
void aml_free(struct aml *a);

/* ---- objects; those said to open are closed by aml_end ---- */

void aml_scope(struct aml *a, const char *name);			/* opens */
void aml_device(struct aml *a, const char *fmt, ...)			/* opens */
	__attribute__((format(printf, 2, 3)));
void aml_method(struct aml *a, const char *name, unsigned args, bool serialized);	/* opens */
/* Name(name, ...): a data object follows. */
void aml_name(struct aml *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void aml_name_int(struct aml *a, const char *name, uint64_t v);
void aml_name_str(struct aml *a, const char *name, const char *s);
/* Name(_HID or _CID, ...): packed where the id has the EISA form (PNP0501), else a string. */
void aml_id(struct aml *a, const char *name, const char *id);
void aml_end(struct aml *a);

/* Spaces of operation regions. */
enum { AML_SYSTEM_IO = 1, AML_PCI_CONFIG };
enum { AML_ACC_BYTE = 1 };

void aml_region(struct aml *a, const char *name, unsigned space, uint64_t off, uint64_t len);
/* Opens: fields of a region, or with no lock and the other bits preserved at writes. */
void aml_field(struct aml *a, const char *region, unsigned access);
void aml_field_unit(struct aml *a, const char *name, unsigned bits);	/* NULL: bits skipped */

/*
 * A device's own object, opened: name, _HID, and a _CRS of its mapped regions (ports, memory)
 * and connected lines (edge-triggered ISA interrupts where the pin is below 16, otherwise
 * level-triggered, high). Without either there is no _CRS.
 */
void aml_dev(struct aml *a, struct dev *d, const char *name, const char *hid);

/* ---- data and terms ---- */

void aml_int(struct aml *a, uint64_t v);
void aml_str(struct aml *a, const char *s);
void aml_eisa_id(struct aml *a, const char *id);			/* "PNP0A08" */
/* As ASL's ToUUID: "33db4d5b-1ff7-401c-9657-7441c03dd766". */
void aml_uuid(struct aml *a, const char *uuid);
void aml_buffer(struct aml *a, const void *data, size_t n);
void aml_package(struct aml *a, unsigned n);		/* opens; n elements follow, at most 255 */
void aml_ref(struct aml *a, const char *name);		/* a name, as operand, target or call */
void aml_arg(struct aml *a, unsigned n);		/* 0 to 6 */
void aml_local(struct aml *a, unsigned n);		/* 0 to 7 */

/*
 * Operators: the operands follow in ASL's order, and then the target, where there is one;
 * AML_NO_TARGET in its place: none.
 */
enum {
	AML_NO_TARGET = 0x00,
	AML_STORE = 0x70,		/* source, target */
	AML_AND = 0x7b, AML_OR = 0x7d,	/* two operands, target */
	AML_NOTIFY = 0x86,		/* object, value */
	AML_CREATE_DWORD_FIELD = 0x8a,	/* buffer, byte index, name */
	AML_LNOT = 0x92, AML_LEQUAL = 0x93, AML_LLESS = 0x95,
	AML_RETURN = 0xa4,		/* value */
};
void aml_op(struct aml *a, unsigned op);
void aml_if(struct aml *a);				/* opens; the predicate follows */
void aml_else(struct aml *a);				/* opens; after the end of an if */
void aml_return_int(struct aml *a, uint64_t v);

/* ---- resource templates (6.4): a buffer, opened ---- */

enum { AML_EDGE = 1, AML_LOW = 2, AML_SHARED = 4 };	/* else level, active high, exclusive */
enum { AML_RANGE_MEM, AML_RANGE_IO, AML_RANGE_BUS };

void aml_template(struct aml *a);
void aml_res_io(struct aml *a, uint16_t base, uint8_t len);
void aml_res_irq(struct aml *a, unsigned irq);		/* ISA: 0 to 15, edge, high */
/* Lines as 32-bit GSIs; flags AML_EDGE and so on. */
void aml_res_gsi(struct aml *a, const uint32_t *gsi, unsigned n, unsigned flags);
void aml_res_mem32(struct aml *a, uint32_t base, uint32_t len, bool writable);
/* What a bridge passes on, [first, last]: bits 16 (bus, I/O), 32 or 64. */
void aml_res_window(struct aml *a, unsigned bits, unsigned range, uint64_t first, uint64_t last);

#endif
