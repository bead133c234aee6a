#!/bin/sh
# Brings the demo up with Docker, asks it, edits its policy, brings it up again, which makes no
# certificate anew, and takes it down with what it kept.
set -eu

cd "$(dirname "$0")/.."
trap 'docker compose down --volumes --timeout 5' EXIT
docker compose up --detach --build
sh examples/jwt-gateway/compose/check.sh

docker compose up --detach
for what in 'the authority of' 'the certificate of server' 'the certificate of gateway'; do
	docker compose logs authority certificate | grep -q "unchanged: $what" || { echo "FAILED: a second up made $what … anew" >&2; exit 1; }
	echo "ok: a second up left $what …"
done
sh examples/jwt-gateway/compose/check.sh
