
use builtin;
use str;

set edit:completion:arg-completer[cachekit] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'cachekit'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'cachekit'= {
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand get 'Reads an entry, and writes its value'
            cand set 'Stores an entry; its value comes from a file or from standard input'
            cand delete 'Removes entries. One that is not there is no failure'
            cand exists 'Whether there is an entry: exit code 0, or 4'
            cand ttl 'Prints how long an entry has left, and gives it more'
            cand health 'Asks whether the backend works'
            cand key 'Computes the key by which all languages find the entry of a call'
            cand keygen 'Makes a master key: 32 random bytes in hex'
            cand fingerprint 'Prints the public names of the keys, which say nothing about them'
            cand inspect 'Says what a stored entry is, without any key'
            cand open 'Opens a sealed entry, and writes its value'
            cand rotate 'Leads through a change of the master key, and writes the key files for it'
            cand top 'Watches a server (requests, hits, times, store) or a program (functions by the worst hit ratio, what runs take, breakers, the last failures): a table that is drawn anew until `q`'
            cand completions 'Prints what a shell needs to complete this command''s options'
            cand man 'Prints the manual page, or writes those of all commands'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'cachekit;get'= {
            cand -b 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --backend 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --tenant 'With --secure: the tenant'
            cand --namespace 'With --secure: the namespace'
            cand --codec 'With --secure: the codec''s name. Without it, `get` tries those of `#[cache::secure]`, and `set` names none'
            cand --fingerprint 'With --secure: the fingerprint of the value''s schema, in hex'
            cand --key-file 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`'
            cand --out 'Writes to this new file, readable by its owner alone, instead of to standard output'
            cand --secure 'The value is sealed, in the native format or with --interop in that of all languages: opens it, or seals it'
            cand --interop 'The entry is one that all languages share: `get` writes it as JSON, and `set` takes JSON. What JSON lacks is written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`'
            cand --decode 'Writes the value as JSON; it has to be `MessagePack`'
            cand --raw 'Writes the whole entry, with the frame that annotated functions put before a value'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;set'= {
            cand -b 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --backend 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --tenant 'With --secure: the tenant'
            cand --namespace 'With --secure: the namespace'
            cand --codec 'With --secure: the codec''s name. Without it, `get` tries those of `#[cache::secure]`, and `set` names none'
            cand --fingerprint 'With --secure: the fingerprint of the value''s schema, in hex'
            cand --key-file 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`'
            cand --ttl 'Time to live: `90s`, `5m`, `1h 30m`, `2days`; without a unit in seconds. Without it the entry does not expire'
            cand --stale 'For how long after its time to live the value may be served stale'
            cand --secure 'The value is sealed, in the native format or with --interop in that of all languages: opens it, or seals it'
            cand --interop 'The entry is one that all languages share: `get` writes it as JSON, and `set` takes JSON. What JSON lacks is written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;delete'= {
            cand -b 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --backend 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;exists'= {
            cand -b 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --backend 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;ttl'= {
            cand -b 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --backend 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --set 'Gives a fresh entry this time to live, from now on'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;health'= {
            cand -b 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --backend 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;key'= {
            cand --namespace 'The namespace, as `namespace = "users"` on the function'
            cand --operation 'The operation, as `interop = "get_user"` on the function'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;keygen'= {
            cand --out 'Writes the key to this new file, readable by its owner alone, instead of to standard output'
            cand --format 'How the key is written'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'cachekit;fingerprint'= {
            cand --key-file 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`'
            cand --tenant 'The tenant'
            cand --namespace 'The namespace: key ids of the native format are different in each. Without it, only the fingerprints of the interop format are printed'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;inspect'= {
            cand --url 'The service''s base URL, in place of `CACHEKIT_API_URL`'
            cand --storage-key 'The key under which the service has the entry'
            cand --from-service 'Reads the entry from the service that the variables `CACHEKIT_API_KEY`, `CACHEKIT_API_URL` and so on name'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;open'= {
            cand --url 'The service''s base URL, in place of `CACHEKIT_API_URL`'
            cand --key-file 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`'
            cand --storage-key 'The key under which the entry is stored, as the backend sees it'
            cand --tenant 'The tenant that the entry was sealed for'
            cand --namespace 'The namespace that the entry was sealed for. Interop entries have theirs in the storage key'
            cand --codec 'The codec that the entry was sealed for. Without it, those of `#[cache::secure]` are tried'
            cand --fingerprint 'The fingerprint of the value''s schema that the entry was sealed for, in hex'
            cand --out 'Writes to this new file, readable by its owner alone, instead of to standard output'
            cand --from-service 'Reads the entry from the service that the variables `CACHEKIT_API_KEY`, `CACHEKIT_API_URL` and so on name'
            cand --interop 'The entry has the format that all SDKs of the ecosystem share'
            cand --decode 'Writes the value as JSON; it has to be `MessagePack`'
            cand --raw 'Writes everything that was sealed, with the frame that `#[cache::secure]` puts before a value'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;rotate'= {
            cand --key-file 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`'
            cand --tenant 'The tenant'
            cand --namespace 'The namespace: key ids of the native format are different in each. Without it, only the fingerprints of the interop format are printed'
            cand --out 'Writes the next keys to this new file, readable by its owner alone: a new current key, and today''s as the first of the previous ones'
            cand --format 'How --out is written'
            cand --next 'Checks that these keys may follow the present ones'
            cand --drop-oldest 'With --out: no new key; the oldest previous key is left out'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'cachekit;top'= {
            cand --token-file 'Sends the first line of this file as a bearer token. Without the option: `CACHEKIT_TOP_TOKEN`, or the file that `CACHEKIT_TOP_TOKEN_FILE` names. Over http:// to this machine only'
            cand -n 'How often the table is drawn anew'
            cand --interval 'How often the table is drawn anew'
            cand --once 'Prints the numbers since the start, once. So it is with --json, and where standard output is no terminal'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;completions'= {
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;man'= {
            cand --out-dir 'Writes a page for each command into this directory'
            cand --json 'Prints results as JSON, and failures too, on standard error'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'cachekit;help'= {
            cand get 'Reads an entry, and writes its value'
            cand set 'Stores an entry; its value comes from a file or from standard input'
            cand delete 'Removes entries. One that is not there is no failure'
            cand exists 'Whether there is an entry: exit code 0, or 4'
            cand ttl 'Prints how long an entry has left, and gives it more'
            cand health 'Asks whether the backend works'
            cand key 'Computes the key by which all languages find the entry of a call'
            cand keygen 'Makes a master key: 32 random bytes in hex'
            cand fingerprint 'Prints the public names of the keys, which say nothing about them'
            cand inspect 'Says what a stored entry is, without any key'
            cand open 'Opens a sealed entry, and writes its value'
            cand rotate 'Leads through a change of the master key, and writes the key files for it'
            cand top 'Watches a server (requests, hits, times, store) or a program (functions by the worst hit ratio, what runs take, breakers, the last failures): a table that is drawn anew until `q`'
            cand completions 'Prints what a shell needs to complete this command''s options'
            cand man 'Prints the manual page, or writes those of all commands'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'cachekit;help;get'= {
        }
        &'cachekit;help;set'= {
        }
        &'cachekit;help;delete'= {
        }
        &'cachekit;help;exists'= {
        }
        &'cachekit;help;ttl'= {
        }
        &'cachekit;help;health'= {
        }
        &'cachekit;help;key'= {
        }
        &'cachekit;help;keygen'= {
        }
        &'cachekit;help;fingerprint'= {
        }
        &'cachekit;help;inspect'= {
        }
        &'cachekit;help;open'= {
        }
        &'cachekit;help;rotate'= {
        }
        &'cachekit;help;top'= {
        }
        &'cachekit;help;completions'= {
        }
        &'cachekit;help;man'= {
        }
        &'cachekit;help;help'= {
        }
    ]
    $completions[$command]
}
