# SPDX-License-Identifier: MIT
# fish completion for spoolctl(1) and spoolfs(8).

# Mount options, as the daemon that is installed lists them: "name" or "name=".
function __spool_option_names
    spoolfs --help 2>/dev/null | sed -n '/^Options/,$s/^  \([a-z_]*=\{0,1\}\).*/\1/p'
end

# The values of one option, where they are a choice.
function __spool_option_values
    spoolfs --help 2>/dev/null |
        sed -n "s/^  $argv[1]=\([a-z0-9%]*\(|[a-z]*\)*\) .*/\1/p" | string split '|'
end

# One more option of a comma-separated list; what stands before the last comma stays.
function __spool_options
    set -l before (string match -r '^.*,' -- (commandline -ct))
    set -l last (string replace -r '^.*,' '' -- (commandline -ct))
    if string match -q '*=*' -- $last
        set -l name (string replace -r '=.*' '' -- $last)
        printf '%s\n' "$before$name="(__spool_option_values $name)
    else
        printf '%s\n' "$before"(__spool_option_names)
    end
end

function __spool_mounts
    for line in (string match '* - fuse.spoolfs *' </proc/self/mountinfo)
        printf '%b\n' (string replace -a '\\' '\\0' -- (string split ' ' -- $line)[5])
    end
    __fish_complete_directories (commandline -ct)
end

# Whether the command is one of these.
function __spoolctl_is
    set -l words (commandline -opc)
    set -q words[2]; and contains -- $words[2] $argv
end

function __spoolctl_has_no_command
    test (count (commandline -opc)) -eq 1
end

# The words of the command that run runs, before the one at the cursor. Fails before it begins.
function __spoolctl_run_words
    set -l words (commandline -opc)
    set -e words[1..2]
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                break
            case -o
                set -e words[1..2]
            case '-*'
                set -e words[1]
            case '*'
                break
        end
        set -q words[1]; or return
    end
    set -q words[1]; and printf '%s\n' $words; or contains -- -- (commandline -opc)
end

function __spoolctl_run_has_begun
    __spoolctl_is run; and __spoolctl_run_words >/dev/null
end

function __spoolctl_run_command
    set -l words (__spoolctl_run_words)
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

# Whether this is where session's word is to be: list, begin or end.
function __spoolctl_session_has_no_verb
    __spoolctl_is session; and not contains -- list (commandline -opc)
    and not contains -- begin (commandline -opc); and not contains -- end (commandline -opc)
end

# Whether a lifetime is to be named.
function __spoolctl_lifetime_is_open
    set -l words (string match -v -- '-*' (commandline -opc))
    __spoolctl_is lifetime; and test (count $words) -eq 2
end

complete -c spoolctl -n 'not __spoolctl_run_has_begun' -l help -d 'print help'
complete -c spoolctl -n __spoolctl_has_no_command -l version -d 'print the version'
complete -c spoolctl -n __spoolctl_has_no_command -f
complete -c spoolctl -n __spoolctl_has_no_command -a run \
    -d 'run a command with TMPDIR on a mount of its own'
complete -c spoolctl -n __spoolctl_has_no_command -a status \
    -d 'what a mount is, holds and allows'
complete -c spoolctl -n __spoolctl_has_no_command -a ls -d 'files, and where their data are'
complete -c spoolctl -n __spoolctl_has_no_command -a why -d 'why files live, and when they go'
complete -c spoolctl -n __spoolctl_has_no_command -a keep \
    -d 'let files stay until the mount ends'
complete -c spoolctl -n __spoolctl_has_no_command -a lifetime -d 'change how long files live'
complete -c spoolctl -n __spoolctl_has_no_command -a expire -d 'let files go now'
complete -c spoolctl -n __spoolctl_has_no_command -a session -d 'list, begin and end sessions'
complete -c spoolctl -n __spoolctl_has_no_command -a wipe -d 'remove everything on a mount now'
complete -c spoolctl -n __spoolctl_has_no_command -a top \
    -d 'what a mount and its users use, live'
