# SPDX-License-Identifier: GPL-2.0-or-later
# Interpreter work in Perl: hashes, regular expressions, sorting, strings.
use strict;
use integer;

my ($n) = @ARGV;
my ($state, $sum) = (1, 0);
sub rnd { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return $state >> 8 }
for my $round (1 .. $n) {
	my (%count, @words);
	for (1 .. 4000) {
		my $w = join '', map { chr(97 + rnd() % 6) } 1 .. 4;
		push @words, $w;
		$count{$w}++;
	}
	my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
	my $text = join ' ', @words;
	my $hits = () = $text =~ /\b([abc]+)([def])\b/g;
	(my $other = $text) =~ s/(.)\1/<$1>/g;
	my $rev = reverse $other;
	$sum = ($sum * 31 + $hits + length($rev) + ord($sorted[0]) + @sorted) & 0xffffffff;
}
printf "perl %d\n", $sum;
