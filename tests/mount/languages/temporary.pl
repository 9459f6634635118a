#!/usr/bin/perl
# What a Perl program does with temporary files: "temporary.pl VERB [ARGUMENT]"; languages.py has the
# verbs.
use strict;
use warnings;
use Fcntl;
use File::Spec;
use File::Temp qw(tempdir);

my ($verb, $name) = @ARGV;
$| = 1;
if ($verb eq 'where') {
    print File::Spec->tmpdir, "\n";
} elsif ($verb eq 'anonymous') {
    open(my $file, '+>', undef) or die $!;
    print $file 'data';
    seek($file, 0, 0);
    print <$file>, "\n";
} elsif ($verb eq 'directory') {
    print tempdir(CLEANUP => 0, TMPDIR => 1), "\n";
} elsif ($verb eq 'exclusive') {
    print sysopen(my $file, $name, O_WRONLY | O_CREAT | O_EXCL, 0666) ? 'made' : $!, "\n";
} elsif ($verb eq 'plain') {
    if (open(my $file, '>', $name)) {
        print $file 'data';
        print "made\n";
    } else {
        print "$!\n";
    }
} elsif ($verb eq 'fill') {
    sysopen(my $file, $name, O_WRONLY | O_CREAT, 0666) or die $!;
    my $block = "\0" x 65536;
    1 while syswrite($file, $block);
    print "$!\n";
} else {
    my $file = File::Temp->new(UNLINK => $verb eq 'scoped', TMPDIR => 1);
    $file->autoflush;
    print $file 'data';
    print $file->filename, "\n";
    kill('KILL', $$) if $verb eq 'killed';
}
