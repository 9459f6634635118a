# SPDX-License-Identifier: MIT
# bash completion for spoolctl(1) and spoolfs(8).
# shellcheck shell=bash

# The words that complete "$2", into COMPREPLY.
_spool_words() {
	local word
	COMPREPLY=()
	while IFS= read -r word; do
		COMPREPLY+=("$word")
	done < <(compgen -W "$1" -- "$2")
}

# Mount options, as the daemon that is installed lists them: "name" or "name=".
_spool_option_names() {
	spoolfs --help 2>/dev/null | sed -n '/^Options/,$s/^  \([a-z_]*=\{0,1\}\).*/\1/p'
}

# The values of one option, where they are a choice.
_spool_option_values() {
	spoolfs --help 2>/dev/null |
		sed -n "s/^  $1=\([a-z0-9%]*\(|[a-z]*\)*\) .*/\1/p" | tr '|' ' '
}

# One more option of a comma-separated list; what stands before the last comma stays.
_spool_options() {
	local cur=$1 before="" last=$1 i
	if [[ $cur == *,* ]]; then
		before=${cur%,*},
		last=${cur##*,}
	fi
	if [[ $last == *=* ]]; then
		before+=${last%%=*}=
		_spool_words "$(_spool_option_values "${last%%=*}")" "${last#*=}"
	else
		_spool_words "$(_spool_option_names)" "$last"
		compopt -o nospace 2>/dev/null
	fi
	# bash takes a part after "=" as a word of its own, when "=" breaks words
	if [[ $COMP_WORDBREAKS == *=* && $before == *=* ]]; then
		before=${before##*=}
	fi
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=$before${COMPREPLY[i]}
	done
}

# The mount option list at the cursor, put together again from the words that "=" made of it.
# Fails when the cursor is not in one.
_spool_option_list() {
	local line=${COMP_LINE:0:COMP_POINT} word
	word=${line##*[[:space:]]}
	line=${line%"$word"}
	[[ $line =~ (^|[[:space:]])-o[[:space:]]+$ ]] || return 1
	printf '%s' "$word"
}

_spool_mounts() {
	local line field
	while IFS= read -r line; do
		[[ $line == *" - fuse.spoolfs "* ]] || continue
		read -r _ _ _ _ field _ <<<"$line"
		printf '%b\n' "${field//\\/\\0}"
	done </proc/self/mountinfo
}

# Where run's command begins, or nothing.
_spoolctl_command_at() {
	local i
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--) echo $((i + 1)); return ;;
		-o)
			((i++))
			while [[ ${COMP_WORDS[i + 1]} == "=" ]]; do
				((i += 2))
			done
			;;
		-*) ;;
		*) echo "$i"; return ;;
		esac
	done
	[[ $i -eq $COMP_CWORD && ${COMP_WORDS[i]} != -* ]] && echo "$i"
}

_spoolctl_run() {
	local cur=$1 at list
	at=$(_spoolctl_command_at)
	if list=$(_spool_option_list) && [[ -z $at || $at -ge $COMP_CWORD ]]; then
		_spool_options "$list"
	elif [[ -z $at ]]; then
		_spool_words "--tmp --wait --kill -o -- --help" "$cur"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$at"
	elif [[ $at -eq $COMP_CWORD ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	else
		compopt -o default 2>/dev/null
	fi
}

_spoolctl_session() {
	local cur=$1
	if [[ $cur == -* ]]; then
		_spool_words "--json --login --cgroup --dir --holder --uid --help" "$cur"
		return
	fi
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--login | --holder | --uid | end) ;; # a number
	--cgroup | --dir) compopt -o dirnames 2>/dev/null ;;
	*)
		if [[ " ${COMP_WORDS[*]:2:COMP_CWORD-2} " == *\ @(list|begin|end)\ * ]]; then
			mapfile -t COMPREPLY < <(_spool_mounts | grep -F -- "$cur")
			compopt -o dirnames 2>/dev/null
		else
			_spool_words "list begin end" "$cur"
		fi
		;;
	esac
}

_spoolctl() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	if [[ $COMP_CWORD -eq 1 ]]; then
		_spool_words "run status ls why keep lifetime expire session wipe top set spill metrics debug doctor --help --version" "$cur"
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _spoolctl_run "$cur" ;;
	status)
		if [[ $cur == -* ]]; then
			_spool_words "--json --help" "$cur"
		else
			mapfile -t COMPREPLY < <(_spool_mounts | grep -F -- "$cur")
			compopt -o dirnames 2>/dev/null
		fi
		;;
	metrics)
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --output ]]; then
			compopt -o default 2>/dev/null
		elif [[ $cur == -* ]]; then
			_spool_words "--no-users --output --help" "$cur"
		else
			mapfile -t COMPREPLY < <(_spool_mounts | grep -F -- "$cur")
			compopt -o dirnames 2>/dev/null
		fi
		;;
	debug | wipe)
		if [[ $cur == -* ]]; then
			_spool_words "--help" "$cur"
		else
			mapfile -t COMPREPLY < <(_spool_mounts | grep -F -- "$cur")
			compopt -o dirnames 2>/dev/null
		fi
		;;
	why)
		if [[ $cur == -* ]]; then
			_spool_words "--json --mount --help" "$cur"
		else
			compopt -o default 2>/dev/null
		fi
		;;
	ls)
		if [[ $cur == -* ]]; then
			_spool_words "--json --help" "$cur"
		else
			compopt -o default 2>/dev/null
		fi
		;;
	keep)
		if [[ $cur == -* ]]; then
			_spool_words "-r --recursive --help" "$cur"
		else
			compopt -o default 2>/dev/null
		fi
		;;
	lifetime)
		if [[ $cur == -* ]]; then
			_spool_words "-r --recursive --help" "$cur"
		elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == @(lifetime|-r|--recursive) ]]; then
			_spool_words "session close mount" "$cur"
		else
			compopt -o default 2>/dev/null
		fi
		;;
	expire | spill)
		if [[ $cur == -* ]]; then
			_spool_words "--help" "$cur"
		else
			compopt -o default 2>/dev/null
		fi
		;;
	session) _spoolctl_session "$cur" ;;
	top)
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --sort ]]; then
			_spool_words "size ram disk files sessions waiting busy uid" "$cur"
		elif [[ $cur == -* ]]; then
			_spool_words "--batch --json --delay -n --sort --help" "$cur"
		else
			mapfile -t COMPREPLY < <(_spool_mounts | grep -F -- "$cur")
			compopt -o dirnames 2>/dev/null
		fi
		;;
	set)
		_spool_words "ram= size= nr_inodes= user_size= user_inodes= user_ram= threshold= \
			reserve= pressure= lifetime= linger= session= grace= log_level= \
			detach= --help" "$cur"
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
		[[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(_spool_mounts | grep -F -- "$cur")
		;;
	doctor) _spool_words "--json --help" "$cur" ;;
	esac
}

_spoolfs() {
	local cur=${COMP_WORDS[COMP_CWORD]} list
	COMPREPLY=()
	if list=$(_spool_option_list); then
		_spool_options "$list"
	elif [[ $cur == -* ]]; then
		_spool_words "-f -d -o --check --help --version" "$cur"
	else
		compopt -o dirnames 2>/dev/null
	fi
}

complete -F _spoolctl spoolctl
complete -F _spoolfs spoolfs
