/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/gdb_cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb_proto.h"

void gdb_session_init(struct gdb_session *s, const struct gdb_target *t)
{
	*s = (struct gdb_session){ .t = t };
	gdb_session_stop(s, 0, 5, NULL, 0);
}

void gdb_session_fini(struct gdb_session *s)
{
	g_free(s->xml);
	s->xml = NULL;
}

const char *gdb_session_stop(struct gdb_session *s, unsigned cpu, unsigned signal, const char *kind,
			     uint64_t addr)
{
	s->cpu = s->stop_cpu = cpu;
	s->running = false;
	if (kind)
		g_snprintf(s->last_stop, sizeof(s->last_stop), "T%02x%s:%llx;thread:%x;", signal,
			   kind, (unsigned long long)addr, cpu + 1);
	else
		g_snprintf(s->last_stop, sizeof(s->last_stop), "T%02xthread:%x;", signal, cpu + 1);
	return s->last_stop;
}

static bool ok(GString *reply)
{
	g_string_append(reply, "OK");
	return true;
}

static bool error(GString *reply, int code)
{
	g_string_append_printf(reply, "E%02x", code & 0xff);
	return true;
}

/* ---- registers ---- */

static void *state(struct gdb_session *s)
{
	return s->t->state(s->t->opaque, s->cpu);
}

static size_t reg_bytes(const struct reg *r)
{
	return (r->bits + 7u) / 8;
}

static bool read_registers(struct gdb_session *s, GString *reply)
{
	unsigned n = gdb_regs_in_g(s->t->isa);
	char *st = state(s);

	if (!st)
		return error(reply, EIO);
	for (unsigned i = 0; i < n; i++) {
		const struct reg *r = gdb_reg(s->t->isa, i);

		gdb_hex_put(reply, st + r->off, reg_bytes(r));
	}
	return true;
}

static bool store(char *st, const struct reg *r, const char **text)
{
	uint8_t v[64];

	if (reg_bytes(r) > sizeof(v) || gdb_hex_get(text, v, reg_bytes(r)) != reg_bytes(r))
		return false;
	if (!(r->flags & REG_RO))
		memcpy(st + r->off, v, reg_bytes(r));
	return true;
}

static bool write_registers(struct gdb_session *s, const char *p, GString *reply)
{
	unsigned n = gdb_regs_in_g(s->t->isa);
	char *st = state(s);

	if (!st)
		return error(reply, EIO);
	for (unsigned i = 0; i < n && *p; i++)
		if (!store(st, gdb_reg(s->t->isa, i), &p))
			return error(reply, EINVAL);
	return ok(reply);
}

static bool one_register(struct gdb_session *s, const char *p, bool write, GString *reply)
{
	const struct reg *r;
	uint64_t n;
	char *st;

	if (!gdb_hex_number(&p, &n) || n > INT16_MAX)
		return error(reply, EINVAL);
	r = gdb_reg(s->t->isa, (unsigned)n);
	st = r ? state(s) : NULL;
	if (!st)
		return error(reply, EINVAL);
	if (!write) {
		gdb_hex_put(reply, st + r->off, reg_bytes(r));
		return true;
	}
	if (*p++ != '=' || !store(st, r, &p))
		return error(reply, EINVAL);
	return ok(reply);
}

/* ---- memory ---- */

static bool address_length(const char **p, uint64_t *addr, uint64_t *len)
{
	if (!gdb_hex_number(p, addr) || *(*p)++ != ',' || !gdb_hex_number(p, len))
		return false;
	return true;
}

static bool read_memory(struct gdb_session *s, const char *p, GString *reply)
{
	uint8_t buf[GDB_PACKET_MAX / 2 - 8];
	uint64_t addr, len;

	if (!address_length(&p, &addr, &len))
		return error(reply, EINVAL);
	len = MIN(len, sizeof(buf));
	if (s->t->mem(s->t->opaque, s->cpu, addr, buf, len, false) < 0)
		return error(reply, EFAULT);
	gdb_hex_put(reply, buf, len);
	return true;
}

/* M: hexadecimal, X: bytes as they are. */
static bool write_memory(struct gdb_session *s, const char *p, const char *end, bool hex,
			 GString *reply)
{
	uint8_t buf[GDB_PACKET_MAX];
	uint64_t addr, len;

	if (!address_length(&p, &addr, &len) || *p++ != ':' || len > sizeof(buf))
		return error(reply, EINVAL);
	if (hex ? gdb_hex_get(&p, buf, len) != len : (uint64_t)(end - p) != len)
		return error(reply, EINVAL);
	if (!hex)
		memcpy(buf, p, len);
	if (len && s->t->mem(s->t->opaque, s->cpu, addr, buf, len, true) < 0)
		return error(reply, EFAULT);
	return ok(reply);
}

/* ---- break- and watchpoints ---- */

static bool break_change(struct debug_req *d, bool set, uint64_t addr)
{
	unsigned i;

	for (i = 0; i < d->nr_break && d->brk[i] != addr; i++)
		;
	if (set && i == d->nr_break) {
		if (i == DBG_MAX)
			return false;
		d->brk[d->nr_break++] = addr;
	} else if (!set && i < d->nr_break) {
		d->brk[i] = d->brk[--d->nr_break];
	}
	return true;
}

