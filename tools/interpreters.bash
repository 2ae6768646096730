# shellcheck shell=bash
# The interpreters that PyCDS is built and tested for, and their virtual environments; sourced by ./dev.

readonly DEBIAN_PACKAGES=(
    g++ cmake ninja-build ccache pkg-config libxxhash-dev libgtest-dev libbenchmark-dev
    python3 python3-dev python3-dbg python3-venv valgrind strace patchelf ca-certificates
)
# The CPython versions that PyCDS serves, and the tag of each interpreter that is looked for.
readonly TAGS=(3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15 debian trixie)
# The first of these found is taken where no tag is asked for: the tools, tests/conformance and benchmarks/ need 3.11.
readonly DEFAULT_TAGS=(3.11 3.12 3.13 debian 3.14 3.15 trixie)
# Those on which the slow tests have been seen to pass as a whole: the long groups run on two of them in turn.
readonly LONG_TAGS=(3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15)
# Those where snapshots have been tried, with the version and its C library: pycds/snapshot/commands.py.
readonly SNAPSHOT_TAGS=(3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15 debian trixie)
# Those whose own tests tests/conformance/cpython.py knows; a new one belongs into cpython_accepted.toml too.
readonly CPYTHON_TAGS=(3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15)
# Those that tools/debian_python can unpack: the suite of Debian, the version there, and further packages.
declare -rA UNPACKED=(
    [3.14]="sid 3.14 libpython3.14-testsuite"
    [3.15]="sid 3.15 libpython3.15-testsuite"
    [trixie]="trixie 3.13"
)

