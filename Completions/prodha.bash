#!/bin/bash

__prodha_cursor_index_in_current_word() {
    local remaining="${COMP_LINE}"

    local word
    for word in "${COMP_WORDS[@]::COMP_CWORD}"; do
        remaining="${remaining##*([[:space:]])"${word}"*([[:space:]])}"
    done

    local -ir index="$((COMP_POINT - ${#COMP_LINE} + ${#remaining}))"
    if [[ "${index}" -le 0 ]]; then
        printf 0
    else
        printf %s "${index}"
    fi
}

# positional arguments:
#
# - 1: the current (sub)command's count of positional arguments
#
# required variables:
#
# - repeating_flags: the repeating flags that the current (sub)command can accept
# - non_repeating_flags: the non-repeating flags that the current (sub)command can accept
# - repeating_options: the repeating options that the current (sub)command can accept
# - non_repeating_options: the non-repeating options that the current (sub)command can accept
# - positional_number: value ignored
# - unparsed_words: unparsed words from the current command line
#
# modified variables:
#
# - non_repeating_flags: remove flags for this (sub)command that are already on the command line
# - non_repeating_options: remove options for this (sub)command that are already on the command line
# - positional_number: set to the current positional number
# - unparsed_words: remove all flags, options, and option values for this (sub)command
__prodha_offer_flags_options() {
    local -ir positional_count="${1}"
    positional_number=0

    local was_flag_option_terminator_seen=false
    local is_parsing_option_value=false

    local -ar unparsed_word_indices=("${!unparsed_words[@]}")
    local -i word_index
    for word_index in "${unparsed_word_indices[@]}"; do
        if "${is_parsing_option_value}"; then
            # This word is an option value:
            # Reset marker for next word iff not currently the last word
            [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]] && is_parsing_option_value=false
            unset "unparsed_words[${word_index}]"
            # Do not process this word as a flag or an option
            continue
        fi

        local word="${unparsed_words["${word_index}"]}"
        if ! "${was_flag_option_terminator_seen}"; then
            case "${word}" in
            --)
                unset "unparsed_words[${word_index}]"
                # by itself -- is a flag/option terminator, but if it is the last word, it is the start of a completion
                if [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]]; then
                    was_flag_option_terminator_seen=true
                fi
                continue
                ;;
            -*)
                # ${word} is a flag or an option
                # If ${word} is an option, mark that the next word to be parsed is an option value
                local option
                for option in "${repeating_options[@]}" "${non_repeating_options[@]}"; do
                    [[ "${word}" = "${option}" ]] && is_parsing_option_value=true && break
                done

                # Remove ${word} from ${non_repeating_flags} or ${non_repeating_options} so it isn't offered again
                local not_found=true
                local -i index
                for index in "${!non_repeating_flags[@]}"; do
                    if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                        unset "non_repeating_flags[${index}]"
                        non_repeating_flags=("${non_repeating_flags[@]}")
                        not_found=false
                        break
                    fi
                done
                if "${not_found}"; then
                    for index in "${!non_repeating_flags[@]}"; do
                        if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                            unset "non_repeating_flags[${index}]"
                            non_repeating_flags=("${non_repeating_flags[@]}")
                            break
                        fi
                    done
                fi
                unset "unparsed_words[${word_index}]"
                continue
                ;;
            esac
        fi

        # ${word} is neither a flag, nor an option, nor an option value
        if [[ "${positional_number}" -lt "${positional_count}" || "${positional_count}" -lt 0 ]]; then
            # ${word} is a positional
            ((positional_number++))
            unset "unparsed_words[${word_index}]"
        else
            if [[ -z "${word}" ]]; then
                # Could be completing a flag, option, or subcommand
                positional_number=-1
            else
                # ${word} is a subcommand or invalid, so stop processing this (sub)command
                positional_number=-2
            fi
            break
        fi
    done

    unparsed_words=("${unparsed_words[@]}")

    if\
        ! "${was_flag_option_terminator_seen}"\
        && ! "${is_parsing_option_value}"\
        && [[ ("${cur}" = -* && "${positional_number}" -ge 0) || "${positional_number}" -eq -1 ]]
    then
        COMPREPLY+=($(compgen -W "${repeating_flags[*]} ${non_repeating_flags[*]} ${repeating_options[*]} ${non_repeating_options[*]}" -- "${cur}"))
    fi
}

