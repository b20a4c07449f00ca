#!/usr/bin/env bash
# Makes a release of this checkout in dist/: an archive, its checksums, a bill of materials (CycloneDX), the licences of third parties,
# and a Debian package where cargo-deb is installed. Publishes and downloads nothing but what cargo needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'USAGE'
Usage: ./release.sh [--target TRIPLE] [--out DIR] [--binary FILE] [--no-lists]

  --target TRIPLE  build for this target, such as x86_64-unknown-linux-musl [default: this machine]
  --out DIR        where to put it [default: dist]
  --binary FILE    package this program instead of building one
  --no-lists       leave out the bill of materials and the licences of third parties
USAGE
}

target=$(rustc -vV | sed -n 's/^host: //p')
out=dist binary='' lists=1 named=''
while [ $# -gt 0 ]; do
  case $1 in
    --target) target=$2 named=1; shift ;;
    --out) out=$2; shift ;;
    --binary) binary=$2; shift ;;
    --no-lists) lists=0 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=drovers-$version-$target
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "$binary" ]; then
  if [ -n "$named" ]; then
    cargo build --release --locked -p drovers --target "$target"
    binary=target/$target/release/drovers
  else
    cargo build --release --locked -p drovers
    binary=target/release/drovers
  fi
fi

folder=$work/$name
mkdir -p "$folder/packaging" "$folder/docs"
install -m 755 "$binary" "$folder/drovers"
install -m 755 install.sh launch.sh "$folder/"
install -m 644 install.bat launch.bat README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$folder/"
install -m 644 docs/*.md "$folder/docs/"
install -m 644 packaging/drovers.desktop packaging/drovers.svg "$folder/packaging/"
if [ "$lists" = 1 ]; then
  cargo run --quiet --locked -p tidy --example packages -- "$work/lists"
  install -m 644 "$work/lists/THIRD_PARTY.md" "$folder/"
  install -m 644 "$work/lists/THIRD_PARTY.md" "$out/"
  install -m 644 "$work/lists/drovers.cdx.json" "$out/drovers-$version.cdx.json"
fi

# The same input gives the same archive.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu \
  -C "$work" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"

if [ -z "$named" ] && [ "$lists" = 1 ] && cargo deb --version >/dev/null 2>&1; then
  deb=target/deb
  rm -rf "$deb"
  mkdir -p "$deb"
  "$binary" man "$deb/man" >/dev/null
  "$binary" completions bash >"$deb/drovers.bash"
  { echo '#compdef drovers'; "$binary" completions zsh; } >"$deb/_drovers"
  "$binary" completions fish >"$deb/drovers.fish"
  cp "$work/lists/THIRD_PARTY.md" "$deb/"
  cargo deb --no-build --locked -p drovers --output "$out/"
fi

# shellcheck disable=SC2094 # the sums are left out of themselves
(cd "$out" && rm -f SHA256SUMS && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum >SHA256SUMS)
cat "$out/SHA256SUMS"
