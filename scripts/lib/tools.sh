# shellcheck shell=bash
# Tools that check the tree, at pinned versions, in a cache that outlives this checkout.

TOOLS_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pas-de-trois
TYPOS_VERSION=1.52.0
CARGO_DENY_VERSION=0.20.2
REDOCLY_VERSION=2.10.0
SCHEMATHESIS_VERSION=4.32.5

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

# need_redocly: the linter of API descriptions. Prints the program's path; fails if it can't be had.
need_redocly() {
  local home=$TOOLS_CACHE/redocly-$REDOCLY_VERSION
  if [[ ! -x $home/node_modules/.bin/redocly ]]; then
    [[ -n $(type -P npm) ]] || return
    say "fetching redocly $REDOCLY_VERSION (once)"
    rm -rf "$home.new"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$home.new" "@redocly/cli@$REDOCLY_VERSION" >&2 || return
    mv "$home.new" "$home"
  fi
  echo "$home/node_modules/.bin/redocly"
}

# need_schemathesis: requests made from API descriptions. Prints the program's path; fails if it can't be had.
need_schemathesis() {
  local home=$TOOLS_CACHE/schemathesis-$SCHEMATHESIS_VERSION
  if [[ ! -e $home/complete ]]; then
    say "fetching schemathesis $SCHEMATHESIS_VERSION (once)"
    rm -rf "$home"
    # Its programs know the folder by its name, so it is made in its place.
    python3 -m venv "$home" >&2 || return
    "$home/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION" >&2 || return
    touch "$home/complete"
  fi
  echo "$home/bin/schemathesis"
}
