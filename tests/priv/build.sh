set -e
cd /work/main/tests/priv; O=/work/build/priv-elf; mkdir -p $O
G="riscv64-linux-gnu-gcc -march=rv64gc_zba_zbb_zbs_zicsr_zifencei -mabi=lp64d -mcmodel=medany -nostdlib -ffreestanding -static -no-pie -fno-pic -fno-jump-tables -fno-stack-protector -fno-asynchronous-unwind-tables -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -DCPU_SIZE=224"
for t in ${*:-traps}; do $G -Wl,-T,link.ld,--no-relax,--build-id=none,-z,max-page-size=4096,--no-warn-rwx-segments start.S lib.c $t.c -o $O/$t.elf; done