# What is worth to be kept from one run of CI to the next is in one directory when DEV_CACHE names it: unpacked
# interpreters, compiled objects, downloaded wheels. Without it, interpreters in build/, the others in ~/.cache.
readonly INTERPRETERS=${DEV_CACHE:-$ROOT/build}/interpreters
if [[ -n ${DEV_CACHE:-} ]]; then
    [[ $DEV_CACHE == /* ]] || die "DEV_CACHE must be an absolute path, not '$DEV_CACHE'"
    export CCACHE_DIR=$DEV_CACHE/ccache PIP_CACHE_DIR=$DEV_CACHE/pip
fi

# --- which there are ------------------------------------------------------------------------------

# The interpreter of a tag, or nothing: the distribution's own for `debian`, for a version pyenv's or one unpacked.
interpreter() {
    local tag=$1 candidate directory=$INTERPRETERS/$1 version
    if [[ $tag == debian ]]; then
        candidate=$(readlink -f /usr/bin/python3) || true
        [[ $candidate == /usr/bin/python3.* && -x $candidate ]] && echo "$candidate"
        return 0
    fi
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$tag".*/bin/python /usr/local/bin/python"$tag"; do
        # 3.13.0t is the free-threaded build of 3.13.0.
        [[ -x $candidate && $candidate != *t/bin/python ]] && { echo "$candidate"; return; }
    done
    [[ -n ${UNPACKED[$tag]:-} && -f $directory/.unpacked ]] || return 0
    read -r _ version _ <<<"${UNPACKED[$tag]}"
    # An unpacked one cannot be moved, and a cache may have been; or it may be older than what is wanted of it.
    [[ $(<"$directory/.unpacked") == "$directory ${UNPACKED[$tag]}" ]] && echo "$directory/usr/bin/python$version"
    return 0
}

# Unpacks the interpreter of a tag when nothing else provides it; one that cannot be had stays missing, with a word.
unpack() {
    local tag=$1 directory=$INTERPRETERS/$1 suite version further
    [[ -n ${UNPACKED[$tag]:-} && -z $(interpreter "$tag") ]] || return 0
    read -r suite version further <<<"${UNPACKED[$tag]}"
    say "unpacking CPython $version of Debian $suite"
    rm -rf "$directory"
    mkdir -p "$INTERPRETERS"
    # shellcheck disable=SC2086  # several packages
    if tools/debian_python "$suite" "$version" "$directory" $further >"$directory.log" 2>&1; then
        echo "$directory ${UNPACKED[$tag]}" >"$directory/.unpacked"
    else
        printf '%s: could not be unpacked, see %s: %s\n' "$tag" "$directory.log" "$(tail -n 1 "$directory.log")" >&2
    fi
}

present_tags() {
    local tag
    for tag in "${TAGS[@]}"; do [[ -n $(interpreter "$tag") ]] && echo "$tag"; done
    return 0
}

# Whether an interpreter of the same version stands before a tag in the list.
is_second_build() {
    local tag=$1 other version; version=$(minor_version "$tag")
    for other in $(present_tags); do
        [[ $other == "$tag" ]] && return 1
        [[ $(minor_version "$other") == "$version" ]] && return 0
    done
    return 1
}
minor_version() { "$(interpreter "$1")" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# Those that have CPython's own tests, and that tests/conformance knows; the distribution's own has not.
tested_tags() {
    local tag
    for tag in "${CPYTHON_TAGS[@]}"; do
        [[ -n $(interpreter "$tag") ]] || continue
        "$(interpreter "$tag")" -c 'import test.libregrtest' 2>/dev/null && echo "$tag"
    done
    return 0
}

# The number that chooses by turns: that of the day, or DEV_TURN to repeat a choice.
turn() { echo "${DEV_TURN:-$(($(date +%s) / 86400))}"; }

# COUNT of the words given, others each turn and far apart in the list, so that all have theirs.
in_turn() {
    local count=$1 i position; shift
    (($# < count)) && count=$#
    for ((i = 0; i < count; i++)); do
        position=$((($(turn) + i * $# / count) % $# + 1))
        echo "${!position}"
    done
}

# The same for what is done every second turn only.
in_turn_of_two() { DEV_TURN=$(($(turn) / 2)) in_turn "$@"; }

# The tag to work with: the one asked for, else the first present.
chosen_tag() {
    local tag=${1:-} candidate
    if [[ -z $tag ]]; then
        for candidate in "${DEFAULT_TAGS[@]}"; do
            [[ -n $(interpreter "$candidate") ]] && { echo "$candidate"; return; }
        done
        die "no CPython 3.11 or later found; run ./dev setup (Debian's) or install one with pyenv"
    fi
    [[ " ${TAGS[*]} " == *" $tag "* ]] || die "unknown interpreter '$tag'; one of: ${TAGS[*]}"
    unpack "$tag"
    [[ -n $(interpreter "$tag") ]] || die "no interpreter for '$tag' here; ./dev interpreters lists those found"
    echo "$tag"
}

act_interpreters() { ## the interpreters found, and those missing
    local tag python suite version
    for tag in "${TAGS[@]}"; do
        python=$(interpreter "$tag")
        if [[ -n $python ]]; then
            printf '%-8s %-9s %s\n' "$tag" "$("$python" -c 'import platform; print(platform.python_version())')" "$python"
        elif [[ -n ${UNPACKED[$tag]:-} ]]; then
            read -r suite version _ <<<"${UNPACKED[$tag]}"
            printf '%-8s missing; ./dev setup unpacks it (%s of Debian %s)\n' "$tag" "$version" "$suite"
        else
            printf '%-8s missing\n' "$tag"
        fi
    done
}

# --- what is installed ----------------------------------------------------------------------------

# Installs what is missing of DEBIAN_PACKAGES and of the packages named.
debian_packages() {
    local package missing=() as_root=()
    command -v dpkg-query >/dev/null ||
        die "setup knows Debian and its kin only; install yourself: ${DEBIAN_PACKAGES[*]}"
    for package in "${DEBIAN_PACKAGES[@]}" "$@"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *" installed" ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    if ((EUID)); then
        command -v sudo >/dev/null || die "run as root, or install sudo; missing: ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq -y --no-install-recommends \
        "${missing[@]}" >/dev/null
}

act_setup() { ## [PACKAGE...]: install what is missing with apt-get (as root or by sudo), unpack missing interpreters
    local tag
    debian_packages "$@"
    for tag in "${TAGS[@]}"; do unpack "$tag"; done
}

# Makes or renews the virtual environment DIR of PYTHON with the requirement files named; quick when nothing changed.
environment() {
    local dir=$1 python=$2; shift 2
    local wanted
    wanted=$({ "$python" -VV; echo "$python $*"; cat requirements/build.txt "${@/#/requirements/}"; } | sha256sum)
    [[ -f $dir/.requirements && $(<"$dir/.requirements") == "$wanted" ]] && return
    say "environment ${dir#"$ROOT"/} of $("$python" -V)"
    rm -rf "$dir"
    "$python" -m venv "$dir"
    local file args=()
    for file in "$@"; do args+=(-r "requirements/$file"); done
    # What is not imported need not be compiled: that takes longer than everything else together.
    "$dir/bin/python" -m pip install --quiet --no-compile "${args[@]}"
    echo "$wanted" >"$dir/.requirements"
}

tools() {
    local tag; tag=$(chosen_tag)
    environment "$ROOT/.venvs/tools" "$(interpreter "$tag")" dev.txt
}
