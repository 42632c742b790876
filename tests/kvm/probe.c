/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether KVM is usable, and the reason when it is not: no device, something else
 * in its place, a guest of another ISA. Works without /dev/kvm but for the last part.
 */
#include "tests/kvm/harness.h"

#include "accel/kvm/arch.h"
#include "util/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void refuses(const char *path, const char *reason)
{
	struct err e = { 0 };

	kvm_device = path;
	CHECK(kvm_open(&e) < 0 && strstr(e.msg, reason) && strstr(e.msg, path), "'%s' lacks '%s'",
	      e.msg, reason);
	kvm_device = "/dev/kvm";
}

/* A vCPU that never ends: once, and always. Nobody waits for it, and its process goes. */
static void hangs(int fd)
{
	struct accel_caps c = { 0 };
	uint64_t t0 = os_now_ns();

	kvm_selftest_spins = 1;
	kvm_selftest(fd, &c);
	CHECK(c.usable && !kvm_selftest_spins, "'%s'", c.why);
	c = (struct accel_caps){ 0 };
	kvm_selftest_spins = 2;
	kvm_selftest(fd, &c);
	CHECK(!c.usable && strstr(c.why, "hangs") && !kvm_selftest_spins, "'%s'", c.why);
	CHECK(os_now_ns() - t0 < UINT64_C(15000000000), "%s", c.why);
	printf("three that hang: %.0f ms\n", (double)(os_now_ns() - t0) / 1e6);
	while (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		usleep(1000);
}

int main(void)
{
	static const struct isa other = { .name = "riscv64" };
	char plain[] = "/tmp/ambi-not-kvm-XXXXXX";
	struct accel_caps c;
	struct err e = { 0 };
	uint64_t t0;
	bool native;
	int fd;

	refuses("/nonexistent/kvm", "does not exist");
	refuses("/dev/null", "is not KVM's device");
	fd = mkstemp(plain);
	CHECK(fd >= 0, "mkstemp");
	refuses(plain, "is not KVM's device");
	if (geteuid()) {
		fchmod(fd, 0);
		refuses(plain, "permission denied");
	}
	unlink(plain);
	accel_kvm.probe(&other, &c);
	CHECK(!c.usable && strstr(c.why, "x86_64") && strstr(c.why, "riscv64"), "'%s'", c.why);

	kt_main();
	t0 = os_now_ns();
	accel_kvm.probe(&isa_x86_64, &c);
	printf("%s; found out in %.1f ms\n", c.why, (double)(os_now_ns() - t0) / 1e6);
	CHECK(c.usable && *c.why, "'%s'", c.why);
	CHECK(c.phys_bits >= 36 && c.phys_bits <= 52, "%u", c.phys_bits);
	native = c.mode_native;
	kvm_selftest_always = true;	/* and by running a vCPU, everywhere */
	fd = kvm_open(&e);
	CHECK(fd >= 0, "%s", e.msg);
	c = (struct accel_caps){ 0 };
	kvm_selftest(fd, &c);
	printf("%s\n", c.why);
	CHECK(c.usable && c.mips > 0.05 && *c.why && c.mode_native == native, "'%s'", c.why);
	CHECK(c.mode_native || c.mips < 20, "%.1f MIPS", c.mips);
	printf("TSC %.3f GHz, %u bits of physical addresses\n", (double)c.tsc_hz / 1e9,
	       c.phys_bits);
	CHECK(c.tsc_hz > 100000000 && c.tsc_hz < 20000000000, "%llu",
	      (unsigned long long)c.tsc_hz);
	CHECK(c.phys_bits >= 36 && c.phys_bits <= 52, "%u", c.phys_bits);
	hangs(fd);
	close(fd);
	return 0;
}
