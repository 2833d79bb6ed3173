function __prodha_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __prodha_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __prodha_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __prodha_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __prodha_parse_tokens -S
    set -l unparsed_tokens (__prodha_tokens -pc)
    switch $unparsed_tokens[1]
    case 'prodha'
        __prodha_parse_subcommand 0 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'run'
            __prodha_parse_subcommand 0 'config=' 'self=' 'data-dir=' 'version' 'h/help'
        case 'status'
            __prodha_parse_subcommand 0 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'w/watch' 'version' 'h/help'
        case 'failover'
            __prodha_parse_subcommand 0 'region=' 'dry-run' 'force' 'accept-loss' 'drill' 'resume' 'rollback' 'confirm=' 'reason=' 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'version' 'h/help'
        case 'log'
            __prodha_parse_subcommand 0 'from=' 'to=' 'n/limit=' 'f/follow' 'region=' 'of=' 'data-dir=' 'incident' 'since=' 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'version' 'h/help'
        case 'history'
            __prodha_parse_subcommand 0 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'region=' 'loss' 'version' 'h/help'
        case 'transfer'
            __prodha_parse_subcommand 0 'to=' 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'region=' 'reason=' 'version' 'h/help'
        case 'pause'
            __prodha_parse_subcommand 0 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'region=' 'reason=' 'version' 'h/help'
        case 'resume'
            __prodha_parse_subcommand 0 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'region=' 'reason=' 'version' 'h/help'
        case 'confirm'
            __prodha_parse_subcommand 0 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'region=' 'reason=' 'version' 'h/help'
        case 'maintenance'
            __prodha_parse_subcommand 2 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'region=' 'reason=' 'version' 'h/help'
        case 'validate'
            __prodha_parse_subcommand -r 1 'self=' 'live' 'timeout=' 'cacert=' 'cert=' 'key=' 'o/output=' 'version' 'h/help'
        case 'bundle'
            __prodha_parse_subcommand 0 'file=' 'log-entries=' 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'version' 'h/help'
        case 'console'
            __prodha_parse_subcommand 1 'c/command=+' 'keep-going' 'transcript=' 'config=' 'peer=' 'cacert=' 'cert=' 'key=' 'timeout=' 'o/output=' 'no-color' 'version' 'h/help'
        case 'demo'
            __prodha_parse_subcommand -r 1 'nodeos=' 'directory=' 'duration=' 'kill-every=' 'no-kill' 'once' 'block-interval-ms=' 'no-color' 'version' 'h/help'
        case 'bench'
            __prodha_parse_subcommand 0 'only=' 'peers=' 'rounds=' 'sizes=' 'clients=' 'seconds=' 'kills=' 'entries=' 'busy=' 'readers=' 'etcd=' 'beside=' 'directory=' 'output=' 'version' 'h/help'
        case 'help'
            __prodha_parse_subcommand -r 1 'version'
        end
    end
end