__prodha_add_completions() {
    local completion
    while IFS='' read -r completion; do
        COMPREPLY+=("${completion}")
    done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
}

__prodha_custom_complete() {
    if [[ -n "${cur}" || -z ${COMP_WORDS[${COMP_CWORD}]} || "${COMP_LINE:${COMP_POINT}:1}" != ' ' ]]; then
        local -ar words=("${COMP_WORDS[@]}")
    else
        local -ar words=("${COMP_WORDS[@]::${COMP_CWORD}}" '' "${COMP_WORDS[@]:${COMP_CWORD}}")
    fi

    "${COMP_WORDS[0]}" "${@}" "${words[@]}"
}

_prodha() {
    local state
    state="$(shopt -p;shopt -po)"
    trap "${state//$'\n'/;}" RETURN
    shopt -s extglob
    set +o history +o posix

    local -xr SAP_SHELL=bash
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(IFS='.';printf %s "${BASH_VERSINFO[*]}")"
    local -r SAP_SHELL_VERSION

    local -r cur="${2}"
    local -r prev="${3}"

    local -i positional_number
    local -a unparsed_words=("${COMP_WORDS[@]:1:${COMP_CWORD}}")

    local -a repeating_flags=()
    local -a non_repeating_flags=(--version -h --help)
    local -a repeating_options=()
    local -a non_repeating_options=()
    __prodha_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    run|status|failover|log|history|transfer|pause|resume|confirm|maintenance|validate|bundle|console|demo|bench|help)
        # Offer subcommand argument completions
        "_prodha_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'run status failover log history transfer pause resume confirm maintenance validate bundle console demo bench help' -- "${cur}"))
        ;;
    esac
}

_prodha_run() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--config --self --data-dir)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--self')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion run -- --self "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--data-dir')
        __prodha_add_completions -d
        return
        ;;
    esac
}

_prodha_status() {
    repeating_flags=()
    non_repeating_flags=(--no-color --watch -w --version -h --help)
    repeating_options=()
    non_repeating_options=(--config --peer --cacert --cert --key --timeout --output -o)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion status -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    esac
}

_prodha_failover() {
    repeating_flags=()
    non_repeating_flags=(--dry-run --force --accept-loss --drill --resume --rollback --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--region --confirm --reason --config --peer --cacert --cert --key --timeout --output -o)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion failover -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--confirm')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion failover -- --confirm "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--reason')
        return
        ;;
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion failover -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    esac
}

_prodha_log() {
    repeating_flags=()
    non_repeating_flags=(--follow -f --incident --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--from --to -n --limit --region --of --data-dir --since --config --peer --cacert --cert --key --timeout --output -o)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--from')
        return
        ;;
    '--to')
        return
        ;;
    '-n'|'--limit')
        return
        ;;
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion log -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--of')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion log -- --of "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--data-dir')
        __prodha_add_completions -d
        return
        ;;
    '--since')
        return
        ;;
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion log -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    esac
}

_prodha_history() {
    repeating_flags=()
    non_repeating_flags=(--no-color --loss --version -h --help)
    repeating_options=()
    non_repeating_options=(--config --peer --cacert --cert --key --timeout --output -o --region)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion history -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion history -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_prodha_transfer() {
    repeating_flags=()
    non_repeating_flags=(--no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--to --config --peer --cacert --cert --key --timeout --output -o --region --reason)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--to')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion transfer -- --to "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion transfer -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion transfer -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--reason')
        return
        ;;
    esac
}

_prodha_pause() {
    repeating_flags=()
    non_repeating_flags=(--no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--config --peer --cacert --cert --key --timeout --output -o --region --reason)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion pause -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion pause -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--reason')
        return
        ;;
    esac
}

