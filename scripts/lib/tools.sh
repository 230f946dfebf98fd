# shellcheck shell=bash
# Tools that check the tree, at pinned versions, in a cache that outlives this checkout.

TOOLS_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pas-de-trois
TYPOS_VERSION=1.52.0
CARGO_DENY_VERSION=0.20.2

# need_typos: its wheel brings the program. Prints the program's path; fails if it can't be had.
need_typos() {
  local home=$TOOLS_CACHE/typos-$TYPOS_VERSION
  if [[ ! -x $home/bin/typos ]]; then
    say "fetching typos $TYPOS_VERSION (once)"
    rm -rf "$home.new"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps \
      --target "$home.new" "typos==$TYPOS_VERSION" >&2 || return
    mv "$home.new" "$home"
  fi
  echo "$home/bin/typos"
}

# need_cargo_deny: built from source, which takes minutes. Prints the program's path; fails if it can't be had.
need_cargo_deny() {
  local home=$TOOLS_CACHE/cargo-deny-$CARGO_DENY_VERSION
  if [[ ! -x $home/bin/cargo-deny ]]; then
    say "building cargo-deny $CARGO_DENY_VERSION (once, minutes)"
    cargo install --quiet --locked --root "$home" "cargo-deny@$CARGO_DENY_VERSION" >&2 || return
  fi
  echo "$home/bin/cargo-deny"
}
