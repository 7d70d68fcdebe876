# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cachekit_global_optspecs
    string join \n json h/help V/version
end

function __fish_cachekit_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cachekit_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cachekit_using_subcommand
    set -l cmd (__fish_cachekit_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cachekit -n "__fish_cachekit_needs_command" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachekit -n "__fish_cachekit_needs_command" -s V -l version -d 'Print version'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "get" -d 'Reads an entry, and writes its value'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "set" -d 'Stores an entry; its value comes from a file or from standard input'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "delete" -d 'Removes entries. One that is not there is no failure'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "exists" -d 'Whether there is an entry: exit code 0, or 4'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "ttl" -d 'Prints how long an entry has left, and gives it more'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "health" -d 'Asks whether the backend works'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "key" -d 'Computes the key by which all languages find the entry of a call'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "keygen" -d 'Makes a master key: 32 random bytes in hex'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "fingerprint" -d 'Prints the public names of the keys, which say nothing about them'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "inspect" -d 'Says what a stored entry is, without any key'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "open" -d 'Opens a sealed entry, and writes its value'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "rotate" -d 'Leads through a change of the master key, and writes the key files for it'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "top" -d 'Watches a server (requests, hits, times, store) or a program (functions by the worst hit ratio, what runs take, breakers, the last failures): a table that is drawn anew until `q`'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "completions" -d 'Prints what a shell needs to complete this command\'s options'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "man" -d 'Prints the manual page, or writes those of all commands'
complete -c cachekit -n "__fish_cachekit_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -s b -l backend -d 'The backend\'s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l tenant -d 'With --secure: the tenant' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l namespace -d 'With --secure: the namespace' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l codec -d 'With --secure: the codec\'s name. Without it, `get` tries those of `#[cache::secure]`, and `set` names none' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l fingerprint -d 'With --secure: the fingerprint of the value\'s schema, in hex' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l key-file -d 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l out -d 'Writes to this new file, readable by its owner alone, instead of to standard output' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l secure -d 'The value is sealed, in the native format or with --interop in that of all languages: opens it, or seals it'
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l interop -d 'The entry is one that all languages share: `get` writes it as JSON, and `set` takes JSON. What JSON lacks is written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`'
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l decode -d 'Writes the value as JSON; it has to be `MessagePack`'
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l raw -d 'Writes the whole entry, with the frame that annotated functions put before a value'
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand get" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -s b -l backend -d 'The backend\'s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l tenant -d 'With --secure: the tenant' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l namespace -d 'With --secure: the namespace' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l codec -d 'With --secure: the codec\'s name. Without it, `get` tries those of `#[cache::secure]`, and `set` names none' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l fingerprint -d 'With --secure: the fingerprint of the value\'s schema, in hex' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l key-file -d 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l ttl -d 'Time to live: `90s`, `5m`, `1h 30m`, `2days`; without a unit in seconds. Without it the entry does not expire' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l stale -d 'For how long after its time to live the value may be served stale' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l secure -d 'The value is sealed, in the native format or with --interop in that of all languages: opens it, or seals it'
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l interop -d 'The entry is one that all languages share: `get` writes it as JSON, and `set` takes JSON. What JSON lacks is written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`'
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand set" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand delete" -s b -l backend -d 'The backend\'s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand delete" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand delete" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand exists" -s b -l backend -d 'The backend\'s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand exists" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand exists" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand ttl" -s b -l backend -d 'The backend\'s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand ttl" -l set -d 'Gives a fresh entry this time to live, from now on' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand ttl" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand ttl" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand health" -s b -l backend -d 'The backend\'s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand health" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand health" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand key" -l namespace -d 'The namespace, as `namespace = "users"` on the function' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand key" -l operation -d 'The operation, as `interop = "get_user"` on the function' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand key" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand key" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand keygen" -l out -d 'Writes the key to this new file, readable by its owner alone, instead of to standard output' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand keygen" -l format -d 'How the key is written' -r -f -a "lines\t'One key in each line, the current one first: for `FileKeySource` and `--key-file`'
env\t'The lines of an environment file, as systemd, Docker and shells read them'"
complete -c cachekit -n "__fish_cachekit_using_subcommand keygen" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachekit -n "__fish_cachekit_using_subcommand fingerprint" -l key-file -d 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand fingerprint" -l tenant -d 'The tenant' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand fingerprint" -l namespace -d 'The namespace: key ids of the native format are different in each. Without it, only the fingerprints of the interop format are printed' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand fingerprint" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand fingerprint" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand inspect" -l url -d 'The service\'s base URL, in place of `CACHEKIT_API_URL`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand inspect" -l storage-key -d 'The key under which the service has the entry' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand inspect" -l from-service -d 'Reads the entry from the service that the variables `CACHEKIT_API_KEY`, `CACHEKIT_API_URL` and so on name'
complete -c cachekit -n "__fish_cachekit_using_subcommand inspect" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l url -d 'The service\'s base URL, in place of `CACHEKIT_API_URL`' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l key-file -d 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l storage-key -d 'The key under which the entry is stored, as the backend sees it' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l tenant -d 'The tenant that the entry was sealed for' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l namespace -d 'The namespace that the entry was sealed for. Interop entries have theirs in the storage key' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l codec -d 'The codec that the entry was sealed for. Without it, those of `#[cache::secure]` are tried' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l fingerprint -d 'The fingerprint of the value\'s schema that the entry was sealed for, in hex' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l out -d 'Writes to this new file, readable by its owner alone, instead of to standard output' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l from-service -d 'Reads the entry from the service that the variables `CACHEKIT_API_KEY`, `CACHEKIT_API_URL` and so on name'
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l interop -d 'The entry has the format that all SDKs of the ecosystem share'
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l decode -d 'Writes the value as JSON; it has to be `MessagePack`'
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l raw -d 'Writes everything that was sealed, with the frame that `#[cache::secure]` puts before a value'
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand open" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l key-file -d 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l tenant -d 'The tenant' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l namespace -d 'The namespace: key ids of the native format are different in each. Without it, only the fingerprints of the interop format are printed' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l out -d 'Writes the next keys to this new file, readable by its owner alone: a new current key, and today\'s as the first of the previous ones' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l format -d 'How --out is written' -r -f -a "lines\t'One key in each line, the current one first: for `FileKeySource` and `--key-file`'
env\t'The lines of an environment file, as systemd, Docker and shells read them'"
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l next -d 'Checks that these keys may follow the present ones' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l drop-oldest -d 'With --out: no new key; the oldest previous key is left out'
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cachekit -n "__fish_cachekit_using_subcommand top" -l token-file -d 'Sends the first line of this file as a bearer token. Without the option: `CACHEKIT_TOP_TOKEN`, or the file that `CACHEKIT_TOP_TOKEN_FILE` names. Over http:// to this machine only' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand top" -s n -l interval -d 'How often the table is drawn anew' -r
complete -c cachekit -n "__fish_cachekit_using_subcommand top" -l once -d 'Prints the numbers since the start, once. So it is with --json, and where standard output is no terminal'
complete -c cachekit -n "__fish_cachekit_using_subcommand top" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand top" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand completions" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand completions" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand man" -l out-dir -d 'Writes a page for each command into this directory' -r -F
complete -c cachekit -n "__fish_cachekit_using_subcommand man" -l json -d 'Prints results as JSON, and failures too, on standard error'
complete -c cachekit -n "__fish_cachekit_using_subcommand man" -s h -l help -d 'Print help'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "get" -d 'Reads an entry, and writes its value'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "set" -d 'Stores an entry; its value comes from a file or from standard input'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "delete" -d 'Removes entries. One that is not there is no failure'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "exists" -d 'Whether there is an entry: exit code 0, or 4'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "ttl" -d 'Prints how long an entry has left, and gives it more'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "health" -d 'Asks whether the backend works'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "key" -d 'Computes the key by which all languages find the entry of a call'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "keygen" -d 'Makes a master key: 32 random bytes in hex'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "fingerprint" -d 'Prints the public names of the keys, which say nothing about them'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "inspect" -d 'Says what a stored entry is, without any key'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "open" -d 'Opens a sealed entry, and writes its value'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "rotate" -d 'Leads through a change of the master key, and writes the key files for it'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "top" -d 'Watches a server (requests, hits, times, store) or a program (functions by the worst hit ratio, what runs take, breakers, the last failures): a table that is drawn anew until `q`'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "completions" -d 'Prints what a shell needs to complete this command\'s options'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "man" -d 'Prints the manual page, or writes those of all commands'
complete -c cachekit -n "__fish_cachekit_using_subcommand help; and not __fish_seen_subcommand_from get set delete exists ttl health key keygen fingerprint inspect open rotate top completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