static bool watch_change(struct debug_req *d, bool set, uint64_t addr, uint64_t len, bool rd,
			 bool wr)
{
	unsigned i;

	for (i = 0; i < d->nr_watch; i++)
		if (d->watch[i].addr == addr && d->watch[i].len == len &&
		    !!d->watch[i].read == rd && !!d->watch[i].write == wr)
			break;
	if (set && i == d->nr_watch) {
		if (i == DBG_MAX)
			return false;
		d->nr_watch++;
		d->watch[i].addr = addr;
		d->watch[i].len = len;
		d->watch[i].read = rd;
		d->watch[i].write = wr;
	} else if (!set && i < d->nr_watch) {
		d->watch[i] = d->watch[--d->nr_watch];
	}
	return true;
}

static bool point(struct gdb_session *s, const char *p, bool set, GString *reply)
{
	struct debug_req new = s->points;
	uint64_t addr, kind;
	char type = *p++;
	bool fits;

	if (type < '0' || type > '4')
		return true;		/* an empty answer: not supported */
	if (*p++ != ',' || !address_length(&p, &addr, &kind))
		return error(reply, EINVAL);
	if (type <= '1')
		fits = break_change(&new, set, addr);
	else if (kind < 1 || kind > 4096)
		return error(reply, EINVAL);
	else
		fits = watch_change(&new, set, addr, kind, type != '2', type != '3');
	if (!fits || s->t->points(s->t->opaque, &new) < 0)
		return error(reply, ENOSPC);
	s->points = new;
	return ok(reply);
}

/* ---- going on ---- */

/* "p1.2", "2", "-1", "0": a CPU number, or -1 for all; -2 where it is none. */
static int thread_parse(const struct gdb_session *s, const char **p)
{
	uint64_t n;

	if (**p == '-') {
		*p += 1 + ((*p)[1] == '1');
		return -1;
	}
	if (!gdb_hex_number(p, &n))
		return -2;
	if (!n)
		return (int)s->stop_cpu;
	return n <= s->t->nr_cpus ? (int)n - 1 : -2;
}

static bool resume(struct gdb_session *s, const uint8_t *action)
{
	s->running = true;
	s->t->resume(s->t->opaque, action);
	return false;			/* the answer is the stop */
}

static enum gdb_action action_of(char c)
{
	return c == 's' || c == 'S' ? GDB_STEP : GDB_CONTINUE;
}

/* vCont;ACTION[:THREAD]...: of several that fit a thread the first counts. */
static bool vcont(struct gdb_session *s, const char *p, GString *reply)
{
	uint8_t action[256] = { GDB_HOLD };
	bool set[256] = { false };
	int cpu;
	char c;

	while (*p == ';') {
		c = *++p;
		if (!c || !strchr("csCS", c))
			return error(reply, EINVAL);
		p++;
		if (c == 'C' || c == 'S')
			p += strspn(p, "0123456789abcdefABCDEF"); /* a signal: there are none */
		cpu = -1;
		if (*p == ':') {
			p++;
			cpu = thread_parse(s, &p);
		}
		if (cpu == -2)
			return error(reply, EINVAL);
		for (unsigned i = 0; i < s->t->nr_cpus; i++)
			if ((cpu < 0 || (unsigned)cpu == i) && !set[i]) {
				set[i] = true;
				action[i] = (uint8_t)action_of(c);
			}
	}
	for (unsigned i = 0; i < s->t->nr_cpus; i++)
		if (set[i])
			return resume(s, action);
	return error(reply, EINVAL);
}

/* c, s, C, S: the old forms, [SIGNAL;][ADDRESS]. */
static bool go(struct gdb_session *s, const char *p, GString *reply)
{
	uint8_t action[256];
	char c = *p++;
	uint64_t pc;

	if (c == 'C' || c == 'S') {
		p += strspn(p, "0123456789abcdefABCDEF");
		p += *p == ';';
	}
	if (*p) {
		char *st = state(s);

		if (!gdb_hex_number(&p, &pc) || !st)
			return error(reply, EINVAL);
		memcpy(st + s->t->isa->pc_off, &pc, sizeof(pc));
	}
	memset(action, action_of(c) == GDB_STEP ? GDB_HOLD : GDB_CONTINUE, sizeof(action));
	action[s->cpu] = (uint8_t)action_of(c);
	return resume(s, action);
}

/* ---- queries ---- */

/* qXfer:features:read:target.xml:OFFSET,LENGTH */
static bool send_xml(struct gdb_session *s, const char *p, GString *reply)
{
	uint64_t off, len;
	size_t size;

	if (strncmp(p, "target.xml:", 11))
		return error(reply, 0);
	p += 11;
	if (!address_length(&p, &off, &len))
		return error(reply, EINVAL);
	if (!s->xml)
		s->xml = gdb_target_xml(s->t->isa);
	size = strlen(s->xml);
	if (off > size)
		return error(reply, EINVAL);
	len = MIN(len, (uint64_t)GDB_PACKET_MAX / 2);
	g_string_append_c(reply, off + len < size ? 'm' : 'l');
	g_string_append_len(reply, s->xml + off, (gssize)MIN(len, size - off));
	return true;
}