complete -c spoolctl -n __spoolctl_has_no_command -a set -d 'change options of a live mount'
complete -c spoolctl -n __spoolctl_has_no_command -a spill -d 'bring files to the disk now'
complete -c spoolctl -n __spoolctl_has_no_command -a metrics \
    -d 'what mounts hold and do, for Prometheus'
complete -c spoolctl -n __spoolctl_has_no_command -a debug \
    -d 'what the daemon holds and waits for'
complete -c spoolctl -n __spoolctl_has_no_command -a doctor \
    -d 'what this machine offers and lacks'

complete -c spoolctl -n '__spoolctl_is run; and not __spoolctl_run_has_begun' -l tmp \
    -d 'cover /tmp and /var/tmp, too'
complete -c spoolctl -n '__spoolctl_is run; and not __spoolctl_run_has_begun' -l wait \
    -d 'wait for what the command leaves running'
complete -c spoolctl -n '__spoolctl_is run; and not __spoolctl_run_has_begun' -l kill \
    -d 'end what the command leaves running'
complete -c spoolctl -n '__spoolctl_is run; and not __spoolctl_run_has_begun' -s o -x \
    -a '(__spool_options)' -d 'mount options'
complete -c spoolctl -n '__spoolctl_is run' -x -a '(__spoolctl_run_command)'

complete -c spoolctl -n '__spoolctl_is status ls why session top doctor' -l json \
    -d 'for programs'
complete -c spoolctl -n '__spoolctl_is status metrics debug wipe top' -x -a '(__spool_mounts)'
complete -c spoolctl -n '__spoolctl_is doctor' -f

complete -c spoolctl -n '__spoolctl_is why' -l mount -x -a '(__spool_mounts)' -d 'for processes'
complete -c spoolctl -n '__spoolctl_is keep lifetime' -s r -l recursive \
    -d 'all below a directory, too'
complete -c spoolctl -n __spoolctl_lifetime_is_open -x -a 'session close mount'

complete -c spoolctl -n __spoolctl_session_has_no_verb -x -a 'list begin end'
complete -c spoolctl -n '__spoolctl_is session; and not __spoolctl_session_has_no_verb' -x \
    -a '(__spool_mounts)'
complete -c spoolctl -n '__spoolctl_is session' -l login -x -d 'of this audit session'
complete -c spoolctl -n '__spoolctl_is session' -l cgroup -x \
    -a '(__fish_complete_directories (commandline -ct))' -d 'of processes in it'
complete -c spoolctl -n '__spoolctl_is session' -l dir -x \
    -a '(__fish_complete_directories (commandline -ct))' -d 'of what is made below it'
complete -c spoolctl -n '__spoolctl_is session' -l holder -x -d 'ends with this process'
complete -c spoolctl -n '__spoolctl_is session' -l uid -x -d 'whose it is'

complete -c spoolctl -n '__spoolctl_is top' -s b -l batch -d 'text for a file or a pipe'
complete -c spoolctl -n '__spoolctl_is top' -s d -l delay -x -d 'seconds between samples'
complete -c spoolctl -n '__spoolctl_is top' -s n -x -d 'how many samples'
complete -c spoolctl -n '__spoolctl_is top' -l sort -x -d 'the column to sort by' \
    -a 'size ram disk files sessions waiting busy uid'

complete -c spoolctl -n '__spoolctl_is set' -x -a '(__spool_mounts)'
complete -c spoolctl -n '__spoolctl_is set' -x \
    -a 'ram= size= nr_inodes= user_size= user_inodes= user_ram= threshold= reserve= pressure=
        lifetime= linger= session= grace= log_level= detach='

complete -c spoolctl -n '__spoolctl_is metrics' -l no-users -d 'without what each user uses'
complete -c spoolctl -n '__spoolctl_is metrics' -l output -r -F -d 'write a file as a whole'

complete -c spoolfs -s f -d 'stay in the foreground'
complete -c spoolfs -s d -d 'log every request'
complete -c spoolfs -s o -x -a '(__spool_options)' -d 'mount options'
complete -c spoolfs -l check -d 'look at the options alone'
complete -c spoolfs -l help -d 'print help'
complete -c spoolfs -l version -d 'print the version'
complete -c spoolfs -x -a '(__fish_complete_directories (commandline -ct))'
