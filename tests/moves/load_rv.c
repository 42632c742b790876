/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for machine virt that works and checks what it does, as load64 does on a PC, but small:
 * two harts with memory of their own whose pages carry checksums, timer interrupts, IPIs, and a
 * virtio disk (if there is one) that is written, flushed and read back. "beat N ... bad 0" a
 * quarter of a second of the guest's time.
 */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

enum { HZ = 10000000, TICK = HZ / 200, PAGE = 4096, PAGES = 512, MAX_HARTS = 4, STACK = 16384,
       SECTORS = 512, SIE_SSIE = 2, SIE_STIE = 32 };

struct hart {
	volatile u64 up, ticks, ipis, sums, last;
	u64 random, late;
	u64 gen[PAGES];
};

u8 stacks[MAX_HARTS][STACK] __attribute__((aligned(16)));
static struct hart harts[MAX_HARTS];
static u64 memory[MAX_HARTS][PAGES][PAGE / 8] __attribute__((aligned(PAGE)));
static volatile u64 nr_bad, nr_harts = 1;
static volatile u64 probing, absent;

void _start(void);
void second(void);
void begin(u64 hart);

__asm__(".section .text.start\n"
	".globl _start\n"
	"_start: mv a0, zero\n"
	".globl second\n"
	"second: addi t0, a0, 1\n"
	"	li t1, 16384\n"
	"	mul t0, t0, t1\n"
	"	la sp, stacks\n"
	"	add sp, sp, t0\n"
	"	mv tp, a0\n"
	"	call begin\n"
	"1:	wfi\n"
	"	j 1b\n"
	".text\n");

static inline u64 now(void)
{
	u64 t;

	__asm__ volatile("rdtime %0" : "=r"(t) : : "memory");
	return t;
}

static u64 sbi(u64 ext, u64 fn, u64 a, u64 b, u64 c)
{
	register u64 a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
	register u64 a6 __asm__("a6") = fn, a7 __asm__("a7") = ext;

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return a0;
}

static inline u64 me(void)
{
	u64 v;

	__asm__ volatile("mv %0, tp" : "=r"(v));
	return v;
}

static u64 mix(u64 z)
{
	z += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	return z ^ z >> 31;
}

/* ---- the console ---- */

static void put(char c)
{
	volatile u8 *uart = (volatile u8 *)0x10000000;

	while (!(uart[5] & 0x20))
		;
	uart[0] = (u8)c;
}

static void text(const char *s)
{
	while (*s)
		put(*s++);
}

static void number(u64 n)
{
	char b[24];
	int i = 0;

	do
		b[i++] = (char)('0' + n % 10);
	while (n /= 10);
	while (i--)
		put(b[i]);
}

static void field(const char *name, u64 v)
{
	put(' ');
	text(name);
	put(' ');
	number(v);
}

