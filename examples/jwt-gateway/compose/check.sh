#!/bin/sh
# Asks the demo that runs in containers: whom the control plane serves, the tutorial's five requests, then
# an edit of the mounted policy, once by rename and once in place. The policy is put back at the end.
set -eu

cd "$(dirname "$0")/../../.."
url=http://127.0.0.1:8080
admin=http://127.0.0.1:18001
policy=examples/jwt-gateway/policy/jwt-policy.yaml
token=$(cat examples/jwt-gateway/token.txt)
saved=$(mktemp)
stranger=portreeve-stranger-$$
cp "$policy" "$saved"
trap 'cat "$saved" >"$policy"; rm -f "$saved"; docker rm -f "$stranger" >/dev/null 2>&1 || true' EXIT

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

# wait_for_gateway TEXT: until the control plane tells within its container of a gateway, for twenty seconds at most.
wait_for_gateway() {
	plane=$(docker ps -q --filter label=com.docker.compose.service=control-plane --filter publish=18001)
	i=0
	while ! docker exec "$plane" /portreeve status -o json | grep -q -e "$1"; do
		i=$((i + 1))
		[ "$i" -lt 200 ] || { echo "FAILED: portreeve status does not have $1" >&2; exit 1; }
		sleep 0.1
	done
	echo "ok: portreeve status has $1"
}

# wait_text TEXT URL: until a page has a text, for twenty seconds at most.
wait_text() {
	i=0
	while ! curl -s -m 5 "$2" | grep -q -e "$1"; do
		i=$((i + 1))
		[ "$i" -lt 200 ] || { echo "FAILED: $2 does not have $1" >&2; exit 1; }
		sleep 0.1
	done
	echo "ok: $2 has $1"
}

i=0
while ! curl -s -o /dev/null -m 2 "$url/api/v1/products/1"; do
	i=$((i + 1))
	[ "$i" -lt 300 ] || { echo "FAILED: nothing answers at $url" >&2; exit 1; }
	sleep 0.2
done
wait_for_gateway '"identity": *"spiffe://cluster.local/ns/istio-system/gateway/gateway"'
wait_for 200 "$admin/readyz"
wait_for 403 "$admin/debug/status"

echo "stranger: an Envoy that says it is the gateway, and has no certificate"
gateway=$(docker ps -q --filter label=com.docker.compose.service=gateway --filter publish=8080)
network=$(docker inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}' "$gateway")
image=$(docker inspect -f '{{.Config.Image}}' "$gateway")
bootstrap=$(docker run --rm portreeve:demo bootstrap --xds-address control-plane:18000 --envoy-admin-address 0.0.0.0:19000)
docker run -d --name "$stranger" --network "$network" -p 127.0.0.1:19001:19000 "$image" --config-yaml "$bootstrap" >/dev/null
refused='portreeve_xds_refused_total{reason="handshake"} [1-9]'
wait_text "$refused" "$admin/metrics"
wait_text 'cluster.xds-grpc.upstream_cx_total: \([2-9]\|[1-9][0-9]\)' http://127.0.0.1:19001/stats
wait_text 'listener_manager.lds.update_success: 0$' http://127.0.0.1:19001/stats
wait_text 'cluster_manager.cds.update_success: 0$' http://127.0.0.1:19001/stats
docker rm -f "$stranger" >/dev/null

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
