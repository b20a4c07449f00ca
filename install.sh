#!/bin/sh
# Installs Drovers for this user: the program, completions, manual pages and a desktop entry. Downloads nothing: the program is the one
# beside this script, as in a release archive, else one that cargo builds from this checkout.
set -eu

usage() {
  cat <<'USAGE'
Usage: ./install.sh [--prefix DIR] [--add-to-path] [--build] [--uninstall] [--dry-run]

  --prefix DIR    where to install [default: ~/.local]
  --add-to-path   add the folder of the program to PATH in ~/.profile, if it is not there
  --build         build from this checkout, even if there is a program
  --uninstall     remove what an installation put there; the data directory stays
  --dry-run       print what would be done
USAGE
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=
build=0 add=0 uninstall=0 dry=0
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ $# -ge 2 ] || { usage >&2; exit 2; }; prefix=$2; shift ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --add-to-path) add=1 ;;
    --build) build=1 ;;
    --uninstall) uninstall=1 ;;
    --dry-run) dry=1 ;;
    -h|--help) usage; exit 0 ;;
    *) echo "install.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

if [ -z "$prefix" ]; then
  [ -n "${HOME:-}" ] || { echo "install.sh: HOME is not set. Set it, or name a folder with --prefix" >&2; exit 1; }
  prefix=$HOME/.local
fi
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac

bin=$prefix/bin
man=$prefix/share/man/man1
bash=$prefix/share/bash-completion/completions
zsh=$prefix/share/zsh/site-functions
fish=$prefix/share/fish/vendor_completions.d
apps=$prefix/share/applications
icons=$prefix/share/icons/hicolor/scalable/apps

say() { printf '%s\n' "$*"; }
run() { if [ "$dry" = 1 ]; then say "would run: $*"; else "$@"; fi; }

if [ "$uninstall" = 1 ]; then
  # A program that does not run any more cannot end servers either. Servers of other data directories than the usual one go on.
  if "$bin/drovers" --version >/dev/null 2>&1 && ! run "$bin/drovers" down; then
    echo "install.sh: nothing was removed, as Drovers could not be stopped (see above). Where sessions work: $bin/drovers down --end-turns ends their turns" >&2
    exit 1
  fi
  if [ -e "${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user/drovers.service" ] && [ -x "$bin/drovers" ]; then
    run "$bin/drovers" service remove || say "the service is still installed: \`systemctl --user disable --now drovers\`"
  fi
  run rm -f "$bin/drovers" "$bin/drovers.previous" "$bin/drovers.new" "$bin/drovers.old" "$bin/drovers.earlier" "$bash/drovers" "$zsh/_drovers" "$fish/drovers.fish" "$apps/drovers.desktop" "$icons/drovers.svg"
  for page in "$man"/drovers.1 "$man"/drovers-*.1; do
    [ -e "$page" ] && run rm -f "$page"
  done
  say "Drovers is removed from $prefix; its data directory stays"
  exit 0
fi

# The program: beside this script in an archive, else built here.
program=
if [ "$build" = 0 ]; then
  for candidate in "$here/drovers" "$here/bin/drovers" "$here/target/release/drovers"; do
    if [ -f "$candidate" ] && [ -x "$candidate" ]; then program=$candidate; break; fi
  done
fi
if [ -z "$program" ]; then
  if [ ! -f "$here/Cargo.toml" ]; then
    echo "install.sh: there is no program beside this script. Unpack the whole archive" >&2
    exit 1
  fi
  if ! command -v cargo >/dev/null 2>&1; then
    echo "install.sh: cargo is not installed. Install rustup and a C compiler, or use a release archive" >&2
    exit 1
  fi
  say "building Drovers, which takes some minutes"
  (cd "$here" && run cargo build --release --locked -p drovers)
  program=$here/target/release/drovers
fi
if [ "$dry" = 0 ] && ! version=$("$program" --version); then
  echo "install.sh: $program does not run on this machine. Use an archive for $(uname -s) $(uname -m)" >&2
  exit 1
fi

run mkdir -p "$bin" "$man" "$bash" "$zsh" "$fish"
# A rename replaces the program also while it runs.
run cp "$program" "$bin/.drovers.new"
run chmod 755 "$bin/.drovers.new"
run mv -f "$bin/.drovers.new" "$bin/drovers"
if [ "$dry" = 1 ]; then
  say "would write completions, manual pages and a desktop entry below $prefix/share"
  exit 0
fi
installed=$bin/drovers

"$installed" completions bash >"$bash/drovers"
{ echo '#compdef drovers'; "$installed" completions zsh; } >"$zsh/_drovers"
"$installed" completions fish >"$fish/drovers.fish"
"$installed" man "$man" >/dev/null

entry=
for candidate in "$here/packaging/drovers.desktop" "$here/share/drovers.desktop"; do
  if [ -f "$candidate" ]; then entry=$candidate; fi
done
if [ -n "$entry" ] && [ "$(uname -s)" != Darwin ]; then
  mkdir -p "$apps" "$icons"
  # The program may not be in the PATH of the desktop.
  quoted=$(printf '%s' "$installed" | sed 's/[\\"`$]/\\\\&/g; s/%/%%/g; s/[&|\\]/\\&/g')
  sed "s|^Exec=.*|Exec=\"$quoted\"|" "$entry" >"$apps/drovers.desktop"
  cp "$(dirname "$entry")/drovers.svg" "$icons/drovers.svg"
fi

say "$version is installed as $installed"
case :$PATH: in
  *:"$bin":*) ;;
  *)
    line="export PATH=\"$bin:\$PATH\""
    if [ "$add" = 1 ]; then
      profile=$HOME/.profile
      if ! grep -qsF "$line" "$profile"; then printf '\n# Drovers\n%s\n' "$line" >>"$profile"; fi
      say "PATH is set in $profile: log in again, or run: $line"
    else
      say "$bin is not in PATH. Run this, or use --add-to-path: $line"
    fi
    ;;
esac
# Says what is missing, OpenCode first of all. It is no failure of the installation.
"$installed" doctor || say "see above for what is missing; Drovers itself is installed"
say "Start it in a project with: drovers        (or look first: drovers demo)"
