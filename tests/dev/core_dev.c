/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties from text, the registry, reset, the device dump. */
#include <errno.h>

#include "tests/dev/devtest.h"

struct conf {
	struct dev dev;
	char *label;
	uint32_t count;
	uint64_t serial, memory;
	bool fast;
	void *host;
};
static const struct dev_type conf_type = {
	.name = "conf", .size = sizeof(struct conf), .nr_irqs = 1,
	.props = (const struct prop[]){
		PROP(struct conf, label, PROP_STR, "", "none"),
		PROP(struct conf, count, PROP_U32, "", "3"),
		PROP(struct conf, serial, PROP_U64, "", NULL),
		PROP(struct conf, memory, PROP_SIZE, "", "1K"),
		PROP(struct conf, fast, PROP_BOOL, "", "on"),
		PROP(struct conf, host, PROP_PTR, "", NULL),
		PROP_END },
	.state = (const struct field[]){ FIELD_END },
};

static void test_props(struct bus *b)
{
	struct conf *c = DEV_STATE(struct conf, dev_new(b->m, &conf_type, "c", &b->err));
	struct err *e = &b->err;
	struct dev *d = &c->dev;

	CHECK(!strcmp(c->label, "none") && c->count == 3 && c->memory == 1024 && c->fast,
	      "defaults");
	CHECK_EQ(dev_set(d, "label", "x", e), 0);
	CHECK(!strcmp(c->label, "x"), "%s", c->label);
	CHECK_EQ(dev_set(d, "count", "0x10", e), 0);
	CHECK_EQ(c->count, 16);
	CHECK_EQ(dev_set(d, "count", "4294967296", e), -ERANGE);
	CHECK_EQ(dev_set(d, "count", "-1", e), -EINVAL);
	CHECK_EQ(dev_set(d, "count", "", e), -EINVAL);
	CHECK_EQ(dev_set(d, "count", "1x", e), -EINVAL);
	CHECK_EQ(dev_set(d, "count", "1K", e), -EINVAL);
	CHECK_EQ(c->count, 16);
	CHECK_EQ(dev_set(d, "serial", "18446744073709551615", e), 0);
	CHECK_EQ(c->serial, UINT64_MAX);
	CHECK_EQ(dev_set(d, "serial", "18446744073709551616", e), -ERANGE);
	CHECK_EQ(dev_set(d, "memory", "2g", e), 0);
	CHECK_EQ(c->memory, 2ull << 30);
	CHECK_EQ(dev_set(d, "memory", "99999999T", e), -ERANGE);
	CHECK_EQ(dev_set(d, "fast", "off", e), 0);
	CHECK(!c->fast, "off");
	CHECK_EQ(dev_set(d, "fast", "maybe", e), -EINVAL);
	CHECK(strstr(e->msg, "expected on or off"), "%s", e->msg);
	CHECK_EQ(dev_set(d, "host", "1", e), -EINVAL);
	CHECK_EQ(dev_set(d, "memry", "1", e), -EINVAL);
	CHECK(strstr(e->msg, "did you mean 'memory'"), "%s", e->msg);
	CHECK_EQ(dev_set(d, "zzzzzz", "1", e), -EINVAL);
	CHECK(strstr(e->msg, "it has: label, count"), "%s", e->msg);
	dev_set_ptr(d, "host", b);
	CHECK(c->host == b, "pointer");
	CHECK(!dev_new(b->m, &conf_type, "c", e) && e->code == EEXIST, "ids are unique");
}

static void test_registry(struct bus *b)
{
	struct dev *d1, *d2;

	for (unsigned i = 0; dev_types[i]; i++) {
		CHECK(dev_type_find(dev_types[i]->name) == dev_types[i], "%s", dev_types[i]->name);
		CHECK(dev_types[i]->help && *dev_types[i]->help, "%s", dev_types[i]->name);
		CHECK(dev_types[i]->nr_regions <= DEV_MAX_REGIONS &&
		      dev_types[i]->nr_irqs <= DEV_MAX_IRQS, "%s", dev_types[i]->name);
	}
	CHECK(!dev_type_find("no-such-device"), "unknown");
	d1 = dev_new(b->m, &conf_type, NULL, &b->err);
	d2 = dev_new(b->m, &conf_type, NULL, &b->err);
	CHECK(!strcmp(d1->id, "conf0") && !strcmp(d2->id, "conf1"), "%s %s", d1->id, d2->id);
	dev_free(d1);
	CHECK(!machine_dev(b->m, "conf0") && machine_dev(b->m, "conf1") == d2, "freed");
}

static void test_lines(struct bus *b)
{
	struct dev *d = dev_new(b->m, &conf_type, "lines", &b->err);

	irq_set(&d->irq[0], 1);
	dev_connect(d, 0, bus_wire, b, 7);	/* the level at connection is told */
	CHECK_EQ(b->level[7], 1);
	irq_set(&d->irq[0], 2);
	CHECK_EQ(b->rises[7], 1);
	irq_set(&d->irq[0], 0);
	CHECK_EQ(b->level[7], 0);
	irq_set(&d->irq[0], 1);
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(d->irq[0].level, 0);
}

static void test_dma(struct bus *b)
{
	struct dev *d = dev_new(b->m, &conf_type, "dma", &b->err);
	uint32_t v = 0x12345678, back = 0;
	uint64_t dirty[1];

	mem_take_dirty(&b->m->mem.block[0], 0, 64, dirty);
	CHECK_EQ(dma_write(d, BUS_RAM + 0xffe, &v, 4), 0);
	CHECK_EQ(dma_read(d, BUS_RAM + 0xffe, &back, 4), 0);
	CHECK_EQ(back, v);
	mem_take_dirty(&b->m->mem.block[0], 0, 64, dirty);
	CHECK_EQ(dirty[0], 3);
	CHECK(dma_map(d, BUS_RAM, BUS_RAM_SIZE) != NULL, "all of RAM");
	CHECK(!dma_map(d, BUS_RAM, BUS_RAM_SIZE + 1) && !dma_map(d, 0, 1), "beyond it");
	dma_done(d, BUS_RAM + 0x3000, 1);
	mem_take_dirty(&b->m->mem.block[0], 0, 64, dirty);
	CHECK_EQ(dirty[0], 8);
}

int main(void)
{
	struct bus *b = bus_new();
	struct dev *d;
	char *tree;

	test_props(b);
	test_registry(b);
	test_lines(b);
	test_dma(b);
	d = bus_new_dev(b, "uart16550a");
	bus_plug(b, d, 0x10000000, 3);
	tree = machine_qtree(b->m);
	CHECK(strstr(tree, "dev: uart16550a, id \"uart16550a0\"") &&
	      strstr(tree, "mmio mmio 0x10000000+0x100") && strstr(tree, "irq 0 -> pin 3") &&
	      strstr(tree, "count = 16"), "%s", tree);
	free(tree);
	bus_free(b);
	return check_done();
}
