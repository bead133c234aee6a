#!/bin/sh
# Brings the demo up with Docker, asks it, edits its policy and takes it down.
set -eu

cd "$(dirname "$0")/.."
trap 'docker compose down --volumes --timeout 5' EXIT
docker compose up --detach --build
sh examples/jwt-gateway/compose/check.sh