static bool send_threads(struct gdb_session *s, GString *reply)
{
	for (unsigned i = 0; i < s->t->nr_cpus; i++)
		g_string_append_printf(reply, "%c%x", i ? ',' : 'm', i + 1);
	return true;
}

static bool send_description(struct gdb_session *s, const char *p, GString *reply)
{
	char text[128] = "";
	int cpu = thread_parse(s, &p);

	if (cpu < 0)
		return error(reply, EINVAL);
	s->t->describe(s->t->opaque, (unsigned)cpu, text, sizeof(text));
	gdb_hex_put(reply, text, strlen(text));
	return true;
}

static bool run_monitor(struct gdb_session *s, const char *p, GString *reply)
{
	enum { PIECE = GDB_PACKET_MAX / 2 - 8 };
	char line[1024], *text;
	size_t n = gdb_hex_get(&p, line, sizeof(line) - 1), at = 0;

	line[n] = '\0';
	text = s->t->monitor(s->t->opaque, line);
	if (!text || !*text) {
		free(text);
		return ok(reply);
	}
	for (n = strlen(text); n - at > PIECE; at += PIECE) {
		g_autoptr(GString) more = g_string_new("O");

		gdb_hex_put(more, text + at, PIECE);
		s->t->send(s->t->opaque, more->str, more->len);
	}
	gdb_hex_put(reply, text + at, n - at);
	free(text);
	return true;
}

static bool query(struct gdb_session *s, const char *p, GString *reply)
{
	if (g_str_has_prefix(p, "qSupported")) {
		g_string_append_printf(
			reply,
			"PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;vContSupported+",
			GDB_PACKET_MAX);
		return true;
	}
	if (g_str_has_prefix(p, "qXfer:features:read:"))
		return send_xml(s, p + 20, reply);
	if (!strcmp(p, "qfThreadInfo"))
		return send_threads(s, reply);
	if (!strcmp(p, "qsThreadInfo")) {
		g_string_append_c(reply, 'l');
		return true;
	}
	if (g_str_has_prefix(p, "qThreadExtraInfo,"))
		return send_description(s, p + 17, reply);
	if (g_str_has_prefix(p, "qRcmd,"))
		return run_monitor(s, p + 6, reply);
	if (!strcmp(p, "qC"))
		g_string_append_printf(reply, "QC%x", s->cpu + 1);
	else if (g_str_has_prefix(p, "qAttached"))
		g_string_append_c(reply, '1');
	return true;
}

static bool verbose(struct gdb_session *s, const char *p, GString *reply)
{
	if (!strcmp(p, "vCont?")) {
		g_string_append(reply, "vCont;c;C;s;S");
		return true;
	}
	if (g_str_has_prefix(p, "vCont"))
		return vcont(s, p + 5, reply);
	if (g_str_has_prefix(p, "vKill")) {
		ok(reply);
		s->t->kill(s->t->opaque);
	}
	return true;			/* vMustReplyEmpty and what is not known */
}

static bool set_thread(struct gdb_session *s, const char *p, GString *reply)
{
	char op = *p ? *p++ : '\0';
	int cpu = thread_parse(s, &p);

	if (cpu == -2 || (op != 'g' && op != 'c'))
		return error(reply, EINVAL);
	if (cpu >= 0 && op == 'g')
		s->cpu = (unsigned)cpu;
	return ok(reply);
}

bool gdb_session_packet(struct gdb_session *s, const char *p, size_t len, GString *reply)
{
	const char *end = p + len;
	int cpu;

	switch (*p) {
	case '?':
		g_string_append(reply, s->last_stop);
		return true;
	case 'g': return read_registers(s, reply);
	case 'G': return write_registers(s, p + 1, reply);
	case 'p': return one_register(s, p + 1, false, reply);
	case 'P': return one_register(s, p + 1, true, reply);
	case 'm': return read_memory(s, p + 1, reply);
	case 'M': return write_memory(s, p + 1, end, true, reply);
	case 'X': return write_memory(s, p + 1, end, false, reply);
	case 'z': return point(s, p + 1, false, reply);
	case 'Z': return point(s, p + 1, true, reply);
	case 'c': case 'C': case 's': case 'S': return go(s, p, reply);
	case 'H': return set_thread(s, p + 1, reply);
	case 'q': return query(s, p, reply);
	case 'v': return verbose(s, p, reply);
	case 'Q':
		if (!strcmp(p, "QStartNoAckMode")) {
			s->no_ack = true;
			return ok(reply);
		}
		return true;
	case 'T':
		p++;
		cpu = thread_parse(s, &p);
		return cpu >= 0 ? ok(reply) : error(reply, EINVAL);
	case 'D':
		ok(reply);
		s->t->detach(s->t->opaque);
		return true;
	case 'k':
		s->t->kill(s->t->opaque);
		return false;
	}
	return true;
}
