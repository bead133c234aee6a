#!/bin/sh
# Asks the demo that runs in containers: the tutorial's five requests, then an edit of the
# mounted policy, once by rename and once in place. The policy is put back at the end.
set -eu

cd "$(dirname "$0")/../../.."
url=http://127.0.0.1:8080
policy=examples/jwt-gateway/policy/jwt-policy.yaml
token=$(cat examples/jwt-gateway/token.txt)
saved=$(mktemp)
cp "$policy" "$saved"
trap 'cat "$saved" >"$policy"; rm -f "$saved"' EXIT

status() { curl -s -o /dev/null -m 5 -w '%{http_code}' "$@"; }

# wait_for STATUS CURL-ARGUMENTS: asks for ten seconds at most.
wait_for() {
	want=$1
	shift
	i=0
	while [ "$(status "$@" || true)" != "$want" ]; do
		i=$((i + 1))
		[ "$i" -lt 100 ] || { echo "FAILED: $* did not answer $want" >&2; exit 1; }
		sleep 0.1
	done
	echo "ok: $want from $(echo "$*" | sed 's/Bearer .*/Bearer …/')"
}

i=0
while ! curl -s -o /dev/null -m 2 "$url/api/v1/products/1"; do
	i=$((i + 1))
	[ "$i" -lt 300 ] || { echo "FAILED: nothing answers at $url" >&2; exit 1; }
	sleep 0.2
done
wait_for 200 "$url/productpage" -H "Authorization: Bearer $token"
wait_for 403 "$url/productpage"
wait_for 401 "$url/productpage" -H 'Authorization: Bearer invalid token'
wait_for 200 "$url/api/v1/products/1"
wait_for 401 "$url/api/v1/products/1" -H 'Authorization: Bearer invalid token'

echo "edit: the protected path becomes /api/v1/products/1, by rename"
sed 's#- /productpage#- /api/v1/products/1#' "$saved" >"$policy.new"
chmod 644 "$policy.new"
mv "$policy.new" "$policy"
wait_for 403 "$url/api/v1/products/1"
wait_for 200 "$url/productpage"

echo "edit: and back, in place"
cat "$saved" >"$policy"
wait_for 403 "$url/productpage"
wait_for 200 "$url/api/v1/products/1"
