# SPDX-License-Identifier: GPL-2.0-or-later
# Perl in the guest: numbers, strings, hashes, sorting, fork and pipes.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Math::BigInt;
use POSIX qw(floor fmod strtol);

sub is { my ($n, $got, $want) = @_; die "$n: $got, not $want\n" if $got ne $want }

is 'bigint', Math::BigInt->new(2)->bpow(200), '1606938044258990275541962092341162602522202993782792835301376';
is 'wrap', do { use integer; 9223372036854775807 + 1 }, '-9223372036854775808';
is 'float', sprintf('%.15g %.3e %s', atan2(1, 1) * 4, exp(100), 9**20), '3.14159265358979 2.688e+43 1.21576654590569e+19';
is 'fmod', fmod(-7.5, 2), '-1.5';
is 'sha', sha256_hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
my %h;
$h{$_ * 7919 % 10007} .= chr(97 + $_ % 26) for 1 .. 20000;
is 'hash', scalar(keys %h), 10007;
my @s = sort { $h{$a} cmp $h{$b} or $a <=> $b } keys %h;
is 'sort', join(',', @s[0, -1]), do { my @t = sort { $h{$b} cmp $h{$a} or $b <=> $a } keys %h; "$t[-1],$t[0]" };
my $t = join ' ', map { sprintf '%05d', $_ } 1 .. 3000;
(my $u = $t) =~ s/\b0+(\d)(\d*)\b/$2$1/g;
is 'regex', sha256_hex($u), sha256_hex(join ' ', map { my $x = sprintf '%05d', $_; $x =~ /^0/ ? substr($_, 1) . substr($_, 0, 1) : $x } 1 .. 3000);
my $sum = 0;
for my $i (1 .. 8) {
	my $pid = open(my $p, '-|') // die 'fork';
	if (!$pid) { print $i * $i, "\n"; exit 0 }
	$sum += <$p>;
	close $p or die "child: $?";
}
is 'fork', $sum, 204;
is 'pack', unpack('H*', pack('d<N q<', 1.5, 0xdeadbeef, -2)), '000000000000f83fdeadbeeffeffffffffffffff';
