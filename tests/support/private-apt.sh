# To be sourced: an apt of one's own, which leaves the host's lists, sources and package status alone.
#
#   private_apt_init FOLDER ARCHITECTURE SUITE…   makes it in FOLDER; ends by `fail` where that is not possible
#   private_apt apt-get|apt-cache ARGUMENT…       runs it; what apt-get says goes to FOLDER/log
#
# The mirror is the one the host's own apt uses; TRIREME_MIRROR overrides it. The sourcing script defines `fail MESSAGE`.

# The first archive of the host's own sources that carries a Debian suite.
host_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '
      /^URIs:/ && /\/debian\/?([ \t]|$)/ { print $2; exit }
      $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z+]+:\/\/.*\/debian\/?$/) { print $i; exit } }'
}

private_apt_init() {
  apt=$1
  apt_architecture=$2
  shift 2
  for tool in apt-get dpkg dpkg-deb; do
    command -v "$tool" >/dev/null || fail "needs $tool (a Debian-like host)"
  done
  mirror=${TRIREME_MIRROR:-$(host_mirror)}
  [ -n "$mirror" ] || fail 'no Debian mirror in /etc/apt (set TRIREME_MIRROR)'
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$keyring" ] || fail "needs $keyring (package debian-archive-keyring)"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
  : >"$apt/status"
  for apt_suite in "$@"; do
    echo "deb [signed-by=$keyring] $mirror $apt_suite main"
  done >"$apt/sources.list"
}

private_apt() {
  program=$1
  shift
  set -- "$program" -qq \
    -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts="$apt/parts" \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts="$apt/parts" \
    -o Dir::State="$apt" -o Dir::State::Lists="$apt/lists" -o Dir::State::Status="$apt/status" \
    -o Dir::Cache="$apt" -o Dir::Cache::Archives="$apt/archives" \
    -o APT::Architecture="$apt_architecture" -o APT::Architectures::="$apt_architecture" \
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Acquire::Languages=none \
    -o APT::Update::Post-Invoke-Success= -o DPkg::Post-Invoke= -o Acquire::Retries=1 -o Acquire::http::Timeout=30 "$@"
  case $program in
    apt-cache) "$@" 2>/dev/null ;;
    *) "$@" -y >"$apt/log" 2>&1 || fail "$program: $(tail -n 3 "$apt/log" | tr '\n' ' ')" ;;
  esac
}
