#!/usr/bin/env bash
# Installs the VS Code that the extension is tested in, once, into the user's cache, and prints where:
#   install.sh           what package-lock.json names: code-server and the Node that it is made for
# Later calls find it there. It takes about 800 MB; `rm -r ~/.cache/plat/vscode-test` gives it back.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/plat/vscode-test"
version="$(cat "$here/package-lock.json" "$here/install.sh" | sha256sum | cut -c1-16)"
to="$cache/$version"

if [ -e "$to/complete" ]; then
    echo "$to"
    exit
fi
mkdir -p "$cache"
# One at a time: who comes second finds what the first has made.
exec 9>"$cache/lock"
flock 9
if [ -e "$to/complete" ]; then
    echo "$to"
    exit
fi
echo "installing VS Code for the tests into $to: some minutes, once" >&2
rm -rf "$to"
mkdir -p "$to"
cp "$here/package.json" "$here/package-lock.json" "$to/"
log="$to/install.log"
failed() {
    tail -n 40 "$log" >&2
    echo "VS Code for the tests could not be installed: the lines above are the end of $log" >&2
    exit 1
}
# No scripts: they would build a terminal and a file watcher, which no test uses and which need more
# than Node to be built. What else they do is done here.
fetch() {
    cd "$to" &&
        npm ci --ignore-scripts --no-audit --no-fund &&
        cd node_modules/code-server/lib/vscode &&
        npm install --ignore-scripts --no-audit --no-fund --omit=dev &&
        ln -sf code-linux.sh bin/remote-cli/code-server &&
        ln -sf browser-linux.sh bin/helpers/browser.sh
}
(fetch) >"$log" 2>&1 || failed
touch "$to/complete"
# Those of other versions, and what did not get ready.
find "$cache" -mindepth 1 -maxdepth 1 -type d ! -name "$version" -exec rm -rf {} +
echo "$to"
