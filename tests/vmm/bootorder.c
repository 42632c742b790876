/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -boot as text, and what firmware is told of the devices of a PC. */
#include "vmm/bootorder.h"

#include <stdlib.h>
#include <unistd.h>

#include "hw/machine/pc.h"
#include "hw/virtio/virtio_blk.h"
#include "io/block/block.h"
#include "tests/check.h"

static struct err e;
static struct bootorder b;

static int parse(const char *text)
{
	b = (struct bootorder){ .order = "cdn", .fail_ms = -1 };
	return bootorder_parse(&b, text, &e);
}

static void options(void)
{
	CHECK(!parse("d"));
	CHECK(!strcmp(b.order, "d") && !b.once[0] && !b.menu && !b.strict);
	CHECK(!parse("order=dc,once=n,menu=on,strict=on,splash-time=5000,reboot-timeout=100"));
	CHECK(!strcmp(b.order, "dc") && !strcmp(b.once, "n") && b.menu && b.strict);
	CHECK(b.menu_ms == 5000 && b.fail_ms == 100);
	CHECK(!parse("menu=off"));
	CHECK(!strcmp(b.order, "cdn") && !b.menu);
	CHECK(parse("order=x") < 0);
	CHECK_HAS(e.msg, "c is a disk");
	CHECK(parse("order=a") < 0);
	CHECK_HAS(e.msg, "floppy");
	CHECK(parse("once=cc") < 0);
	CHECK_HAS(e.msg, "twice");
	CHECK(parse("order=") < 0);
	CHECK(parse("menu=maybe") < 0);
	CHECK(parse("ordr=c") < 0);
	CHECK_HAS(e.msg, "there are order");
	CHECK(parse("splash-time=-1") < 0 && parse("reboot-timeout=99999999") < 0);
}

static struct block *open_disk(void)
{
	char path[] = "/var/tmp/ambi-order-XXXXXX";
	struct block_config c = { .no_lock = true };
	struct block *d;
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, 1 << 20))
		exit(1);
	close(fd);
	snprintf(c.path, sizeof(c.path), "%s", path);
	d = block_open(&c, &e);
	unlink(path);
	return d;
}

static struct dev *card(struct machine *m, const char *type, const char *id, struct block *disk)
{
	struct dev *d = dev_new(m, dev_type_find(type), id, &e);

	if (disk)
		dev_set_ptr(d, "drive", disk);
	return d;
}

static void paths(void)
{
	struct block *disk = open_disk();
	struct machine_config cfg = { .ram_size = 32 << 20, .nr_cpus = 1, .sata_cdrom = 2,
				      .sata = { disk, disk, disk } };
	struct machine *m = machine_new(machine_type_find("x86_64", "pc"), &cfg, &e);
	struct cpu_port port = { 0 };
	struct dev *bridge;
	char *text;

	CHECK(m != NULL, "%s", e.msg);
	m->ports[0] = &port;
	CHECK(!machine_init(m, &e), "%s", e.msg);
	CHECK(!m->type->plug(m, card(m, "virtio-blk", "disk0", disk), &e), "%s", e.msg);
	CHECK(!m->type->plug(m, card(m, "virtio-net", "net0", NULL), &e), "%s", e.msg);
	CHECK(!m->type->plug(m, card(m, "nvme", "disk1", disk), &e), "%s", e.msg);
	CHECK(!m->type->plug(m, bridge = card(m, "pcie-root-port", "port", NULL), &e), "%s", e.msg);
	CHECK(!m->type->plug_below(m, card(m, "nvme", "disk2", disk), bridge, &e), "%s", e.msg);
	text = pc_boot_order(m, "dc");
	CHECK(!strcmp(text, "/pci@i0cf8/pci8086,2922@1f,2/drive@1/disk@0\n"
			    "/pci@i0cf8/pci8086,2922@1f,2/drive@0/disk@0\n"
			    "/pci@i0cf8/pci8086,2922@1f,2/drive@2/disk@0\n"
			    "/pci@i0cf8/scsi@1/disk@0,0\n"
			    "/pci@i0cf8/pci8086,5845@3/namespace@1,0\n"
			    "/pci@i0cf8/pci-bridge@4/pci8086,5845@0/namespace@1,0\n"), "%s", text);
	free(text);
	text = pc_boot_order(m, "n");
	CHECK(!strcmp(text, "/pci@i0cf8/ethernet@2/ethernet-phy@0\n"), "%s", text);
	free(text);
	machine_free(m);
	block_close(disk);
}

int main(void)
{
	options();
	paths();
	return check_done();
}
