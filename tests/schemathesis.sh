#!/usr/bin/env bash
# Fuzzes a running server from its own OpenAPI document: no 5xx, no undocumented status, answers that fit their schemas.
#
#   tests/schemathesis.sh [more arguments for `schemathesis run`]
#
# SCHEMATHESIS_ROLES="customer staff" plays it once with a token of each of these roles, against a server with authentication;
# "every" stands for all five. Without it, the server asks nobody who they are.
#
# Needs python3 and curl; schemathesis goes into target/schemathesis. SCHEMATHESIS_EXAMPLES is the number of requests to
# each operation (100), SCHEMATHESIS_SEED repeats a run, ORDERLOG_PROGRAMS names a folder with a built program.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=4.32.5
EXAMPLES=${SCHEMATHESIS_EXAMPLES:-100}
PYTHON=target/schemathesis/bin/python

if [ ! -x "$PYTHON" ]; then
    python3 -m venv target/schemathesis
fi
"$PYTHON" -m pip install --quiet --disable-pip-version-check "schemathesis==$VERSION"

if [ -z "${ORDERLOG_PROGRAMS:-}" ]; then
    cargo build --quiet -p orderlog
fi
ORDERLOG=${ORDERLOG_PROGRAMS:-${CARGO_TARGET_DIR:-target}/debug}/orderlog
ROLES=${SCHEMATHESIS_ROLES:-}
[ "$ROLES" != every ] || ROLES="customer staff import operator admin"
if [ "$(wc -w <<<"$ROLES")" -gt 1 ]; then
    for role in $ROLES; do
        echo "as $role"
        SCHEMATHESIS_ROLES=$role bash tests/schemathesis.sh "$@"
    done
    exit
fi

DATA=$(mktemp -d)
LOG="$DATA/output"
: >"$LOG"
AUTH=()
if [ -n "$ROLES" ]; then
    printf 'a secret of a scan that has thirty-two bytes' >"$DATA/secret"
    AUTH=(--auth hs256 --auth-secret-file "$DATA/secret" --auth-issuer scan --auth-audience orderlog
        --rate-limit commands=0,views=0,heavy=0,streams=0,imports=0,networks=0)
fi

# A token of a role; the customer's is the one that the orders below belong to.
token() {
    python3 - "$1" "$DATA/secret" <<'PYTHON'
import base64, hashlib, hmac, json, sys, time
encoded = lambda part: base64.urlsafe_b64encode(part).rstrip(b"=")
claims = {"sub": "scan", "iss": "scan", "aud": "orderlog", "exp": int(time.time()) + 86400,
          "roles": [sys.argv[1]], "customer_id": "c-1"}
text = encoded(b'{"alg":"HS256"}') + b"." + encoded(json.dumps(claims).encode())
signature = hmac.new(open(sys.argv[2], "rb").read(), text, hashlib.sha256).digest()
print((text + b"." + encoded(signature)).decode())
PYTHON
}

"$ORDERLOG" --listen 127.0.0.1:0 --data-dir "$DATA/folder" "${AUTH[@]}" >"$LOG" 2>&1 &
SERVER=$!
trap 'kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; rm -rf "$DATA"' EXIT

# The line comes within a second, or the program has ended.
URL=$(timeout 30 tail --pid="$SERVER" -n +1 -f "$LOG" | grep -m1 -o '^listening on http://[0-9.:]*' | cut -d' ' -f3 || true)
if [ -z "$URL" ]; then
    cat "$LOG" >&2
    exit 1
fi

AS_ADMIN=() AS_ROLE=()
if [ -n "$ROLES" ]; then
    AS_ADMIN=(-H "Authorization: Bearer $(token admin)")
    AS_ROLE=(--header "Authorization: Bearer $(token "$ROLES")")
fi

for number in 1 2 3; do
    curl --silent --fail --output /dev/null "$URL/v1/orders" "${AS_ADMIN[@]}" -H 'Content-Type: application/json' -d '{
        "order_id": "00000000-0000-4000-8000-00000000000'"$number"'", "customer": {"id": "c-1", "name": "Ada"},
        "currency": "USD", "draft": '"$([ "$number" = 3 ] && echo true || echo false)"',
        "lines": [{"product_id": "tea", "name": "Tea", "quantity": 100000, "unit_price": "14.50"}]}'
done

SETUP="$PWD/tests/schemathesis"
cd target/schemathesis # what it leaves behind stays there
PYTHONPATH="$SETUP" PYTHONDONTWRITEBYTECODE=1 bin/schemathesis --config-file "$SETUP/schemathesis.toml" \
    run "$URL/openapi.json" \
    --url "$URL" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    "${AS_ROLE[@]}" \
    --max-examples "$EXAMPLES" \
    --generation-database :memory: \
    ${SCHEMATHESIS_SEED:+--seed "$SCHEMATHESIS_SEED"} \
    "$@"
