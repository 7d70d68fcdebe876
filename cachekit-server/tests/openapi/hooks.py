"""What OpenAPI cannot say about the API, for schemathesis."""

import os

import schemathesis

MOST = 2_592_000


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The header is a must with API keys of the class `sdk`, and means nothing with others."""
    status = raw_schema["components"]["parameters"]["L1Status"]
    if os.environ["CACHEKIT_KEY_CLASS"] == "sdk":
        status["required"] = True
    else:
        status["schema"] = {"type": "string"}


def seconds(headers, name):
    text = (headers or {}).get(name)
    return int(text) if text is not None and str(text).isascii() and str(text).isdigit() else None


@schemathesis.hook
def filter_case(context, case):
    """Leaves out requests that are as described and not good, and the other way round."""
    key = (case.path_parameters or {}).get("key")
    if case.method.upper() == "OPTIONS" and not isinstance(key, (str, type(None))):
        # Any text is allowed there; a value that is not a text would get into the path without being encoded.
        return False
    if key == "health":
        # Not an entry's path: this is what the health check is for.
        return False
    headers = case.headers or {}
    if "x-schemathesis-unknown-property" in headers:
        # Headers that a server does not know are nothing to it.
        return False
    if "X-TTL" in headers and "X-CacheKit-TTL" in headers:
        # The old name means nothing beside the new one, whatever it says.
        return False
    stale = seconds(headers, "X-CacheKit-Stale-TTL")
    if stale is None:
        return True
    # A stale window needs a time to live, and both have a limit together.
    life = seconds(headers, "X-CacheKit-TTL")
    if life is None and "X-CacheKit-TTL" not in headers:
        life = seconds(headers, "X-TTL")
        if life is None and "X-TTL" not in headers:
            return False
    return life is None or life + stale <= MOST
