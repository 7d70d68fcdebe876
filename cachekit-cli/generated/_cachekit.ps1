
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'cachekit' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'cachekit'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'cachekit' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Reads an entry, and writes its value')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Stores an entry; its value comes from a file or from standard input')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Removes entries. One that is not there is no failure')
            [CompletionResult]::new('exists', 'exists', [CompletionResultType]::ParameterValue, 'Whether there is an entry: exit code 0, or 4')
            [CompletionResult]::new('ttl', 'ttl', [CompletionResultType]::ParameterValue, 'Prints how long an entry has left, and gives it more')
            [CompletionResult]::new('health', 'health', [CompletionResultType]::ParameterValue, 'Asks whether the backend works')
            [CompletionResult]::new('key', 'key', [CompletionResultType]::ParameterValue, 'Computes the key by which all languages find the entry of a call')
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Makes a master key: 32 random bytes in hex')
            [CompletionResult]::new('fingerprint', 'fingerprint', [CompletionResultType]::ParameterValue, 'Prints the public names of the keys, which say nothing about them')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Says what a stored entry is, without any key')
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Opens a sealed entry, and writes its value')
            [CompletionResult]::new('rotate', 'rotate', [CompletionResultType]::ParameterValue, 'Leads through a change of the master key, and writes the key files for it')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Watches a server (requests, hits, times, store) or a program (functions by the worst hit ratio, what runs take, breakers, the last failures): a table that is drawn anew until `q`')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Prints what a shell needs to complete this command''s options')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Prints the manual page, or writes those of all commands')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'cachekit;get' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--tenant', '--tenant', [CompletionResultType]::ParameterName, 'With --secure: the tenant')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'With --secure: the namespace')
            [CompletionResult]::new('--codec', '--codec', [CompletionResultType]::ParameterName, 'With --secure: the codec''s name. Without it, `get` tries those of `#[cache::secure]`, and `set` names none')
            [CompletionResult]::new('--fingerprint', '--fingerprint', [CompletionResultType]::ParameterName, 'With --secure: the fingerprint of the value''s schema, in hex')
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Writes to this new file, readable by its owner alone, instead of to standard output')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'The value is sealed, in the native format or with --interop in that of all languages: opens it, or seals it')
            [CompletionResult]::new('--interop', '--interop', [CompletionResultType]::ParameterName, 'The entry is one that all languages share: `get` writes it as JSON, and `set` takes JSON. What JSON lacks is written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`')
            [CompletionResult]::new('--decode', '--decode', [CompletionResultType]::ParameterName, 'Writes the value as JSON; it has to be `MessagePack`')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Writes the whole entry, with the frame that annotated functions put before a value')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;set' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--tenant', '--tenant', [CompletionResultType]::ParameterName, 'With --secure: the tenant')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'With --secure: the namespace')
            [CompletionResult]::new('--codec', '--codec', [CompletionResultType]::ParameterName, 'With --secure: the codec''s name. Without it, `get` tries those of `#[cache::secure]`, and `set` names none')
            [CompletionResult]::new('--fingerprint', '--fingerprint', [CompletionResultType]::ParameterName, 'With --secure: the fingerprint of the value''s schema, in hex')
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Time to live: `90s`, `5m`, `1h 30m`, `2days`; without a unit in seconds. Without it the entry does not expire')
            [CompletionResult]::new('--stale', '--stale', [CompletionResultType]::ParameterName, 'For how long after its time to live the value may be served stale')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'The value is sealed, in the native format or with --interop in that of all languages: opens it, or seals it')
            [CompletionResult]::new('--interop', '--interop', [CompletionResultType]::ParameterName, 'The entry is one that all languages share: `get` writes it as JSON, and `set` takes JSON. What JSON lacks is written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;delete' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;exists' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;ttl' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Gives a fresh entry this time to live, from now on')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;health' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The backend''s URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;key' {
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace, as `namespace = "users"` on the function')
            [CompletionResult]::new('--operation', '--operation', [CompletionResultType]::ParameterName, 'The operation, as `interop = "get_user"` on the function')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;keygen' {
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Writes the key to this new file, readable by its owner alone, instead of to standard output')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How the key is written')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'cachekit;fingerprint' {
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`')
            [CompletionResult]::new('--tenant', '--tenant', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace: key ids of the native format are different in each. Without it, only the fingerprints of the interop format are printed')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;inspect' {
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The service''s base URL, in place of `CACHEKIT_API_URL`')
            [CompletionResult]::new('--storage-key', '--storage-key', [CompletionResultType]::ParameterName, 'The key under which the service has the entry')
            [CompletionResult]::new('--from-service', '--from-service', [CompletionResultType]::ParameterName, 'Reads the entry from the service that the variables `CACHEKIT_API_KEY`, `CACHEKIT_API_URL` and so on name')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;open' {
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The service''s base URL, in place of `CACHEKIT_API_URL`')
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`')
            [CompletionResult]::new('--storage-key', '--storage-key', [CompletionResultType]::ParameterName, 'The key under which the entry is stored, as the backend sees it')
            [CompletionResult]::new('--tenant', '--tenant', [CompletionResultType]::ParameterName, 'The tenant that the entry was sealed for')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace that the entry was sealed for. Interop entries have theirs in the storage key')
            [CompletionResult]::new('--codec', '--codec', [CompletionResultType]::ParameterName, 'The codec that the entry was sealed for. Without it, those of `#[cache::secure]` are tried')
            [CompletionResult]::new('--fingerprint', '--fingerprint', [CompletionResultType]::ParameterName, 'The fingerprint of the value''s schema that the entry was sealed for, in hex')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Writes to this new file, readable by its owner alone, instead of to standard output')
            [CompletionResult]::new('--from-service', '--from-service', [CompletionResultType]::ParameterName, 'Reads the entry from the service that the variables `CACHEKIT_API_KEY`, `CACHEKIT_API_URL` and so on name')
            [CompletionResult]::new('--interop', '--interop', [CompletionResultType]::ParameterName, 'The entry has the format that all SDKs of the ecosystem share')
            [CompletionResult]::new('--decode', '--decode', [CompletionResultType]::ParameterName, 'Writes the value as JSON; it has to be `MessagePack`')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Writes everything that was sealed, with the frame that `#[cache::secure]` puts before a value')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;rotate' {
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input. Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`')
            [CompletionResult]::new('--tenant', '--tenant', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace: key ids of the native format are different in each. Without it, only the fingerprints of the interop format are printed')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Writes the next keys to this new file, readable by its owner alone: a new current key, and today''s as the first of the previous ones')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How --out is written')
            [CompletionResult]::new('--next', '--next', [CompletionResultType]::ParameterName, 'Checks that these keys may follow the present ones')
            [CompletionResult]::new('--drop-oldest', '--drop-oldest', [CompletionResultType]::ParameterName, 'With --out: no new key; the oldest previous key is left out')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'cachekit;top' {
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'Sends the first line of this file as a bearer token. Without the option: `CACHEKIT_TOP_TOKEN`, or the file that `CACHEKIT_TOP_TOKEN_FILE` names. Over http:// to this machine only')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'How often the table is drawn anew')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often the table is drawn anew')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Prints the numbers since the start, once. So it is with --json, and where standard output is no terminal')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;completions' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;man' {
            [CompletionResult]::new('--out-dir', '--out-dir', [CompletionResultType]::ParameterName, 'Writes a page for each command into this directory')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Prints results as JSON, and failures too, on standard error')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'cachekit;help' {
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Reads an entry, and writes its value')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Stores an entry; its value comes from a file or from standard input')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Removes entries. One that is not there is no failure')
            [CompletionResult]::new('exists', 'exists', [CompletionResultType]::ParameterValue, 'Whether there is an entry: exit code 0, or 4')
            [CompletionResult]::new('ttl', 'ttl', [CompletionResultType]::ParameterValue, 'Prints how long an entry has left, and gives it more')
            [CompletionResult]::new('health', 'health', [CompletionResultType]::ParameterValue, 'Asks whether the backend works')
            [CompletionResult]::new('key', 'key', [CompletionResultType]::ParameterValue, 'Computes the key by which all languages find the entry of a call')
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Makes a master key: 32 random bytes in hex')
            [CompletionResult]::new('fingerprint', 'fingerprint', [CompletionResultType]::ParameterValue, 'Prints the public names of the keys, which say nothing about them')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Says what a stored entry is, without any key')
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Opens a sealed entry, and writes its value')
            [CompletionResult]::new('rotate', 'rotate', [CompletionResultType]::ParameterValue, 'Leads through a change of the master key, and writes the key files for it')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Watches a server (requests, hits, times, store) or a program (functions by the worst hit ratio, what runs take, breakers, the last failures): a table that is drawn anew until `q`')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Prints what a shell needs to complete this command''s options')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Prints the manual page, or writes those of all commands')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'cachekit;help;get' {
            break
        }
        'cachekit;help;set' {
            break
        }
        'cachekit;help;delete' {
            break
        }
        'cachekit;help;exists' {
            break
        }
        'cachekit;help;ttl' {
            break
        }
        'cachekit;help;health' {
            break
        }
        'cachekit;help;key' {
            break
        }
        'cachekit;help;keygen' {
            break
        }
        'cachekit;help;fingerprint' {
            break
        }
        'cachekit;help;inspect' {
            break
        }
        'cachekit;help;open' {
            break
        }
        'cachekit;help;rotate' {
            break
        }
        'cachekit;help;top' {
            break
        }
        'cachekit;help;completions' {
            break
        }
        'cachekit;help;man' {
            break
        }
        'cachekit;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