_prodha_resume() {
    repeating_flags=()
    non_repeating_flags=(--no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--config --peer --cacert --cert --key --timeout --output -o --region --reason)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion resume -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion resume -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--reason')
        return
        ;;
    esac
}

_prodha_confirm() {
    repeating_flags=()
    non_repeating_flags=(--no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--config --peer --cacert --cert --key --timeout --output -o --region --reason)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion confirm -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion confirm -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--reason')
        return
        ;;
    esac
}

_prodha_maintenance() {
    repeating_flags=()
    non_repeating_flags=(--no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--config --peer --cacert --cert --key --timeout --output -o --region --reason)
    __prodha_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion maintenance -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    '--region')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion maintenance -- --region "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--reason')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __prodha_add_completions -W 'on'$'\n''off'
        return
        ;;
    2)
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion maintenance -- positional@1 "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_prodha_validate() {
    repeating_flags=()
    non_repeating_flags=(--live --version -h --help)
    repeating_options=()
    non_repeating_options=(--self --timeout --cacert --cert --key --output -o)
    __prodha_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--self')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion validate -- --self "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--timeout')
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    *)
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    esac
}

_prodha_bundle() {
    repeating_flags=()
    non_repeating_flags=(--no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--file --log-entries --config --peer --cacert --cert --key --timeout --output -o)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--file')
        return
        ;;
    '--log-entries')
        return
        ;;
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion bundle -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    esac
}

_prodha_console() {
    repeating_flags=()
    non_repeating_flags=(--keep-going --no-color --version -h --help)
    repeating_options=(-c --command)
    non_repeating_options=(--transcript --config --peer --cacert --cert --key --timeout --output -o)
    __prodha_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-c'|'--command')
        return
        ;;
    '--transcript')
        __prodha_add_completions -f
        return
        ;;
    '--config')
        __prodha_add_completions -o plusdirs -fX '!*.@(json|yaml|yml)'
        return
        ;;
    '--peer')
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion console -- --peer "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    '--cacert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--cert')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|crt)'
        return
        ;;
    '--key')
        __prodha_add_completions -o plusdirs -fX '!*.@(pem|key)'
        return
        ;;
    '--timeout')
        return
        ;;
    '--output'|'-o')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''yaml'$'\n''tsv'
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __prodha_add_completions -W "$(__prodha_custom_complete ---completion console -- positional@0 "${COMP_CWORD}" "$(__prodha_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_prodha_demo() {
    repeating_flags=()
    non_repeating_flags=(--no-kill --once --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--nodeos --directory --duration --kill-every --block-interval-ms)
    __prodha_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--nodeos')
        __prodha_add_completions -f
        return
        ;;
    '--directory')
        __prodha_add_completions -d
        return
        ;;
    '--duration')
        return
        ;;
    '--kill-every')
        return
        ;;
    '--block-interval-ms')
        return
        ;;
    esac
}

_prodha_bench() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--only --peers --rounds --sizes --clients --seconds --kills --entries --busy --readers --etcd --beside --directory --output)
    __prodha_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--only')
        return
        ;;
    '--peers')
        return
        ;;
    '--rounds')
        return
        ;;
    '--sizes')
        return
        ;;
    '--clients')
        return
        ;;
    '--seconds')
        return
        ;;
    '--kills')
        return
        ;;
    '--entries')
        return
        ;;
    '--busy')
        return
        ;;
    '--readers')
        return
        ;;
    '--etcd')
        __prodha_add_completions -f
        return
        ;;
    '--beside')
        __prodha_add_completions -f
        return
        ;;
    '--directory')
        __prodha_add_completions -d
        return
        ;;
    '--output')
        __prodha_add_completions -W 'table'$'\n''json'$'\n''svg'
        return
        ;;
    esac
}

_prodha_help() {
    repeating_flags=()
    non_repeating_flags=(--version)
    repeating_options=()
    non_repeating_options=()
    __prodha_offer_flags_options -1
}

complete -o filenames -F _prodha prodha
