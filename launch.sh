#!/bin/sh
# Starts Drovers: the installed program, else the one of this archive or checkout. Arguments are passed on.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
for program in "$here/drovers" "$here/bin/drovers" "$(command -v drovers 2>/dev/null || true)" \
  "${HOME:-}/.local/bin/drovers" "$here/target/release/drovers"; do
  if [ -n "$program" ] && [ -f "$program" ] && [ -x "$program" ]; then exec "$program" "$@"; fi
done
echo "launch.sh: Drovers is not installed. Run $here/install.sh first" >&2
exit 1