static void bad(const char *what, u64 a, u64 b)
{
	static volatile u32 lock;

	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		;
	nr_bad++;
	text("BAD ");
	text(what);
	field("hart", me());
	field("a", a);
	field("b", b);
	put('\n');
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* ---- interrupts ---- */

static void arm(void)
{
	sbi(0x54494d45, 0, now() + TICK, 0, 0);
}

__attribute__((interrupt("supervisor"), aligned(4))) static void trap(void)
{
	struct hart *h = &harts[me()];
	u64 cause, pc;

	__asm__ volatile("csrr %0, scause; csrr %1, sepc" : "=r"(cause), "=r"(pc));
	if (cause == (1ul << 63 | 5)) {
		h->ticks++;
		arm();
	} else if (cause == (1ul << 63 | 1)) {
		__asm__ volatile("csrc sip, %0" : : "r"(SIE_SSIE));
		h->ipis++;
	} else if (cause == 5 && probing) {
		absent = 1;
		pc += (*(u16 *)pc & 3) == 3 ? 4 : 2;
		__asm__ volatile("csrw sepc, %0" : : "r"(pc));
	} else {
		bad("trap", cause, pc);
		for (;;)
			;
	}
}

/* ---- memory ---- */

static u64 word(u64 hart, u64 page, u64 gen, u64 i)
{
	return mix(hart << 56 ^ page << 40 ^ gen << 12 ^ i);
}

static void check_page(struct hart *h, u64 hart, u64 page)
{
	u64 *p = memory[hart][page];

	for (u64 i = 0; i < PAGE / 8; i++)
		if (h->gen[page] && p[i] != word(hart, page, h->gen[page], i)) {
			bad("page", page, i);
			break;
		}
	h->sums++;
}

static void write_page(struct hart *h, u64 hart, u64 page)
{
	u64 *p = memory[hart][page];

	h->gen[page]++;
	for (u64 i = 0; i < PAGE / 8; i++)
		p[i] = word(hart, page, h->gen[page], i);
}

static void work(struct hart *h, u64 hart)
{
	u64 page = (h->random = mix(h->random + 1)) % PAGES, t = now();

	check_page(h, hart, page);
	write_page(h, hart, page);
	if (t < h->last)
		bad("time", h->last, t);
	h->last = t;
}

/* ---- the disk: one request at a time, polled ---- */

struct desc { u64 addr; u32 len; u16 flags, next; };
static struct {
	struct desc desc[8];
	struct { u16 flags, idx, ring[8], event; } avail;
	struct { u16 flags, idx; struct { u32 id, len; } ring[8]; u16 event; }
		used __attribute__((aligned(16)));
} q __attribute__((aligned(PAGE)));
static volatile u32 *disk;
static struct { u32 type, zero; u64 sector; } head;
static u64 buf[64];
static volatile u8 state;
static u64 versions[SECTORS], requests;
static u16 seen;

static void disk_start(void)
{
	for (u64 at = 0x10001000; at < 0x10009000 && !disk; at += 0x1000) {
		volatile u32 *d = (volatile u32 *)at;

		absent = 0;
		probing = 1;
		(void)d[0];
		probing = 0;
		if (absent || d[0] != 0x74726976 || d[1] != 2 || d[2] != 2)
			continue;
		d[0x70 / 4] = 0;
		d[0x70 / 4] = 3;
		d[0x24 / 4] = 0;
		d[0x20 / 4] = 0;
		d[0x24 / 4] = 1;
		d[0x20 / 4] = 1;		/* VERSION_1 */
		d[0x70 / 4] = 11;
		d[0x30 / 4] = 0;
		d[0x38 / 4] = 8;
		d[0x80 / 4] = (u32)(u64)q.desc;
		d[0x84 / 4] = (u32)((u64)q.desc >> 32);
		d[0x90 / 4] = (u32)(u64)&q.avail;
		d[0x94 / 4] = (u32)((u64)&q.avail >> 32);
		d[0xa0 / 4] = (u32)(u64)&q.used;
		d[0xa4 / 4] = (u32)((u64)&q.used >> 32);
		d[0x44 / 4] = 1;
		d[0x70 / 4] = 15;
		disk = d;
	}
}

static void request(u32 type, u64 sector)
{
	u64 until = now() + 60ul * HZ;

	head.type = type;
	head.sector = sector;
	state = 255;
	q.desc[0] = (struct desc){ (u64)&head, 16, 1, type == 4 ? 2 : 1 };
	q.desc[1] = (struct desc){ (u64)buf, 512, (u16)(type == 0 ? 3 : 1), 2 };
	q.desc[2] = (struct desc){ (u64)&state, 1, 2, 0 };
	q.avail.ring[q.avail.idx % 8] = 0;
	__asm__ volatile("fence" : : : "memory");
	q.avail.idx++;
	__asm__ volatile("fence" : : : "memory");
	disk[0x50 / 4] = 0;
	while (*(volatile u16 *)&q.used.idx == seen)
		if (now() > until) {
			bad("disk hangs", type, sector);
			until = ~0ul;
		}
	__asm__ volatile("fence" : : : "memory");
	if ((u16)(q.used.idx - seen) != 1)
		bad("disk answers twice", seen, q.used.idx);
	seen = q.used.idx;
	if (state)
		bad("disk", type, state);
	requests++;
}

static void disk_work(struct hart *h)
{
	u64 sector = (h->random = mix(h->random)) % SECTORS;

	if (!disk)
		return;
	request(0, sector);
	for (u64 i = 0; versions[sector] && i < 64; i++)
		if (buf[i] != mix(sector << 32 ^ versions[sector] << 8 ^ i)) {
			bad("sector", sector, i);
			break;
		}
	versions[sector]++;
	for (u64 i = 0; i < 64; i++)
		buf[i] = mix(sector << 32 ^ versions[sector] << 8 ^ i);
	request(1, sector);
	if (!(requests % 64))
		request(4, 0);
}

static void beats(struct hart *h)
{
	u64 n = 0, next = now();

	for (;;) {
		work(h, 0);
		disk_work(h);
		if (nr_harts > 1 && !(h->sums % 16))
			sbi(0x735049, 0, 1ul << (1 + h->sums / 16 % (nr_harts - 1)), 0, 0);
		if (now() < next)
			continue;
		next = now() + HZ / 4;
		/* all pages: one that is never touched could be lost, too */
		if (n % 8 == 7)
			for (u64 p = 0; p < PAGES; p++)
				check_page(h, 0, p);
		text("beat ");
		number(++n);
		field("ms", now() / (HZ / 1000));
		text(nr_bad ? " checksum BAD" : " checksum ok");
		field("sums", h->sums + harts[1].sums);
		field("irq", h->ticks + harts[1].ticks);
		field("ipi", harts[1].ipis);
		field("io", requests);
		field("bad", nr_bad);
		put('\n');
	}
}

void begin(u64 hart)
{
	struct hart *h = &harts[hart];

	__asm__ volatile("csrw stvec, %0" : : "r"(trap));
	__asm__ volatile("csrw sie, %0" : : "r"(SIE_SSIE | SIE_STIE));
	h->random = mix(hart);
	arm();
	__asm__ volatile("csrs sstatus, %0" : : "r"(2));
	h->up = 1;
	if (hart)
		for (;;)
			work(h, hart);
	while (nr_harts < MAX_HARTS && !sbi(0x48534d, 0, nr_harts, (u64)second, 0)) {
		while (!harts[nr_harts].up)
			;
		nr_harts++;
	}
	disk_start();
	text("load_rv: harts ");
	number(nr_harts);
	text(disk ? " disk\n" : "\n");
	beats(h);
}
