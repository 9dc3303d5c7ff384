"""Teaches schemathesis NDJSON: a body is sent as it is, and the last line of an answer is checked against the schema."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def as_it_is(ctx, value):
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")


@schemathesis.deserializer("application/x-ndjson")
def last_line(ctx, response):
    lines = [json.loads(line) for line in response.content.splitlines() if line.strip()]
    return lines[-1]
