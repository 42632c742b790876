/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the controller (ahci.c: registers; ahci_port.c: command lists and FISes)
 * and the devices behind its ports (ata.c, atapi.c).
 *
 * Everything is under the controller's `lock`, which nests inside the dev lock and is
 * never held while the back end is called: its completions take it, and may run in the
 * submitting call. References "AHCI" are to AHCI 1.3.1, "ACS" to ATA/ATAPI Command Set 3,
 * "SATA" to Serial ATA 3.2.
 */
#ifndef HW_BLOCK_AHCI_INT_H
#define HW_BLOCK_AHCI_INT_H

#include "hw/block/ahci.h"
#include "hw/block/sg.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/pci/pci.h"
#include "io/block/block.h"
#include "util/bits.h"

enum { AHCI_SLOTS = 32, ATA_MAX_TRIM = 8 };	/* sectors of one TRIM command's list */

enum {				/* PxIS, AHCI 3.3.5 */
	PORT_IRQ_DHR = 1 << 0, PORT_IRQ_PS = 1 << 1, PORT_IRQ_SDB = 1 << 3, PORT_IRQ_DP = 1 << 5,
	PORT_IRQ_PC = 1 << 6, PORT_IRQ_PRC = 1 << 22, PORT_IRQ_IF = 1 << 27,
	PORT_IRQ_HBD = 1 << 28, PORT_IRQ_HBF = 1 << 29, PORT_IRQ_TFE = 1 << 30,
};
enum {				/* PxCMD, 3.3.7 */
	CMD_ST = 1 << 0, CMD_SUD = 1 << 1, CMD_POD = 1 << 2, CMD_CLO = 1 << 3, CMD_FRE = 1 << 4,
	CMD_CCS_SHIFT = 8, CMD_CCS = 31 << 8, CMD_FR = 1 << 14, CMD_CR = 1 << 15,
	CMD_ATAPI = 1 << 24, CMD_DLAE = 1 << 25,
};
enum { ATA_ERR = 0x01, ATA_DRQ = 0x08, ATA_DSC = 0x10, ATA_DF = 0x20, ATA_DRDY = 0x40,
       ATA_BSY = 0x80, ATA_READY = ATA_DRDY | ATA_DSC };
enum { ATA_ABRT = 0x04, ATA_IDNF = 0x10, ATA_UNC = 0x40 };	/* error register */

/* What a Register FIS carries, either way (SATA 10.5.5, 10.5.6). */
struct ata_tf {
	uint8_t command, control;	/* to the device */
	uint8_t status, error;		/* from it */
	uint8_t device;
	uint16_t features, count;
	uint64_t lba;			/* 48 bits */
};

struct ahci_port;

/* A command in a slot; the host's own memory, drained before a save. */
struct ahci_req {
	struct block_req io;
	struct ahci_port *port;
	uint8_t slot;
	bool busy;			/* with the back end, or about to be */
	bool live;			/* its result is still wanted */
	bool queued;			/* NCQ */
	bool pio_in;			/* success is told by a PIO Setup FIS */
	bool atapi_cmd;
	bool prd_irq;			/* one of its PRDs asks for an interrupt */
	bool to_guest;
	bool then_flush;
	uint16_t nr_prds;
	gpa_t header, prdt;
	uint64_t moved;			/* bytes, for the header's PRDBC */
	struct ata_tf in, out;
	uint8_t cdb[16];
	struct sg sg;
	unsigned trim_at, trim_end;	/* of the ranges in trim, 8 bytes each */
	uint8_t *trim;			/* owned: ATA_MAX_TRIM sectors; NULL until needed */
};

struct ahci_port_host {			/* not state */
	struct ahci *hba;
	unsigned nr;
	struct block *drive;		/* NULL: nothing is attached */
	bool cdrom;
	struct ahci_req req[AHCI_SLOTS];
	unsigned in_flight;		/* busy requests, those that nobody waits for included */
	bool draining;			/* nothing starts before in_flight is 0 */
	bool link_due;			/* then the link comes up again after a COMRESET */
	bool running, again;		/* somebody is in ahci_port_run; look once more */
	uint32_t queued;		/* NCQ tags that are with the drive */
	uint32_t finished;		/* tags to tell of in the next Set Device Bits FIS */
};

struct ata_sense { uint8_t key, asc, ascq; };

struct ahci_port {
	uint32_t clb, clbu, fb, fbu, is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
	bool halted;			/* an error; waits for ST to be cleared */
	bool srst;			/* software reset is asserted */
	/* the device */
	uint8_t ncq_log[16];		/* front of log page 10h: of the last NCQ error */
	uint8_t multiple;		/* sectors; 0: not set */
	bool cache_off, look_ahead_off, smart_off;
	bool standby;			/* for CHECK POWER MODE */
	uint8_t xfer_mode;		/* of SET FEATURES */
	struct ata_sense sense;
	bool unit_attention, media_event, tray_open, locked;
	struct ahci_port_host h;
};

struct ahci {
	struct dev dev;
	struct pci_fn fn;
	uint32_t ghc, is;
	struct ahci_port port[AHCI_PORTS];
	bool told;			/* the interrupt condition, as it was last passed on */
	bool fresh;			/* a message is due even where the condition held already */
	bool resetting;			/* by GHC.HR, until the ports are drained */
	pthread_mutex_t lock;
};

/* ---- ahci.c, with the lock ---- */

/* A port has something to tell: PxIS bits. Nothing leaves before ahci_update_irq. */
void ahci_raise(struct ahci_port *p, uint32_t bits);
void ahci_update_irq(struct ahci *s);

/* ---- ahci_port.c, with the lock ---- */

/* Starts what may start; lets go of the lock while the back end is called. */
void ahci_port_run(struct ahci_port *p);
void ahci_port_stop(struct ahci_port *p);	/* ST goes to 0: commands are forgotten */
void ahci_port_reset(struct ahci_port *p);	/* registers as after a reset of the HBA */
void ahci_port_comreset(struct ahci_port *p, bool hold);
bool ahci_dma_ok(const struct ahci_port *p);
/*
 * Maps the PRDs of a command up to `want` bytes. 0; -ENOSPC: they hold less (what there is, is
 * mapped); -EFAULT, -E2BIG, -ENOMEM.
 */
int  ahci_map(struct ahci_req *r, uint64_t want, bool to_guest);
/* Copies a reply into the PRDs, as much as they take. 0 or -errno as above, never -ENOSPC. */
int  ahci_reply(struct ahci_req *r, const void *buf, uint32_t len);

/* ---- ata.c and atapi.c, with the lock ---- */

enum ata_result {
	ATA_DONE,			/* r->out says how */
	ATA_SUBMIT,			/* r->io goes to the back end */
	ATA_BUS_ERROR,			/* its memory is none */
};
enum ata_result ata_start(struct ahci_req *r);
/* The back end is finished with r->io: 0 or -errno. */
enum ata_result ata_next(struct ahci_req *r, int ret);
/* Power-on values; soft: the settings stay, as SET FEATURES 66h says. */
void ata_device_reset(struct ahci_port *p, bool soft);
enum ata_result ata_fail(struct ahci_req *r, uint8_t error);
/* The signature of the device, in the registers' places (ACS 9.12). */
void ata_signature(const struct ahci_port *p, struct ata_tf *tf);

enum ata_result atapi_start(struct ahci_req *r);		/* PACKET */
enum ata_result atapi_next(struct ahci_req *r, int ret);

/* ata_identify.c: 512 bytes. */
void ata_identify(const struct ahci_port *p, uint8_t *buf);
void atapi_identify(const struct ahci_port *p, uint8_t *buf);

#endif