function __prodha_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __prodha_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __prodha_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __prodha_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__prodha_tokens -p)
    if test -z "$(__prodha_tokens -t)"
        set -l index (count (__prodha_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'prodha' -f
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'run' -d 'Run one peer of a group.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'status' -d 'Show every peer of every region, dead ones too, and where they disagree.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'failover' -d 'Switch the active region: planned, or forced when the old one is lost.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'log' -d 'Show the replicated log: blocks, changes of the region, operators, leaders.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'history' -d 'Show who changed what and who led, as the replicated log has it.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'transfer' -d 'Move leadership to another peer of the region.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'pause' -d 'Stop a region\'s production, until it is resumed.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'resume' -d 'Let a paused region produce again.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'confirm' -d 'Give your word that no other region produces.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'maintenance' -d 'Keep a peer from leading, or let it lead again.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'validate' -d 'Check configuration files.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'bundle' -d 'Put what support needs into one archive: state, logs, metrics, configuration.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'console' -d 'Work against a live group in a session: look, watch, change, switch.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'demo' -d 'Watch two regions of three peers lose leaders, be switched, and go on.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'bench' -d 'Measure commits, failover, recovery and memory on this machine.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha run" config' -l 'config' -d 'The configuration file, JSON or YAML.' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha run" self' -l 'self' -d 'This peer\'s id; beats `self` in the file.' -rfka '(__prodha_custom_completion ---completion run -- --self (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha run" data-dir' -l 'data-dir' -d 'Where durable data is kept, made if missing; beats `data_dir` in the file.' -rfa '(__prodha_complete_directories)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha run" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha run" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion status -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" w watch' -l 'watch' -s 'w' -d 'Ask again every second, until ^C; the exit code is that of the last answers.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" region' -l 'region' -d 'The region that is to be active.' -rfka '(__prodha_custom_completion ---completion failover -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" dry-run' -l 'dry-run' -d 'Show what would be done, and whether it would begin; change nothing.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" force' -l 'force' -d 'Without the old region, which cannot be reached.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" accept-loss' -l 'accept-loss' -d 'With --force: blocks that only the old region has may be lost.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" drill' -l 'drill' -d 'A rehearsal: there and back, with times measured.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" resume' -l 'resume' -d 'Go on with the switch that has begun and not ended.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" rollback' -l 'rollback' -d 'Undo the switch that has begun and not ended, if it still can be.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" confirm' -l 'confirm' -d 'The region\'s name once more, instead of typing it; needed without a terminal.' -rfka '(__prodha_custom_completion ---completion failover -- --confirm (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" reason' -l 'reason' -d 'Why; kept in the history for others, up to 512 bytes.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion failover -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha failover" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" from' -l 'from' -d 'The first entry.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" to' -l 'to' -d 'The last entry.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" limit n' -s 'n' -l 'limit' -d 'At most so many entries; without --from 50.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" f follow' -l 'follow' -s 'f' -d 'Go on with what comes, until ^C; outlives changes of the leader.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" region' -l 'region' -d 'This region; else that of the file.' -rfka '(__prodha_custom_completion ---completion log -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" of' -l 'of' -d 'As this peer has it, an id or an API; else as the leader.' -rfka '(__prodha_custom_completion ---completion log -- --of (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" data-dir' -l 'data-dir' -d 'Read a stopped peer\'s data instead.' -rfa '(__prodha_complete_directories)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" incident' -l 'incident' -d 'One time line of what all peers tell: leaders, leases, operators, links, gaps.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" since' -l 'since' -d 'With --incident, the last 30s, 10m or 2h alone.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion log -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha log" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion history -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" region' -l 'region' -d 'This region alone.' -rfka '(__prodha_custom_completion ---completion history -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" loss' -l 'loss' -d 'The blocks that are in a region alone, because another one went on without it.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha history" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" to' -l 'to' -d 'The new leader\'s id or API; else the peer that is closest behind and well.' -rfka '(__prodha_custom_completion ---completion transfer -- --to (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion transfer -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" region' -l 'region' -d 'The region; else that of the configuration file or the peer.' -rfka '(__prodha_custom_completion ---completion transfer -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" reason' -l 'reason' -d 'Why; kept in the history for others, up to 512 bytes.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha transfer" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion pause -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" region' -l 'region' -d 'The region; else that of the configuration file or the peer.' -rfka '(__prodha_custom_completion ---completion pause -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" reason' -l 'reason' -d 'Why; kept in the history for others, up to 512 bytes.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha pause" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion resume -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" region' -l 'region' -d 'The region; else that of the configuration file or the peer.' -rfka '(__prodha_custom_completion ---completion resume -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" reason' -l 'reason' -d 'Why; kept in the history for others, up to 512 bytes.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha resume" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion confirm -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" region' -l 'region' -d 'The region; else that of the configuration file or the peer.' -rfka '(__prodha_custom_completion ---completion confirm -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" reason' -l 'reason' -d 'Why; kept in the history for others, up to 512 bytes.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha confirm" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha maintenance" -eq 1' -fka 'on off'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha maintenance" -eq 2' -fka '(__prodha_custom_completion ---completion maintenance -- positional@1 (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion maintenance -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" region' -l 'region' -d 'The region; else that of the configuration file or the peer.' -rfka '(__prodha_custom_completion ---completion maintenance -- --region (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" reason' -l 'reason' -d 'Why; kept in the history for others, up to 512 bytes.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha maintenance" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha validate" -ge 1' -fa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" self' -l 'self' -d 'Check for this peer\'s id; needed for a file without `self`.' -rfka '(__prodha_custom_completion ---completion validate -- --self (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" live' -l 'live' -d 'Compare what runs with the files, one for each region, and the peers with each other.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" timeout' -l 'timeout' -d 'With --live, how long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" o output' -l 'output' -s 'o' -d 'How to print the findings.' -rfka 'table json'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha validate" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" file' -l 'file' -d 'The archive; else prodha-bundle-REGION-TIME.tar.gz in this folder.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" log-entries' -l 'log-entries' -d 'So many of the newest log entries from each peer, at most 20000.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion bundle -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bundle" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_positional "prodha console" -eq 1' -fka '(__prodha_custom_completion ---completion console -- positional@0 (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console"' -s 'c' -l 'command' -d 'Carry out this and end; can be given several times.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" keep-going' -l 'keep-going' -d 'Without a terminal: go on after a command that failed.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" transcript' -l 'transcript' -d 'Add what is typed and printed to this file, with times.' -rF
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" config' -l 'config' -d 'A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)' -rfa '(set -l exts \'json\' \'yaml\' \'yml\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" peer' -l 'peer' -d 'One peer\'s API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)' -rfka '(__prodha_custom_completion ---completion console -- --peer (count (__prodha_tokens -pc)) (__prodha_tokens -tC))'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" cacert' -l 'cacert' -d 'The authority of the APIs\' certificates, for https; else that of the file\'s api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" cert' -l 'cert' -d 'This operator\'s certificate, for https. (environment: PRODHA_CERT)' -rfa '(set -l exts \'pem\' \'crt\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" key' -l 'key' -d 'Its private key. (environment: PRODHA_KEY)' -rfa '(set -l exts \'pem\' \'key\';for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.{$exts};printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" timeout' -l 'timeout' -d 'How long each peer may take: 2, 2s or 500ms, up to 300s.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" o output' -l 'output' -s 'o' -d 'How to print the result; with json, errors are JSON too.' -rfka 'table json yaml tsv'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha console" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" nodeos' -l 'nodeos' -d 'A nodeos beside each peer makes the blocks: its path, or a name in PATH; nodeos when none is given.' -rF
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" directory' -l 'directory' -d 'Where configuration, data and logs are kept and left behind. Default: a fresh directory in $TMPDIR or /tmp, removed at the end unless something went wrong.' -rfa '(__prodha_complete_directories)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" duration' -l 'duration' -d 'End after so long, from 1 to 1000000. Default: at ^C.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" kill-every' -l 'kill-every' -d 'From one death or switch to the next, from 1 to 86400.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" no-kill' -l 'no-kill' -d 'Kill nobody and switch nothing.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" once' -l 'once' -d 'End when each death and switch has been shown once.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" block-interval-ms' -l 'block-interval-ms' -d 'From one block to the next, from 100 to 10000, without --nodeos. Default: 500, as nodeos has it.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" no-color' -l 'no-color' -d 'No colours. (environment: NO_COLOR)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha demo" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" only' -l 'only' -d 'What to measure: floor, idle, commits, busy, failover, handover, recovery, separated by commas. Default: all.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" peers' -l 'peers' -d 'Peers of the group, from 3 to 9.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" rounds' -l 'rounds' -d 'Turns of each measurement of commits.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" sizes' -l 'sizes' -d 'Bytes of a block, from 256 to 4194304; several separated by commas.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" clients' -l 'clients' -d 'Clients that commit at the same time; 1 for none such.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" seconds' -l 'seconds' -d 'Length of a turn.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" kills' -l 'kills' -d 'Times that the leader is killed, and told to end.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" entries' -l 'entries' -d 'Commits before the measurements, all of which stay in the log; 0 for none.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" busy' -l 'busy' -d 'How long commits are measured while others take every processor.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" readers' -l 'readers' -d 'Clients that read the leader\'s events while blocks are committed.' -rfka ''
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" etcd' -l 'etcd' -d 'An etcd to measure beside it: its path, or its name.' -rF
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" beside' -l 'beside' -d 'Another prodha to measure beside this one, such as the one before a change.' -rF
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" directory' -l 'directory' -d 'Where data is kept while it runs: on the disk in question. Default: $TMPDIR or /tmp.' -rfa '(__prodha_complete_directories)'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" output' -l 'output' -d 'How the figures are printed: table, json, or svg for a picture of the commits.' -rfka 'table json svg'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" version' -l 'version' -d 'Show the version.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha bench" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'prodha' -n '__prodha_should_offer_completions_for_flags_or_options "prodha help" version' -l 'version' -d 'Show the version.'
